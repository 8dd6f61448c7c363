#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# What dpdkvdpa-top --prometheus prints, the dashboard and the alerts of
# Documentation/monitoring/ that are made of it, and Prometheus itself, if it is
# there.

import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from top_fixture import (PORT, SRCDIR, Server, eq, main, needs, port_at, run,
                         tmp)

from dpdkvdpa_top import answers, asking, metrics

FILES = os.path.join(SRCDIR, "Documentation", "monitoring")


def full_text():
    """Returns all metrics that there are."""
    sample = asking.Sample.__new__(asking.Sample)
    sample.ports = {"vdpa0": answers.clean(dict(PORT,
                                                hw={"rx_packets_q0": 1}))}
    sample.shares = {"vdpa0": 50}
    return metrics.metrics(sample)


def known():
    return set(re.findall(r"^# TYPE (\S+)", full_text(), re.M))


# Metrics.

def test_metrics():
    port = port_at(1, 7)
    port["vm_to_vf"]["drops"]["policed"] = 3
    port["queues"]["1"]["vm_to_vf"]["stalled"] = 1
    port["status"]["config_error"] = "x"
    port["zero_copy_packets"] = 5
    with Server({"vdpa\"0": port}) as server:
        args = ["--once", "--prometheus", "--socket=" + server.path]
        status, out, err = run(*args)
        eq((status, err), (0, ""))
        lines = out.splitlines()
        for line in (
                "dpdkvdpa_up 1",
                '# TYPE dpdkvdpa_dropped_packets_total counter',
                'dpdkvdpa_dropped_packets_total{port="vdpa\\"0",'
                'direction="vm_to_vf",reason="policed"} 3',
                'dpdkvdpa_zero_copy_packets_total{port="vdpa\\"0"} 5',
                'dpdkvdpa_dma_packets_total{port="vdpa\\"0",'
                'direction="vf_to_vm"} 4',
                'dpdkvdpa_dma_engine_copies{port="vdpa\\"0",'
                'queue="txq0",engine="dma0"} 1',
                'dpdkvdpa_dma_engine_copies{port="vdpa\\"0",'
                'queue="rxq0",engine="dma1"} 0',
                'dpdkvdpa_queue_stalled{port="vdpa\\"0",'
                'direction="vm_to_vf",queue="1"} 1',
                'dpdkvdpa_queue_stalled{port="vdpa\\"0",'
                'direction="vf_to_vm",queue="1"} 0',
                'dpdkvdpa_port_info{port="vdpa\\"0",mode="sw",ring="split",'
                'accelerator="net_x,a=\\"b\\\\c\\""} 1',
                'dpdkvdpa_events_total{port="vdpa\\"0",kind="connected"} 1',
                'dpdkvdpa_memory_in_use_packets{port="vdpa\\"0"} 250',
                'dpdkvdpa_guest_connected{port="vdpa\\"0"} 1',
                'dpdkvdpa_port_error{port="vdpa\\"0"} 1'):
            assert line in lines, "%s: not in %s" % (line, out)
    # No Open vSwitch is something to know, too.
    status, out, err = run(*args)
    eq(status, 0)
    assert "is ovs-vswitchd running" in err, err
    assert out.endswith("dpdkvdpa_up 0\n"), out


