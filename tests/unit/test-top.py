#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Unit tests of tools/dpdkvdpa-top: arithmetic, who is asked, what is shown.

import json
import os

from top_fixture import (PORT, Server, eq, gone, lane, main, port_at, run,
                         tmp)

from dpdkvdpa_top import asking, rates
from dpdkvdpa_top.view import COLUMNS, View, short

# Arithmetic.

def test_increase():
    eq(rates.increase(5, 7), 2)
    eq(rates.increase(7, 7), 0)
    eq(rates.increase((1 << 64) - 3, 4), 7)       # It has wrapped around.
    eq(rates.increase(1000, 4), 4)                # It has begun anew.
    eq(rates.increase(None, 4), None)
    eq(rates.increase(4, None), None)


def test_rates():
    old, new = port_at(1000, 100), port_at(3000, 300)
    new["library"] = {"rx_packets": 20, "tx_packets": 40}
    new["vm_to_vf"]["dropped"] = 10
    new["vm_to_vf"]["drops"]["policed"] = 10
    new["vf"]["rx_missed"] = 6
    p = rates.describe("vdpa0", old, new, 17)
    eq(p["interval"], 2)
    eq(p["from_guest"], {"packets_per_second": 100, "bits_per_second": 80000,
                         "dropped_per_second": 5, "pending": 0,
                         "drops_per_second": {"policed": 5}})
    eq(p["to_guest"]["packets_per_second"], 200)
    eq(p["to_guest"]["drops_per_second"], {})
    eq(round(p["walked_share"], 6), 0.9)        # 60 of 200 + 400.
    eq(p["memory_share"], 0.25)
    eq(p["vf_lost_per_second"], {"rx_missed": 3})
    eq(p["pmd_percent"], 17)
    eq((p["guest"], p["queue_pairs"], p["mode"]), (True, 2, "sw"))
    eq(p["last_events"][0], {"when": 1700000000, "what": "second"})


def test_unknown():
    p = rates.describe("vdpa0", None, port_at(1000, 100), None)
    eq(p["from_guest"]["packets_per_second"], None)
    eq(p["walked_share"], None)
    p = rates.describe("vdpa0", port_at(1000, 1), port_at(1000, 2), None)
    eq(p["from_guest"]["packets_per_second"], None)     # No time has passed.
    p = rates.describe("vdpa0", port_at(3000, 1), port_at(1000, 2), None)
    eq(p["from_guest"]["packets_per_second"], None)     # Another machine's.
    # An older Open vSwitch, or a newer one, has other members.
    p = rates.describe("vdpa0", {"time": 1}, {"time": 2, "new": {}}, None)
    eq(p["from_guest"]["packets_per_second"], None)
    eq((p["mode"], p["guest"], p["memory_share"], p["events"]),
       (None, False, None, {}))
    new = port_at(2000, 300)
    del new["vm_to_vf"]["rx_bytes"], new["library"]
    p = rates.describe("vdpa0", port_at(1000, 100), new, None)
    eq(p["from_guest"]["packets_per_second"], 200)
    eq(p["from_guest"]["bits_per_second"], None)
    eq(p["walked_share"], None)
    # Lines are made of all of this.
    View(1).lines([p], 200, 50)
    # In hardware mode the relay does nothing, which is not known to be 0.
    new["status"]["mode"] = "hw"
    p = rates.describe("vdpa0", port_at(1000, 100), new, None)
    eq(p["from_guest"]["packets_per_second"], None)


def test_restart():
    """Another process begins its counters, and its clock, anew."""
    def sample(session, port):
        s = asking.Sample.__new__(asking.Sample)
        s.session, s.ports, s.shares, s.when = session, {"vdpa0": port}, {}, 0
        return s
    old = sample(1, port_at(1000, 1000))
    p = rates.describe_all(old, sample(2, port_at(2000, 5000)))[0]
    eq(p["from_guest"]["packets_per_second"], None)
    p = rates.describe_all(old, sample(1, port_at(2000, 5000)))[0]
    eq(p["from_guest"]["packets_per_second"], 4000)
    # A port that was made anew counts from 0.
    p = rates.describe_all(old, sample(1, port_at(2000, 10)))[0]
    eq(p["from_guest"]["packets_per_second"], 10)


