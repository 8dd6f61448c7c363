# SPDX-License-Identifier: Apache-2.0
#
# What two samples make.

import re

DIRECTIONS = (("vm_to_vf", "from_guest"), ("vf_to_vm", "to_guest"))


def get(tree, *path):
    """Returns what is at 'path' in nested dicts, or None."""
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree


def increase(old, new):
    """Returns by how much a counter has grown, or None if that is not known.
    A smaller one has wrapped around, if it was close to that, or it belongs to
    a port that was made anew, and began at 0."""
    if old is None or new is None:
        return None
    if new >= old:
        return new - old
    if old >= 1 << 63:
        return new + (1 << 64) - old
    return new


def total(values):
    """Returns the sum of those 'values' that are known, or None."""
    known = [v for v in values if v is not None]
    return sum(known) if known else None


def share(part, whole):
    """Returns part / whole, or None."""
    return part / whole if part is not None and whole else None


def whole(text):
    """Returns the number that a status has as text, 0 if it is none."""
    return int(text) if text and re.fullmatch("[0-9]{1,9}", text) else 0


class Rates:
    """How one port changed from 'old', which may be None, to 'new'."""

    def __init__(self, old, new):
        self.old = old or {}
        self.new = new
        then, now = get(self.old, "time"), get(new, "time")
        self.seconds = ((now - then) / 1000
                        if then is not None and now is not None
                        and now > then else None)

    def grown(self, *path):
        return increase(get(self.old, *path), get(self.new, *path))

    def rate(self, *path):
        n = self.grown(*path)
        return n / self.seconds if n is not None and self.seconds else None

    def drops(self, direction):
        """Rates by reason, without those that are 0."""
        rates = {reason: self.rate(direction, "drops", reason)
                 for reason in get(self.new, direction, "drops") or {}}
        return {reason: r for reason, r in rates.items() if r}

    def lost(self):
        """What the VF lost, as rates by kind."""
        rates = {kind: self.rate("vf", kind) for kind in self.new.get("vf", {})}
        return {kind: r for kind, r in rates.items() if r}

    def walked(self):
        """Which share of the packets of the guest, and to it, the relay took
        and gave by itself, not the vhost library."""
        moved = total((self.grown("vm_to_vf", "rx_packets"),
                       self.grown("vf_to_vm", "tx_packets")))
        library = total((self.grown("library", "rx_packets"),
                         self.grown("library", "tx_packets")))
        if library is None or not moved:
            return None
        return max(0.0, 1 - library / moved)

    def direction(self, direction):
        """All rates of a direction.  In hardware mode nobody knows."""
        if get(self.new, "status", "mode") == "hw":
            return {"packets_per_second": None, "bits_per_second": None,
                    "dropped_per_second": None, "drops_per_second": {},
                    "pending": None}
        packets, size = (("rx_packets", "rx_bytes")
                         if direction == "vm_to_vf"
                         else ("tx_packets", "tx_bytes"))
        rate = self.rate(direction, size)
        return {"packets_per_second": self.rate(direction, packets),
                "bits_per_second": 8 * rate if rate is not None else None,
                "dropped_per_second": self.rate(direction, "dropped"),
                "drops_per_second": self.drops(direction),
                "pending": get(self.new, direction, "pending")}


def stalled(port):
    """Returns which queue pairs do not move, as 'status:stalled' has it."""
    return get(port, "status", "stalled") or ""


def describe(name, old, new, pmd):
    """Returns all that is shown of a port, for programs, too.  What is not
    known is None."""
    rates = Rates(old, new)
    status = new.get("status", {})
    port = {"name": name,
            "mode": status.get("mode"),
            "guest": status.get("vm_connected") == "true",
            "ring": status.get("ring"),
            "queue_pairs": whole(status.get("queue_pairs")),
            "interval": rates.seconds}
    for direction, called in DIRECTIONS:
        port[called] = rates.direction(direction)
    memory = new.get("memory", {})
    port.update({
        "vf_lost_per_second": rates.lost(),
        "pmd_percent": pmd,
        "walked_share": rates.walked(),
        "memory_share": share(memory.get("in_use"), memory.get("packets")),
        "stalled": stalled(new),
        "error": status.get("config_error") or status.get("device_error"),
        "events": new.get("events", {}),
        "last_events": [
            {"when": when / 1000, "what": what} for when, what
            in zip(new.get("event_when", []), new.get("event_what", []))]})
    return port


def describe_all(old, new):
    """Returns what is shown of each port of two samples; 'old' may be None."""
    before = old.ports if old and old.session == new.session else {}
    return [describe(name, before.get(name), port, new.shares.get(name))
            for name, port in sorted(new.ports.items())]
