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

# What an idle desktop does, run by a guest: it asks for an address, and then, a
# few times, for what there is in the network that desktop.py plays.  Who cannot
# find it ends this, except where nobody answers: by multicast, and by syslog,
# which stands for NTP and SSDP, as busybox has neither.
#
# shellcheck shell=dash

set -e
cat > /tmp/bound <<'END'
#!/bin/sh
[ "$1" != bound ] || ip addr add "$ip/24" dev "$interface"
END
chmod +x /tmp/bound
ip link set eth0 up
udhcpc -i eth0 -n -q -f -t 10 -T 1 -s /tmp/bound
ip addr add 2001:db8::2/64 dev eth0
ip link add link eth0 name vlan5 type vlan id 5
ip addr add 198.51.100.2/24 dev vlan5
ip link set vlan5 up
ip route add 224.0.0.0/4 dev eth0
# Until they are known to be nobody else's, they are not used.
while ip addr | grep -q tentative; do usleep 50000; done
syslogd -R 192.0.2.3:123 -R 239.255.255.250:1900
dd if=/dev/urandom of=/tmp/sent bs=20k count=1
# Open and silent: the peer probes it.
(sleep 1000 | nc 192.0.2.3 443) >/dev/null 2>&1 &
for i in 1 2; do
    udhcpc -i eth0 -n -q -f -t 10 -T 1 -r 192.0.2.2 -s /tmp/bound
    nslookup www.example.com 192.0.2.3
    timeout 1 nslookup printer.local 224.0.0.251:5353 &
    logger "$i: as long as a question for the time is, or longer"
    arping -c 1 -I eth0 192.0.2.3
    for to in 192.0.2.3 2001:db8::3 198.51.100.3; do
        /bin/ping -c 2 -i 0.05 -W 5 $to
        /bin/ping -c 1 -W 5 -s 3000 $to
        nc $to 443 < /tmp/sent > /tmp/received
        cmp /tmp/sent /tmp/received
    done
done