def test_shares():
    eq(asking.parse_shares("""\
pmd thread numa_id 0 core_id 1:
  isolated : false
  port: vdpa0             queue-id:  0 (enabled)   pmd usage: 12 %
  port: vdpa0             queue-id:  1 (enabled)   pmd usage:  3 %
  port: dpdk0             queue-id:  0 (enabled)   pmd usage: NOT AVAIL
  overhead:  2 %
pmd thread numa_id 0 core_id 2:
Displaying last 60 seconds pmd usage %
  port: vdpa-1            queue-id:  0 (disabled)  pmd usage:  0 %
"""), {"vdpa0": 15, "vdpa-1": 0})


# Who is asked.

def test_pages():
    ports = {"vdpa%d" % i: port_at(1, 1) for i in range(7)}
    ports["vdpa3"]["n_queues"] = 5
    for q in range(5):
        ports["vdpa3"]["queues"][str(q)] = {"vm_to_vf": lane(q)}
    with Server(ports, page=2) as server:
        t = asking.Telemetry(server.path)
        eq(t.names(), sorted(ports))
        eq(sorted(t.port("vdpa3")["queues"]), ["0", "1", "2", "3", "4"])
        eq(t.port("nobody"), None)
        eq(t.pid, 42)
        t.close()


def test_comes_back():
    t = asking.Telemetry(os.path.join(tmp, "telemetry"))
    text = gone(t.names)
    assert "is ovs-vswitchd running" in text and "--socket" in text, text
    with Server({"vdpa0": PORT}) as server:
        eq(t.names(), ["vdpa0"])
        server.hang_up()
        assert "does not answer any more" in gone(t.names)
        eq(t.names(), ["vdpa0"])
    gone(t.names)
    with Server({"vdpa1": PORT}):
        eq(t.names(), ["vdpa1"])
    t.close()


def test_stranger():
    """Telemetry of another program, and what is no telemetry."""
    with Server(None) as server:
        text = gone(asking.Telemetry(server.path).names)
        assert "knows nothing of dpdkvdpa ports" in text, text
        server.greeting = ["hello"]
        text = gone(asking.Telemetry(server.path).names)
        assert "no telemetry of DPDK" in text, text


def test_port_error():
    with Server({"vdpa0": {"error": "ovs-vswitchd has been busy"}}) as server:
        eq(gone(asking.Telemetry(server.path).port, "vdpa0"),
           "ovs-vswitchd has been busy")


# The program.

def test_arguments():
    for args, text in ((["--json"], "need --once"),
                       (["--prometheus"], "need --once"),
                       (["--output=x"], "need --once"),
                       (["--once", "--json", "--prometheus"], "exclude"),
                       (["--interval=0"], "0.1 to 3600"),
                       (["--interval=x"], "0.1 to 3600"),
                       (["x"], "unrecognized arguments: x")):
        status, out, err = run(*args)
        eq((status, out), (2, ""))
        assert text in err, err
    status, out, err = run("--help")
    eq((status, err), (0, ""))
    assert "--prometheus" in out and "dpdkvdpa-top(1)" in out, out
    status, out, err = run("--socket=x")
    eq((status, out), (1, ""))
    assert "no terminal: use --once" in err, err
    status, out, err = run("--once", "--json", "--socket=" + tmp + "/none")
    eq((status, out), (1, ""))
    assert "No such file" in err and len(err.splitlines()) == 1, err


def test_permission():
    if os.geteuid() != 0:
        return                  # Only root can become somebody else.
    with Server({}) as server:
        os.chmod(tmp, 0o755)
        os.chmod(server.path, 0o600)
        os.seteuid(65534)
        try:
            text = gone(asking.Telemetry(server.path).names)
        finally:
            os.seteuid(0)
        assert "may not open" in text and "run this as root" in text, text