def check(*args, text=None):
    r = subprocess.run(args, input=text, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    assert r.returncode == 0, r.stdout
    return r.stdout


def test_promtool_metrics():
    needs("promtool")
    assert len(known()) >= 20, known()
    eq(check("promtool", "check", "metrics", text=full_text()), "")
    eq(check("promtool", "check", "metrics", text=metrics.metrics(None)), "")


def test_dashboard():
    """It is JSON, asks for nothing that there is not, and for all that there
    is but sizes."""
    with open(os.path.join(FILES, "grafana.json")) as f:
        board = json.load(f)
    text = "\n".join([t["expr"] for p in board["panels"]
                      for t in p["targets"]]
                     + [v["query"] for v in board["templating"]["list"]])
    used = set(re.findall(r"dpdkvdpa_\w+", text))
    eq(used - known(), set())
    eq(known() - used, {"dpdkvdpa_memory_bytes", "dpdkvdpa_sent_bytes_total",
                        "dpdkvdpa_dma_engine_copies",
                        "dpdkvdpa_dma_lost_packets_total",
                        "dpdkvdpa_dma_packets_total", "dpdkvdpa_hw_total"}
       - used)
    ids = [p["id"] for p in board["panels"]]
    eq(len(ids), len(set(ids)))
    # Labels that are asked for are there, too.
    labels = set(re.findall(r"(\w+)=", full_text())) | {"instance"}
    eq(set(re.findall(r"[{,](\w+)=", text)) - labels, set())


def rules():
    return os.path.abspath(os.path.join(FILES, "dpdkvdpa.rules.yml"))


def test_alerts():
    """They are of metrics that there are, and each has a test."""
    with open(rules()) as f:
        text = f.read()
    used = set(re.findall(r"dpdkvdpa_\w+", text))
    eq(used - known(), set())
    alerts = re.findall(r"- alert: (\w+)", text)
    assert len(alerts) >= 10
    with open(os.path.join(SRCDIR, "tests/unit/dpdkvdpa.rules.test.yml")) as f:
        tested = re.findall(r"alertname: (\w+)", f.read())
    eq(set(alerts) - set(tested), set())
    with open(os.path.join(SRCDIR, "Documentation/monitoring.rst")) as f:
        page = f.read()
    for alert in alerts:
        assert "``%s``" % alert in page, alert + " is not in monitoring.rst"


def test_promtool_rules():
    needs("promtool")
    assert "SUCCESS" in check("promtool", "check", "rules", rules())
    copy = os.path.join(tmp, "rules.test.yml")
    with open(os.path.join(SRCDIR, "tests/unit/dpdkvdpa.rules.test.yml")) as f:
        text = f.read()
    with open(copy, "w") as f:
        f.write(text.replace("  - RULES\n", "  - %s\n" % rules()))
    assert "SUCCESS" in check("promtool", "test", "rules", copy)


# Prometheus, and an exporter like the node exporter: it serves a file.

class Exporter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        with open(os.path.join(tmp, "dpdkvdpa.prom"), "rb") as f:
            self.wfile.write(f.read())

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(f, what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if f():
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.1)
    raise AssertionError("still not: " + what)


def test_prometheus():
    """It takes what is written, makes rates of it, and an alert fires."""
    needs("prometheus")
    exporter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    port = free_port()
    with open(os.path.join(tmp, "dpdkvdpa.rules.yml"), "w") as f, \
            open(rules()) as original:
        f.write(re.sub(r"for: \w+", "for: 1s", original.read()))
    with open(os.path.join(tmp, "prometheus.yml"), "w") as f:
        f.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                "rule_files: [%s/dpdkvdpa.rules.yml]\n"
                "scrape_configs:\n"
                "- job_name: node\n"
                "  static_configs: [{targets: ['127.0.0.1:%d']}]\n"
                % (tmp, exporter.server_port))

    def ask(query):
        url = "http://127.0.0.1:%d/api/v1/query?query=%s" % (
            port, urllib.parse.quote(query))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=5) as answer:
            return json.load(answer)["data"]["result"]

    args = ["--once", "--prometheus", "--output", tmp + "/dpdkvdpa.prom"]
    ports = {"vdpa0": port_at(1, 1000)}
    with Server(ports) as server, subprocess.Popen(
            ["prometheus", "--config.file=%s/prometheus.yml" % tmp,
             "--storage.tsdb.path=%s/data" % tmp,
             "--web.listen-address=127.0.0.1:%d" % port],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            args.append("--socket=" + server.path)
            eq(run(*args), (0, "", ""))
            wait_for(lambda: ask("dpdkvdpa_up == 1"), "dpdkvdpa_up is 1")
            eq(ask('dpdkvdpa_events_total{kind="connected"}')[0]["value"][1],
               "1")
            later = port_at(2, 1000)
            later["events"]["refused"] = 1
            later["queues"]["1"]["vf_to_vm"]["stalled"] = 1
            later["vm_to_vf"]["drops"]["oversize"] = 5000
            ports["vdpa0"] = later
            eq(run(*args), (0, "", ""))
            wait_for(lambda: ask('rate(dpdkvdpa_dropped_packets_total'
                                 '{reason="oversize"}[1m]) > 10'), "a rate")
            for alert in ("DpdkvdpaQueueStalled", "DpdkvdpaFrontendRefused"):
                wait_for(lambda: ask('ALERTS{alertname="%s",'
                                     'alertstate="firing"}' % alert), alert)
            eq(ask('ALERTS{alertname="DpdkvdpaPortError"}'), [])
        finally:
            daemon.terminate()
    exporter.shutdown()


main(globals())
