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

"""usage: vhost-features.py SOCKET

Serves SOCKET as QEMU would, asks the vhost-user back-end that connects what it
offers, and prints its features and its protocol features, in hexadecimal.
"""

import os
import socket
import struct
import sys

GET_FEATURES = 1
GET_PROTOCOL_FEATURES = 15
VERSION = 1


def ask(connection, request):
    """Returns the 64 bits that the back-end answers with."""
    connection.sendall(struct.pack("=III", request, VERSION, 0))
    answer = connection.recv(20, socket.MSG_WAITALL)
    got, _, size, value = struct.unpack("=IIIQ", answer)
    if got != request or size != 8:
        sys.exit("request %d was answered by %d" % (request, got))
    return value


def main():
    if len(sys.argv) != 2 or sys.argv[1] == "--help":
        sys.exit(__doc__)
    if os.path.exists(sys.argv[1]):
        os.unlink(sys.argv[1])
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sys.argv[1])
        server.listen(1)
        server.settimeout(30)
        connection, _ = server.accept()
        connection.settimeout(30)
        with connection:
            print("0x%x 0x%x" % (ask(connection, GET_FEATURES),
                                 ask(connection, GET_PROTOCOL_FEATURES)))


if __name__ == "__main__":
    main()
