#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Unit tests of tools/vhost-user-frontend: what it does when a back-end ends a
# connection that it is just setting up.

import os
import signal
import socket
import struct
import subprocess
import time

from top_fixture import eq, main, tmp

PROGRAM = os.path.join("tools", "vhost-user-frontend")
PATH = os.path.join(tmp, "sock")
GET_FEATURES, GET_PROTOCOL_FEATURES = 1, 15
HEADER = struct.Struct("<III")


class Frontend:
    """The program, with traffic on PATH."""

    def __enter__(self):
        self.p = subprocess.Popen([PROGRAM, "traffic", PATH], text=True,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            self.p.kill()
        self.p.communicate()

    def connect(self):
        """Connects as a back-end does, as soon as it is there."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        end = time.monotonic() + 30
        while True:
            try:
                s.connect(PATH)
                return s
            except OSError:
                if self.p.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.01)


def receive(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def answer(s, n):
    """Answers 'n' questions for features: there are none."""
    while n:
        request, _flags, size = HEADER.unpack(receive(s, HEADER.size))
        receive(s, size)
        if request in (GET_FEATURES, GET_PROTOCOL_FEATURES):
            s.sendall(HEADER.pack(request, 5, 8) + bytes(8))
            n -= 1


def test_ends_halfway():
    with Frontend() as f:
        # After each of the answers that it wants on the way to "connected".
        for n in range(4):
            with f.connect() as s:
                answer(s, n)
        with f.connect() as s:
            answer(s, 5)
        eq([f.p.stdout.readline().split(": ", 1)[1] for _ in range(6)],
           ["disconnected before all was said\n"] * 4
           + ["connected\n", "disconnected\n"])
        f.p.send_signal(signal.SIGTERM)
        out, err = f.p.communicate(timeout=30)
        eq((f.p.returncode, err), (0, ""))


def test_refused():
    with Frontend() as f:
        for _ in range(10):
            f.connect().close()
        eq(f.p.wait(30), 2)
        eq(f.p.stderr.read(), "vhost-user-frontend: %s: a good front-end is "
                              "refused\n" % PATH)


main(globals())
