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

# Bash library: traffic in both directions whose contents a guest checks.
# Needs util.sh, guest.sh and an environment.
#
# The host, 192.0.2.1, sends back what the guest sends it by TCP; the guest
# compares.
#
# shellcheck shell=bash

# traffic_start GUEST: starts the traffic of a guest.
traffic_start()
{
    if ! process_pid echo >/dev/null; then
        env_spawn echo "$VDPA_ENV/echo.log" \
            python3 "$abs_top_srcdir/tests/lib/echo.py" 192.0.2.1 7 </dev/null \
            || return 1
    fi
    guest_exec "$1" '
        dd if=/dev/urandom of=/tmp/sent bs=64k count=4 2>/dev/null
        echo 0 > /tmp/rounds
        cat > /tmp/traffic <<\END
n=0
while [ ! -e /tmp/stop ]; do
    nc 192.0.2.1 7 < /tmp/sent > /tmp/received || continue
    cmp /tmp/sent /tmp/received >> /tmp/corrupt 2>&1
    n=$((n + 1))
    echo $n > /tmp/rounds.new && mv /tmp/rounds.new /tmp/rounds
    usleep 50000
done
END
        rm -f /tmp/stop /tmp/corrupt
        sh /tmp/traffic >/dev/null 2>&1 &' \
        && traffic_flows "$1"
}

# traffic_flows GUEST [ROUNDS]: waits until so many more times (4, if none) a
# quarter of a megabyte went forth and back.
traffic_flows()
{
    traffic_from=$(guest_exec "$1" cat /tmp/rounds) || return 1
    traffic_need=$((traffic_from + ${2-4}))
    wait_until -t 60 "[ \"\$(guest_exec '$1' cat /tmp/rounds)\" -ge $traffic_need ]"
}

# traffic_stop GUEST: ends it and fails if anything came back other than it was.
traffic_stop()
{
    guest_exec "$1" '
        touch /tmp/stop
        until ! pidof nc >/dev/null; do usleep 100000; done
        cat /tmp/rounds /tmp/corrupt; [ ! -s /tmp/corrupt ]'
}
