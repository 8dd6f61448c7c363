#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Unit tests of tools/dpdkvdpa-top: who is asked answers nonsense, and what is
# written to takes nothing.

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from top_fixture import (PORT, PROGRAM, Server, Skip, eq, gone, main, port_at,
                         run, tmp)

from dpdkvdpa_top import asking

MODES = (["--json"], ["--prometheus"], [])

# Of each kind a value that does not belong where it is put.
STRANGE = (None, True, -1, 7, 1.5, 1e300, float("nan"), 1 << 70, "x", "",
           "\ud800", "\033[2J\n", [], [None], [[]], {}, {"": None}, {"x": []})


def look(server, status=(0, 1)):
    """Runs the program in all modes: it ends in time, and says what is wrong, if
    anything is, in a line.  Returns what was printed in each."""
    printed = []
    for mode in MODES:
        r = run("--once", *mode, "--interval=0.1", "--socket=" + server.path)
        assert r[0] in status, r
        assert "Traceback" not in r[2] and len(r[2].splitlines()) < 2, r
        assert r[1] or r[2], r
        printed.append(r[1])
    return printed


def read(server):
    """As look(), of one sample, without the program."""
    telemetry = asking.Telemetry(server.path)
    try:
        return asking.Sample(telemetry, asking.Control(tmp + "/none")).ports
    except asking.Gone as e:
        assert str(e)
        return None
    finally:
        telemetry.close()


def test_no_answers():
    """What is no JSON, or no answer to what was asked."""
    with Server({"vdpa0": PORT}) as server:
        for raw in (b"{\"/dpdkvdpa/list\": [\"vdpa", b"[" * 16000, b"\xff",
                    b"{\"a\":" * 3000, b"1" * 16000, b"{}", b"[]", b"7"):
            server.raw = lambda command, raw=raw: raw
            eq(read(server), None)
        look(server)


def test_greetings():
    with Server({"vdpa0": PORT}) as server:
        for key in ("pid", "max_output_len"):
            for value in STRANGE + (0, 1 << 40):
                greeting = {"pid": 42, "max_output_len": 16384}
                if value in (7, 1 << 40) and key == "pid":
                    continue    # A number of a process.
                greeting[key] = value
                server.greeting = greeting
                eq(read(server), None)
        look(server)


def test_busy_list():
    """That the main thread does not answer does not mean that it has no
    ports."""
    with Server({"vdpa0": PORT}) as server:
        server.raw = lambda command: json.dumps(
            {command.split(",")[0]: {"error": "ovs-vswitchd has been busy"}}
        ).encode()
        eq(gone(asking.Telemetry(server.path).names),
           "ovs-vswitchd has been busy")
        r = run("--once", "--prometheus", "--socket=" + server.path)
        assert r[1].endswith("dpdkvdpa_up 0\n"), r


def test_no_end():
    """Lists and queue pairs that do not end."""
    def answer(command):
        command, _, words = command.partition(",")
        number = words.rpartition(",")[2]
        if command == "/dpdkvdpa/list":
            value = ["vdpa" + (number if fresh else "0")]
        else:
            value = dict(PORT, n_queues=1 << 40)
            if fresh:
                value["queues"] = {number: PORT["queues"]["0"]}
        return json.dumps({command: value}).encode()
    with Server({}) as server:
        server.raw = answer
        fresh = False
        eq(list(read(server)), ["vdpa0"])
        fresh = True
        telemetry = asking.Telemetry(server.path)
        eq(len(telemetry.port("vdpa0")["queues"]), asking.MAX_QUEUES)
        assert "lists more than" in gone(telemetry.names)
        telemetry.begin()
        telemetry.end = 0
        assert "has not told all" in gone(telemetry.names)
        telemetry.close()


def places(tree, path=()):
    """Generates the paths to all members of nested dicts and lists."""
    for key in (tree if isinstance(tree, dict) else range(len(tree))):
        yield path + (key,)
        if isinstance(tree[key], (dict, list)):
            yield from places(tree[key], path + (key,))


def at(port, path):
    for key in path[:-1]:
        port = port[key]
    return port


