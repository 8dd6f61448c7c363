# SPDX-License-Identifier: Apache-2.0
#
# The terminal.

import curses
import os
import time

from .answers import visible
from .asking import Gone, Sample
from .rates import describe_all
from .view import HELP, View


class Screen:
    """The terminal."""

    KEYS = {curses.KEY_UP: "up", curses.KEY_DOWN: "down",
            curses.KEY_RESIZE: "resize"}

    def __init__(self, window, telemetry, control, interval):
        self.window = window
        self.telemetry = telemetry
        self.control = control
        self.view = View(interval)
        self.old = self.new = None
        self.ports = []
        self.problem = None
        try:
            curses.curs_set(0)
        except curses.error:
            pass                # A terminal whose cursor stays.

    def sample(self):
        try:
            new = Sample(self.telemetry, self.control)
        except Gone as e:
            self.problem = str(e)
            self.telemetry.close()
            return
        self.problem = None
        self.old, self.new = self.new, new
        self.ports = describe_all(self.old, new)

    def put(self, y, text, attr=0):
        try:
            self.window.addstr(y, 0, text, attr)
        except curses.error:
            pass                # The terminal has just become smaller.

    def draw(self):
        height, width = self.window.getmaxyx()
        self.window.erase()
        head = "dpdkvdpa-top  %s  every %g s%s   h: help, q: end" % (
            time.strftime("%H:%M:%S"), self.view.interval,
            ", stopped" if self.view.paused else "")
        self.put(0, head[:width - 1], curses.A_REVERSE)
        y = 1
        if self.problem:
            text = visible("waiting: " + self.problem)
            while text and y < height:
                self.put(y, text[:width - 1], curses.A_BOLD)
                text = text[width - 1:]
                y += 1
        for line, bold in self.view.lines(self.ports, width, height - y):
            self.put(y, line, curses.A_BOLD if bold else 0)
            y += 1
        self.window.refresh()

    def wait_key(self, seconds):
        """Returns a key, or None after so long."""
        self.window.timeout(max(0, int(1000 * seconds)))
        key = self.window.getch()
        if key < 0:
            if not os.isatty(0):
                raise Gone("the terminal has gone")
            return None
        return self.KEYS.get(key) or (chr(key) if key < 256 else "")

    def help(self):
        self.window.erase()
        for y, line in enumerate(HELP.splitlines()):
            self.put(y, line[:self.window.getmaxyx()[1] - 1])
        self.window.refresh()
        while self.wait_key(60) is None:
            pass

    def ask_filter(self):
        text = ""
        while True:
            self.put(1, ("show only ports that contain: %s_" % text).ljust(
                self.window.getmaxyx()[1] - 1), curses.A_BOLD)
            key = self.wait_key(60)
            if key in ("\n", "\r", None):
                break
            if key == "\033":
                text = ""
                break
            if key in ("\b", "\x7f", ""):
                text = text[:-1]
            elif len(key) == 1 and key.isprintable():
                text += key
        self.view.filter = text

    def run(self):
        due = 0
        while True:
            now = time.monotonic()
            if now >= due and not self.view.paused:
                self.sample()
                # The first rates come soon.
                due = now + (1 if self.problem or not self.old
                             else self.view.interval)
            self.draw()
            key = self.wait_key(60 if self.view.paused
                                else due - time.monotonic())
            if key == "q":
                return
            if key in ("h", "?"):
                self.help()
            elif key == "/":
                self.ask_filter()
            elif key:
                self.view.key(key, self.view.pick(self.ports))
