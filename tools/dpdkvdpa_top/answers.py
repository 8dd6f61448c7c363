# SPDX-License-Identifier: Apache-2.0
#
# What an answer about a port may have.  Who answers may be another release, or
# nobody that we know: what is not as it should be is not there.

import re

LANES = ("vm_to_vf", "vf_to_vm")


def visible(text):
    """Returns 'text' as a terminal may have it, in a line."""
    return "".join(c if c.isprintable() else "?" for c in str(text))


def number(value):
    """Returns 'value' if a counter may have it, else None."""
    return (value if isinstance(value, int) and not isinstance(value, bool)
            and 0 <= value < 1 << 64 else None)


def members(value):
    return value.items() if isinstance(value, dict) else ()


def elements(value):
    return value if isinstance(value, list) else ()


def numbers(value):
    """Returns those members of 'value' that are numbers."""
    return {visible(name): n for name, n in members(value)
            if number(n) is not None}


def direction(value):
    return dict(numbers(value), drops=numbers(value.get("drops")))


def queues(value):
    """Returns queue pairs by their numbers, as text."""
    return {str(int(queue)): {lane: numbers(lanes[lane]) for lane in LANES
                              if isinstance(lanes.get(lane), dict)}
            for queue, lanes in members(value)
            if re.fullmatch("[0-9]{1,5}", queue, re.ASCII)
            and isinstance(lanes, dict)}


def dmas(value):
    """Returns what DMA engines copied, and which there are, by their queues."""
    engines = {queue: (visible(engine["engine"]), int(engine["copies"] != 0))
               for queue, engine in members(value.get("engines"))
               if re.fullmatch("[rt]xq[0-9]{1,5}", queue, re.ASCII)
               and isinstance(engine, dict)
               and isinstance(engine.get("engine"), str)
               and number(engine.get("copies")) is not None}
    return dict(numbers(value), engines=engines)


def clean(answer):
    """Returns an answer about a port, with what is known of it."""
    port = numbers({key: answer.get(key) for key in
                    ("time", "n_queues", "zero_copy_packets")})
    port["status"] = {visible(key): visible(text) for key, text
                      in members(answer.get("status"))
                      if isinstance(text, str)}
    for lane in LANES:
        if isinstance(answer.get(lane), dict):
            port[lane] = direction(answer[lane])
    for key in ("library", "events", "memory", "vf", "hw"):
        if isinstance(answer.get(key), dict):
            port[key] = numbers(answer[key])
    if isinstance(answer.get("dmas"), dict):
        port["dmas"] = dmas(answer["dmas"])
    port["queues"] = queues(answer.get("queues"))
    events = [(when, visible(what)) for when, what
              in zip(elements(answer.get("event_when")),
                     elements(answer.get("event_what")))
              if number(when) is not None and isinstance(what, str)]
    port["event_when"] = [when for when, _ in events]
    port["event_what"] = [what for _, what in events]
    return port