def test_wrong_types():
    """Each member of an answer is something else, or missing."""
    def answer(command):
        command = command.partition(",")[0]
        return json.dumps({command: ["vdpa0"] if command == "/dpdkvdpa/list"
                           else port}).encode()
    with Server({}) as server:
        server.raw = answer
        for path in places(PORT):
            for value in STRANGE:
                port = port_at(1, 1)
                at(port, path)[path[-1]] = value
                check_shown(read(server)["vdpa0"])
            port = port_at(1, 1)
            del at(port, path)[path[-1]]
            check_shown(read(server)["vdpa0"])
        for port in STRANGE:
            for p in (read(server) or {}).values():
                check_shown(p)
        look(server)


def check_shown(port):
    """All that can be made of a port can be made of this one, and is text."""
    from dpdkvdpa_top import metrics, rates, view

    sample = asking.Sample.__new__(asking.Sample)
    sample.ports, sample.shares = {"vdpa0": port}, {}
    text = metrics.metrics(sample)
    for line in text.splitlines():
        assert line.startswith("#") or line.split()[-1].isdigit(), line
    shown = rates.describe("vdpa0", port_at(0, 0), port, None)
    text += json.dumps(shown, allow_nan=False)
    for line, _ in view.View(1).lines([shown], 1000, 1000):
        text += line + "\n"
    text.encode()
    assert "\033" not in text, text


def test_names():
    """What a port may be called.  One whose name ends like a queue pair's is
    not taken for another."""
    names = ["a", "a,1", "b c", "d\"e", "f\\g", "h;$(i)", "j'k", "l,m", ",n,"]
    ports = {name: port_at(1, i) for i, name in enumerate(names)}
    with Server(ports, page=2) as server:
        seen = read(server)
        eq(sorted(seen), sorted(names))
        for i, name in enumerate(names):
            eq(seen[name]["vm_to_vf"]["rx_packets"], i)
        for text in look(server, status=(0,)):
            assert "h;$(i)" in text, text
    with Server({"\033[2J\nx": PORT, "\u202ey": PORT}) as server:
        eq(sorted(read(server)), ["?[2J?x", "?y"])
        for text in look(server, status=(0,)):
            assert "\033" not in text and "\\u001b" not in text, text


def test_control():
    """Answers of ovs-appctl's socket that are none."""
    for result in (None, 7, [], {}, "port: x", "\n" * 1000):
        eq(asking.parse_shares(result) if isinstance(result, str) else {}, {})
    eq(asking.parse_shares("  port: a b    queue-id:  0 (enabled)   "
                           "pmd usage: 12 %\n"), {"a b": 12})


# Where it is written to.