def test_once():
    with Server({"vdpa0": port_at(1, 1), "vdpa1": port_at(1, 1)}) as server:
        args = ["--once", "--socket=" + server.path, "--interval=0.1"]
        status, out, err = run(*args, "--json")
        eq((status, err), (0, ""))
        answer = json.loads(out)
        eq([p["name"] for p in answer["ports"]], ["vdpa0", "vdpa1"])
        eq(answer["pid"], 42)
        status, out, err = run(*args)
        eq((status, err), (0, ""))
        assert "2 ports, 2 guests" in out and "PORT" in out, out
        name = os.path.join(tmp, "out.json")
        eq(run(*args, "--json", "--output=" + name), (0, "", ""))
        with open(name) as f:
            eq(len(json.load(f)["ports"]), 2)
        status, out, err = run(*args, "--output=" + tmp + "/no/such")
        eq((status, out), (1, ""))
        assert "cannot write" in err and "No such file" in err, err


# What is shown.

def test_short():
    for value, text in ((None, "-"), (0, "0"), (999, "999"), (1000, "1.0k"),
                        (99949, "99.9k"), (99960, "100k"), (999999, "1.0M"),
                        (12345678, "12.3M"), (3.2e10, "32.0G")):
        eq(short(value), text)
        assert len(short(value)) <= 6


def ports_for_view():
    old = {"c": port_at(1000, 0), "a": port_at(1000, 0),
           "b": port_at(1000, 0)}
    new = {"c": port_at(2000, 10), "a": port_at(2000, 30),
           "b": port_at(2000, 20)}
    new["b"]["status"].update(vm_connected="false", config_error="no such")
    return [rates.describe(name, old[name], new[name], None) for name in old]


def test_view():
    ports = ports_for_view()
    view = View(2)

    def names():
        return "".join(p["name"] for p in view.pick(ports))
    eq(names(), "abc")
    view.key("r", ports)
    eq(names(), "cba")
    view.key("r", ports)
    while COLUMNS[view.sort].title != "<pps":
        view.key("s", ports)
    eq(names(), "abc")          # The most first: 30, 20, 10.
    view.key("r", ports)
    eq(names(), "cba")
    view.key("g", ports)
    eq(names(), "ca")
    view.key("g", ports)
    view.filter = "b"
    eq(names(), "b")
    eq(view.chosen, "b")
    view.key("\033", ports)
    eq(names(), "cba")
    view.key("down", view.pick(ports))
    view.key("down", view.pick(ports))
    eq(view.chosen, "a")
    view.key("up", view.pick(ports))
    eq(view.chosen, "b")
    view.key("+", ports)
    eq(view.interval, 4)
    for _ in range(9):
        view.key("-", ports)
    eq(view.interval, 0.5)


def test_lines():
    ports = ports_for_view()
    view = View(2)
    view.chosen = "b"
    for width, height in ((120, 40), (80, 24), (20, 5), (2, 1)):
        lines = view.lines(ports, width, height)
        assert len(lines) <= height
        assert all(len(line) < width for line, _ in lines)
    text = "\n".join(line for line, _ in view.lines(ports, 160, 40))
    assert "3 ports, 2 guests;  from guest 60 pps" in text, text
    assert "error: no such" in text, text
    assert "connected 1" in text and "second" in text, text
    eq(view.lines([], 80, 24)[0][0][:19], "0 ports, 0 guests; ")
    # Nothing of a port's text is obeyed by the terminal.
    ports[0]["last_events"] = [{"when": 0, "what": "\033[2J"}]
    view.chosen = ports[0]["name"]
    assert "\033" not in str(view.lines(ports, 160, 40))
    # More ports than lines: the chosen one is there.
    many = [dict(ports[0], name="p%03d" % i) for i in range(100)]
    view.chosen = "p077"
    assert any(line.startswith("p077") and bold for line, bold
               in view.lines(many, 160, 24))


main(globals())
