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

"""usage: desktop.py INTERFACE

Plays the network of an idle desktop, until it is killed: answers questions for
names (port 53 and, by multicast, 5353) and for the time (123), sends back what
comes to TCP port 443, where it also probes who is silent for a second, and
tells by itself what routers, printers and neighbours keep telling: ARP
requests, queries of IGMP and MLD, router advertisements, mDNS and SSDP.  The
first line is "ready".
"""

import select
import socket
import struct
import sys
import threading

import echo

MDNS = ("224.0.0.251", 5353)
SSDP = ("239.255.255.250", 1900)
PERIOD = 0.1        # Between what is told, in seconds.


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(interface, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                 interface.encode())
    s.bind(("", port))
    return s


def name_answer(question):
    """Says 192.0.2.3 to any question for a name."""
    end = question.index(b"\0", 12) + 5
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) \
        + socket.inet_aton("192.0.2.3")
    return question[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) \
        + question[12:end] + answer


def announcement():
    name = b"\x07printer\x05local\0"
    return struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + name \
        + struct.pack("!HHIH", 1, 0x8001, 120, 4) \
        + socket.inet_aton("192.0.2.3")


class Neighbours:
    """What comes without anybody's asking."""

    def __init__(self, interface, mdns):
        self.mdns = mdns
        self.ether = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.ether.bind((interface, 0))
        mac = self.ether.getsockname()[4]
        self.arp = b"\xff" * 6 + mac + struct.pack(
            "!HHHBBH6s4s6s4s", 0x0806, 1, 0x0800, 6, 4, 1, mac,
            socket.inet_aton("192.0.2.3"), b"\0" * 6,
            socket.inet_aton("192.0.2.77"))
        self.igmp = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                  socket.IPPROTO_IGMP)
        self.igmp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                             interface.encode())
        # Router Alert.
        self.igmp.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS,
                             b"\x94\x04\0\0")
        self.icmp6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW,
                                   socket.IPPROTO_ICMPV6)
        self.icmp6.setsockopt(socket.IPPROTO_IPV6,
                              socket.IPV6_MULTICAST_HOPS, 255)
        self.all_nodes = ("ff02::1", 0, 0, socket.if_nametoindex(interface))

    def tell(self):
        self.ether.send(self.arp)
        query = struct.pack("!BBH4s", 0x11, 1, 0, b"\0" * 4)
        query = query[:2] + struct.pack("!H", checksum(query)) + query[4:]
        self.igmp.sendto(query, ("224.0.0.1", 0))
        # The kernel adds the checksums: MLD's query, and a router that knows
        # no prefix and is not to be used as one.
        self.icmp6.sendto(struct.pack("!BBHHH16s", 130, 0, 0, 100, 0,
                                      b"\0" * 16), self.all_nodes)
        self.icmp6.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0),
                          self.all_nodes)
        self.mdns.sendto(announcement(), MDNS)
        self.mdns.sendto(b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n", SSDP)


class Server(echo.Server):
    address_family = socket.AF_INET6        # And IPv4.


class Echo(echo.Echo):
    def setup(self):
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            self.request.setsockopt(socket.IPPROTO_TCP, option, 1)


def main():
    if len(sys.argv) != 2 or sys.argv[1] == "--help":
        sys.exit(__doc__)
    interface = sys.argv[1]
    dns, ntp, mdns = (udp(interface, port) for port in (53, 123, 5353))
    index = socket.if_nametoindex(interface)
    mdns.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("=4s4si", socket.inet_aton(MDNS[0]),
                                b"\0" * 4, index))
    mdns.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                    struct.pack("=4s4si", b"\0" * 4, b"\0" * 4, index))
    neighbours = Neighbours(interface, mdns)
    server = Server(("::", 443), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([dns, ntp, mdns], [], [], PERIOD)
        for s in ready:
            data, peer = s.recvfrom(2048)
            if s is ntp:
                s.sendto(b"\x24" + b"\0" * 47, peer)
            elif len(data) > 16 and not data[2] & 0x80:
                s.sendto(name_answer(data), peer)
        if not ready:
            neighbours.tell()


if __name__ == "__main__":
    main()
