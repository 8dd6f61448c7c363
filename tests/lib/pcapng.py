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

"""usage: pcapng.py FILE

Prints a line for each packet in a pcapng file of this machine's byte order:
"in" or "out", how many bytes were captured, how many there were, its EtherType,
and behind all tags what it is: "icmp6/135" is by ICMPv6's type, "udp/53" by the
lower port, "ip/2" another protocol, "fragment" one of several.  Fails if the
file is not well-formed.
"""

import struct
import sys

SECTION_HEADER = 0x0a0d0d0a
INTERFACE = 1
ENHANCED_PACKET = 6
OPTION_FLAGS = 2


def blocks(data):
    """Yields the type and the body of each block."""
    offset = 0
    while offset < len(data):
        kind, length = struct.unpack_from("=II", data, offset)
        if length < 12 or length % 4:
            raise ValueError("block of length %d at %d" % (length, offset))
        trailer, = struct.unpack_from("=I", data, offset + length - 4)
        if trailer != length:
            raise ValueError("block at %d ends with %d" % (offset, trailer))
        yield kind, data[offset + 8:offset + length - 4]
        offset += length


def options(data):
    """Yields the code and the value of each option."""
    while len(data) >= 4:
        code, length = struct.unpack_from("=HH", data)
        if code == 0:
            return
        yield code, data[4:4 + length]
        data = data[4 + (length + 3) // 4 * 4:]


def transport(protocol, data):
    """Names what is in an IP packet."""
    if protocol in (1, 58) and data:
        return "icmp%s/%d" % ("6" if protocol == 58 else "", data[0])
    if protocol in (6, 17) and len(data) >= 4:
        return "%s/%d" % ("tcp" if protocol == 6 else "udp",
                          min(struct.unpack_from(">HH", data)))
    return "ip/%d" % protocol


def what(frame):
    """Names what is in a frame."""
    offset = 12
    while frame[offset:offset + 2] in (b"\x81\x00", b"\x88\xa8"):
        offset += 4
    kind, data = frame[offset:offset + 2], frame[offset + 2:]
    if kind == b"\x08\x00" and len(data) >= 20:
        if struct.unpack_from(">H", data, 6)[0] & 0x3fff:
            return "fragment"
        return transport(data[9], data[(data[0] & 15) * 4:])
    if kind == b"\x86\xdd" and len(data) >= 48:
        protocol, data = data[6], data[40:]
        if protocol == 0:           # Hop-by-hop options, as of MLD.
            protocol, data = data[0], data[8 + data[1] * 8:]
        return "fragment" if protocol == 44 else transport(protocol, data)
    return "arp" if kind == b"\x08\x06" else "other"


def describe(body):
    _, _, _, captured, original = struct.unpack_from("=IIIII", body)
    end = 20 + (captured + 3) // 4 * 4
    direction = "none"
    for code, value in options(body[end:]):
        if code == OPTION_FLAGS:
            flags, = struct.unpack("=I", value)
            direction = {1: "in", 2: "out"}.get(flags & 3, "none")
    frame = body[20:20 + captured]
    return "%s %d %d 0x%04x %s" % (direction, captured, original,
                                   struct.unpack_from(">H", frame, 12)[0],
                                   what(frame))


def main():
    if len(sys.argv) != 2 or sys.argv[1] == "--help":
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    seen = []
    for kind, body in blocks(data):
        seen.append(kind)
        if kind == ENHANCED_PACKET:
            print(describe(body))
    if seen[:2] != [SECTION_HEADER, INTERFACE]:
        raise ValueError("the file begins with blocks %s" % seen[:2])


if __name__ == "__main__":
    main()