def test_pipe():
    """Nobody reads on, as of "| head -1"."""
    with Server({"vdpa%d" % i: port_at(1, 1) for i in range(50)}) as server:
        for mode in MODES:
            for args in ("head -c 1", "true"):
                r = subprocess.run(
                    ["bash", "-c", 'set -o pipefail; "$@" | ' + args, "-",
                     sys.executable, PROGRAM, "--once", "--interval=0.1",
                     "--socket=" + server.path] + mode,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                eq((r.returncode, r.stderr), (0, ""))


def test_full():
    with Server({"vdpa0": PORT}) as server:
        for to, why in ((">/dev/full", "No space left on device"),
                        (">&-", "Bad file descriptor")):
            r = subprocess.run(
                ["bash", "-c", '"$@" ' + to, "-", sys.executable, PROGRAM,
                 "--once", "--prometheus", "--socket=" + server.path],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            eq((r.returncode, r.stderr),
               (1, "dpdkvdpa-top: cannot write standard output (%s)\n" % why))


def test_output():
    """A file is replaced, and nothing else is; nothing is left behind."""
    folder = os.path.join(tmp, "output")
    os.mkdir(folder)
    file, link, fifo = (os.path.join(folder, n) for n in ("f", "l", "p"))
    with Server({"vdpa0": PORT}) as server:
        args = ["--once", "--prometheus", "--socket=" + server.path,
                "--output"]
        eq(run(*args, file), (0, "", ""))
        eq(os.stat(file).st_mode & 0o777, 0o644)
        os.symlink("f", link)
        os.truncate(file, 0)
        eq(run(*args, link), (0, "", ""))
        assert os.path.islink(link) and os.path.getsize(file) > 0
        os.mkfifo(fifo)
        with subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE,
                              text=True) as cat:
            r = run(*args, fifo)
            if r[0] or not os.path.exists(fifo) or os.path.isfile(fifo):
                cat.kill()
            eq(r, (0, "", ""))
            assert cat.stdout.read().startswith("# HELP dpdkvdpa_up")
        assert not os.path.isfile(fifo)
        status, out, err = run(*args, folder)
        eq((status, out), (1, ""))
        assert "cannot write" in err and "directory" in err, err
        eq(sorted(os.listdir(folder)), ["f", "l", "p"])
        eq([n for n in os.listdir(tmp) if "dpdkvdpa-top" in n], [])


def test_interrupted():
    """Who waits for a result is told that there is none."""
    with Server({"vdpa0": PORT}) as server, subprocess.Popen(
            [sys.executable, PROGRAM, "--once", "--json", "--interval=60",
             "--socket=" + server.path], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True) as p:
        while not server.connections:
            time.sleep(0.01)
        p.send_signal(signal.SIGINT)
        eq((p.wait(30), p.stdout.read(), p.stderr.read()), (130, "", ""))


# In terminals.

class Terminal:
    """The program in a terminal of its own."""

    def __init__(self, server, rows=24, columns=80, before=None, **env):
        env = {k: v for k, v in {**os.environ, "TERM": "xterm", **env}.items()
               if v is not None}
        self.output = ""
        try:
            self.pid, self.fd = pty.fork()
        except OSError as e:
            raise Skip("there are no terminals: %s" % e)
        if not self.pid:
            fcntl.ioctl(0, termios.TIOCSWINSZ,
                        struct.pack("HHHH", rows, columns, 0, 0))
            if before:
                before()
            os.execve(sys.executable,
                      [sys.executable, PROGRAM, "--interval=0.2",
                       "--socket=" + server.path], env)

    def see(self, text):
        """Waits until 'text' was printed, or with None for the end."""
        end = time.monotonic() + 30
        while text is None or text not in self.output:
            left = end - time.monotonic()
            assert left > 0, self.output
            if not select.select([self.fd], [], [], left)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                assert text is None, self.output
                return
            self.output += data.decode(errors="replace")

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def status(self):
        """Waits for the end of it."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("it does not end: " + self.output)


def test_sizes():
    with Server({"vdpa0": PORT, "vdpa1": PORT}) as server:
        for rows, columns in ((1, 1), (1, 200), (200, 1), (2, 2), (24, 80),
                              (300, 2000)):
            t = Terminal(server, rows, columns)
            t.see("\033[?1049h")
            while len(server.connections) < 1:
                time.sleep(0.01)
            t.type("sSrg/x\n\033 +-")
            for size in ((1, 1), (50, 100)):
                fcntl.ioctl(t.fd, termios.TIOCSWINSZ,
                            struct.pack("HHHH", *size, 0, 0))
            t.type("hxq")
            t.see(None)
            eq(t.status(), 0)
            assert "Traceback" not in t.output, t.output
            os.close(t.fd)


def test_terminals():
    """Those that can do little, or are unknown."""
    with Server({"vdpa0": PORT}) as server:
        for term in ("vt100", "linux"):
            t = Terminal(server, TERM=term)
            t.see("vdpa0")
            t.type("q")
            t.see(None)
            eq(t.status(), 0)
            os.close(t.fd)
        for term in (None, "", "dumb", "no-such-terminal"):
            t = Terminal(server, TERM=term)
            t.see(None)
            eq(t.status(), 1)
            assert "set TERM" in t.output, t.output
            os.close(t.fd)


def test_no_curses():
    folder = os.path.join(tmp, "nothing")
    os.mkdir(folder)
    with open(os.path.join(folder, "curses.py"), "w") as f:
        f.write("raise ImportError('it is not there')\n")
    with Server({"vdpa0": PORT}) as server:
        t = Terminal(server, PYTHONPATH=folder)
        t.see(None)
        eq(t.status(), 1)
        assert "no curses" in t.output and "--once" in t.output, t.output
        os.close(t.fd)


def test_signals():
    """The terminal is as it was before."""
    with Server({"vdpa0": PORT}) as server:
        for number, status in ((signal.SIGINT, 0), (signal.SIGTERM, 143),
                               (signal.SIGHUP, 129)):
            t = Terminal(server)
            t.see("vdpa0")
            os.kill(t.pid, number)
            t.see(None)
            eq(t.status(), status)
            assert "\033[?1049l" in t.output, t.output
            assert "Traceback" not in t.output, t.output
            os.close(t.fd)


def test_terminal_goes():
    """Who ignores that does not go on for ever."""
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Server({"vdpa0": PORT}) as server:
        t = Terminal(server, before=ignore)
        t.see("vdpa0")
        os.close(t.fd)
        assert t.status() in (0, 1)


main(globals())
