# SPDX-License-Identifier: Apache-2.0
#
# A sample as metrics, in Prometheus' text format.

from .rates import DIRECTIONS, get, whole


class Metrics:
    """Metrics in Prometheus' text format."""

    def __init__(self):
        self.lines = []

    def add(self, name, kind, text, samples):
        """Adds a metric with 'samples', pairs of labels and a value, if there
        are any that are known."""
        samples = [(labels, value) for labels, value in samples
                   if value is not None]
        if not samples:
            return
        self.lines.append("# HELP dpdkvdpa_%s %s" % (name, text))
        self.lines.append("# TYPE dpdkvdpa_%s %s" % (name, kind))
        for labels, value in samples:
            self.lines.append("dpdkvdpa_%s%s %s"
                              % (name, format_labels(labels), value))

    def __str__(self):
        return "".join(line + "\n" for line in self.lines)


def format_labels(labels):
    def escape(value):
        return (str(value).replace("\\", "\\\\").replace('"', '\\"')
                .replace("\n", "\\n"))
    return ("{%s}" % ",".join('%s="%s"' % (name, escape(value))
                              for name, value in labels.items())
            if labels else "")


def of_ports(ports, *path):
    """Samples, one for each port that has a number at 'path'."""
    for name, port in ports.items():
        value = get(port, *path)
        if value is not None:
            yield {"port": name}, value


def of_queues(ports, what):
    for name, port in ports.items():
        for queue, lanes in port.get("queues", {}).items():
            for direction, _ in DIRECTIONS:
                yield ({"port": name, "direction": direction, "queue": queue},
                       get(lanes, direction, what))


def of_directions(ports, what):
    for name, port in ports.items():
        for direction, _ in DIRECTIONS:
            yield ({"port": name, "direction": direction},
                   get(port, direction, what))


def of_members(ports, label, *path):
    """Samples, one for each member of the object at 'path'."""
    for name, port in ports.items():
        for member, value in (get(port, *path) or {}).items():
            yield {"port": name, label: member}, value


def of_drops(ports):
    for direction, _ in DIRECTIONS:
        for labels, value in of_members(ports, "reason", direction, "drops"):
            yield ({"port": labels["port"], "direction": direction,
                    "reason": labels["reason"]}, value)


def of_ways(ports, way, what="packets"):
    """Samples, of what went by 'way' from the guest, and to it."""
    for name, port in ports.items():
        for direction, side in (("vm_to_vf", "rx_"), ("vf_to_vm", "tx_")):
            yield ({"port": name, "direction": direction},
                   get(port, way, side + what))


def of_engines(ports):
    for name, port in ports.items():
        for queue, (engine, copies) in (get(port, "dmas", "engines")
                                        or {}).items():
            yield {"port": name, "queue": queue, "engine": engine}, copies


def of_states(ports):
    for name, port in ports.items():
        status = port.get("status", {})
        yield ({"port": name, "mode": status.get("mode", ""),
                "ring": status.get("ring", ""),
                "accelerator": status.get("accelerator", "")}, 1)


def of_flags(ports, *keys, value=None):
    """Samples, 1 for each port of which a key of the status is there, or has
    the value."""
    for name, port in ports.items():
        status = port.get("status", {})
        yield ({"port": name},
               int(any(status.get(key) == value if value else key in status
                       for key in keys)))


def metrics(sample):
    """Returns 'sample' as text; None is an Open vSwitch that is not there."""
    m = Metrics()
    m.add("up", "gauge", "Whether ovs-vswitchd answered.",
          [({}, int(sample is not None))])
    if sample is None:
        return str(m)
    ports = sample.ports
    m.add("port_info", "gauge", "What a port is.", of_states(ports))
    m.add("guest_connected", "gauge",
          "Whether a guest's driver has set the device up.",
          of_flags(ports, "vm_connected", value="true"))
    m.add("port_error", "gauge",
          "Whether config_error or device_error say what is wrong.",
          of_flags(ports, "config_error", "device_error"))
    m.add("queue_pairs", "gauge", "Queue pairs that the guest has enabled.",
          (({"port": name}, whole(get(port, "status", "queue_pairs")))
           for name, port in ports.items()))
    traffic_metrics(m, ports)
    m.add("dropped_packets_total", "counter",
          "Packets that the relay dropped.", of_drops(ports))
    m.add("library_packets_total", "counter",
          "Packets that went by the vhost library, at twice the cost.",
          of_ways(ports, "library"))
    m.add("dma_packets_total", "counter",
          "Packets that DMA engines copied.", of_ways(ports, "dmas"))
    m.add("dma_lost_packets_total", "counter",
          "Packets that were lost with an engine or a connection.",
          of_ways(ports, "dmas", "lost"))
    m.add("dma_engine_copies", "gauge",
          "Whether the DMA engine of a queue copies, or the CPU does.",
          of_engines(ports))
    m.add("zero_copy_packets_total", "counter",
          "Packets from the guest that were not copied.",
          of_ports(ports, "zero_copy_packets"))
    m.add("retries_total", "counter",
          "Immediate retries towards a queue that was full.",
          of_directions(ports, "retries"))
    m.add("events_total", "counter", "Events of a port.",
          of_members(ports, "kind", "events"))
    m.add("vf_lost_packets_total", "counter",
          "Packets that the VF lost by itself.",
          of_members(ports, "kind", "vf"))
    m.add("hw_total", "counter",
          "What a vDPA device counts, by its own names.",
          of_members(ports, "counter", "hw"))
    memory_metrics(m, ports)
    m.add("pmd_thread_ratio", "gauge",
          "Share of a PMD thread that the port takes, summed over threads.",
          (({"port": name}, sample.shares[name] / 100)
           for name in ports if name in sample.shares))
    return str(m)


def traffic_metrics(m, ports):
    m.add("received_packets_total", "counter",
          "Packets that the relay took, from the guest or from the VF.",
          of_queues(ports, "rx_packets"))
    m.add("received_bytes_total", "counter",
          "Bytes that the relay took, without frame check sequences.",
          of_queues(ports, "rx_bytes"))
    m.add("sent_packets_total", "counter",
          "Packets that the relay passed on, to the VF or to the guest.",
          of_queues(ports, "tx_packets"))
    m.add("sent_bytes_total", "counter",
          "Bytes that the relay passed on, without frame check sequences.",
          of_queues(ports, "tx_bytes"))
    m.add("pending_packets", "gauge", "Packets that wait in the relay.",
          of_queues(ports, "pending"))
    m.add("queue_stalled", "gauge",
          "Whether a queue pair has packets and does not move.",
          of_queues(ports, "stalled"))


def memory_metrics(m, ports):
    m.add("memory_packets", "gauge",
          "Packets that the memory pool of the VF has room for.",
          of_ports(ports, "memory", "packets"))
    m.add("memory_in_use_packets", "gauge",
          "How many of them are in use, by all ports of the pool.",
          of_ports(ports, "memory", "in_use"))
    m.add("memory_bytes", "gauge", "Size of the memory pool of the VF.",
          of_ports(ports, "memory", "bytes"))
