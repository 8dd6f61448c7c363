#!/usr/bin/env python3
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at:
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.


"""usage: sniff.py INTERFACE

Prints a line for each ICMP and TCP packet over IPv4 that INTERFACE receives or
sends, until it is killed: "icmp TYPE SOURCE DESTINATION BYTES", or "tcp SOURCE
DESTINATION BYTES ok", with "bad" in the place of "ok" if the checksum is wrong.
BYTES are those of the frame.  What comes in an ERSPAN tunnel begins with
"erspan".  The first line is "ready".
"""

import socket
import struct
import sys

ETH_P_ALL = 3
GRE = 47
ERSPAN = 0x88be


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def erspan(payload):
    """Returns the frame in a GRE packet, None if it has no ERSPAN header."""
    flags, protocol = struct.unpack_from("!HH", payload)
    if protocol != ERSPAN:
        return None
    # A checksum, a key and a sequence number have four bytes each; ERSPAN's
    # header has eight, but for the version that comes without any.
    sequence = bool(flags & 0x1000)
    size = 4 + 4 * (bool(flags & 0x8000) + bool(flags & 0x2000) + sequence)
    return payload[size + (8 if sequence else 0):]


def describe(frame, prefix=""):
    if len(frame) < 34 or frame[12:14] != b"\x08\x00":
        return None
    size = (frame[14] & 15) * 4
    length = struct.unpack_from("!H", frame, 16)[0]
    protocol = frame[23]
    addresses = "%s %s" % (socket.inet_ntoa(frame[26:30]),
                           socket.inet_ntoa(frame[30:34]))
    payload = frame[14 + size:14 + length]
    if protocol == socket.IPPROTO_ICMP:
        return "%sicmp %d %s %d" % (prefix, payload[0], addresses, len(frame))
    if protocol == socket.IPPROTO_TCP:
        pseudo = frame[26:34] + struct.pack("!HH", protocol, len(payload))
        good = checksum(pseudo + payload) == 0xffff
        return "%stcp %s %d %s" % (prefix, addresses, len(frame),
                                   "ok" if good else "bad")
    if protocol == GRE:
        inner = erspan(payload)
        return inner and describe(inner, "erspan ")
    return None


def main():
    if len(sys.argv) != 2 or sys.argv[1] == "--help":
        sys.exit(__doc__)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                      socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    s.bind((sys.argv[1], 0))
    print("ready", flush=True)
    while True:
        line = describe(s.recv(65600))
        if line:
            print(line, flush=True)


if __name__ == "__main__":
    main()
