# SPDX-License-Identifier: Apache-2.0
#
# Who is asked, and what the answers are.

import json
import os
import re
import socket
import time


class Gone(Exception):
    """Nobody answers, or not what is expected.  Says why."""


class Telemetry:
    """A connection to DPDK's telemetry."""

    def __init__(self, path):
        self.path = path
        self.sock = None
        self.pid = None
        self.limit = 16384

    def close(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def _connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(10)
        try:
            sock.connect(self.path)
            hello = json.loads(sock.recv(65536) or b"{}")
            self.pid, self.limit = hello["pid"], hello["max_output_len"]
        except PermissionError:
            sock.close()
            raise Gone("may not open %s: run this as root, or as the user "
                       "that ovs-vswitchd runs as" % self.path)
        except (OSError, ValueError, KeyError, TypeError) as e:
            sock.close()
            why = (os.strerror(e.errno) if isinstance(e, OSError) and e.errno
                   else "it is busy, or no telemetry of DPDK")
            raise Gone("no answer from %s (%s): is ovs-vswitchd running, "
                       "with DPDK initialized, and without --no-telemetry in "
                       "other_config:dpdk-extra?  --socket takes another path"
                       % (self.path, why))
        self.sock = sock

    def ask(self, command):
        """Returns the answer to 'command'."""
        if not self.sock:
            self._connect()
        try:
            self.sock.send(command.encode())
            answer = self.sock.recv(self.limit + 1)
            value = json.loads(answer)[command.split(",")[0]]
        except (OSError, ValueError, KeyError, TypeError):
            self.close()
            raise Gone("%s does not answer any more" % self.path)
        if value is None:
            raise Gone("whoever serves %s knows nothing of dpdkvdpa ports: "
                       "it is another program, or an Open vSwitch without "
                       "them" % self.path)
        return value

    def names(self):
        """Returns the names of all ports."""
        names = []
        while True:
            more = self.ask("/dpdkvdpa/list,%d" % len(names))
            if not isinstance(more, list) or not more:
                return names
            names += more

    def port(self, name):
        """Returns what there is to know of a port, with all of its queue
        pairs, or None if it has gone."""
        port = self.ask("/dpdkvdpa/port,%s" % name)
        if "error" in port:
            if "is not a dpdkvdpa port" in port["error"]:
                return None
            raise Gone(port["error"])
        queues = port.setdefault("queues", {})
        while queues and len(queues) < port.get("n_queues", 0):
            first = max(int(q) for q in queues) + 1
            more = self.ask("/dpdkvdpa/port,%s,%d" % (name, first))
            if not more.get("queues"):
                break
            queues.update(more["queues"])
        return port


class Control:
    """What ovs-appctl asks, for the share of PMD threads; silent if it cannot
    be had."""

    def __init__(self, path):
        self.path = path

    def shares(self, pid):
        """Returns the percentage of a PMD thread by port, summed over the
        port's rx-queues."""
        path = self.path or os.path.join(
            os.environ.get("OVS_RUNDIR", "/var/run/openvswitch"),
            "ovs-vswitchd.%s.ctl" % pid)
        try:
            return parse_shares(self._call(path, "dpif-netdev/pmd-rxq-show"))
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    @staticmethod
    def _call(path, method):
        request = {"id": 0, "method": method, "params": []}
        decoder = json.JSONDecoder()
        text = ""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(5)
            sock.connect(path)
            sock.sendall(json.dumps(request).encode())
            while True:
                data = sock.recv(65536)
                if not data:
                    raise ValueError("half an answer")
                text += data.decode(errors="replace")
                try:
                    return decoder.raw_decode(text)[0]["result"]
                except json.JSONDecodeError:
                    continue


def parse_shares(text):
    """Returns the percentages in what pmd-rxq-show printed."""
    shares = {}
    for name, percent in re.findall(
            r"^ *port: (\S+) +queue-id:.*usage: *(\d+) *%", text, re.M):
        shares[name] = shares.get(name, 0) + int(percent)
    return shares


class Sample:
    """All ports at one moment."""

    def __init__(self, telemetry, control):
        self.when = time.time()
        self.ports = {}
        for name in telemetry.names():
            port = telemetry.port(name)
            if port is not None:
                self.ports[name] = port
        self.pid = telemetry.pid
        self.shares = control.shares(telemetry.pid)
