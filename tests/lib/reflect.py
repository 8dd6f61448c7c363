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

"""usage: reflect.py INTERFACE...

Sends each frame of tools/vhost-user-frontend that comes by an INTERFACE back by
the same.
"""

import select
import socket
import sys

# A bridge takes what comes to its ports before who asks for one protocol.
ETH_P_ALL = 3
TYPE = b"\x88\xb5"

# For what comes while nothing is sent back.
SO_RCVBUFFORCE = 33
BUFFER = 16 << 20


def open_interface(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    s.bind((name, ETH_P_ALL))
    return s


def main():
    if len(sys.argv) < 2 or sys.argv[1] == "--help":
        sys.exit(__doc__)
    sockets = [open_interface(name) for name in sys.argv[1:]]
    print("ready", flush=True)
    while True:
        for s in select.select(sockets, [], [])[0]:
            frame, address = s.recvfrom(65536)
            if address[2] != socket.PACKET_OUTGOING and frame[12:14] == TYPE:
                s.send(frame)


if __name__ == "__main__":
    main()
