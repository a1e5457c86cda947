# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's Prometheus with private storage, scraping once a second."""

import json
import shutil
import urllib.parse
import urllib.request

from . import procs, tap

_CONFIG = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: redtap
    honor_labels: true
    static_configs: [{{ targets: ["{target}"] }}]
"""


class Prometheus:
    def __init__(self, target, port=None):
        if why := procs.have("prometheus"):
            tap.skip(why)
        self.port = port or procs.free_port()
        self.dir = procs.run_dir() / f"prometheus.{self.port}"
        self.dir.mkdir()
        config = self.dir / "prometheus.yml"
        config.write_text(_CONFIG.format(target=target))
        self.proc = procs.spawn(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={self.dir}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
            ],
            cwd=self.dir,
        )
        procs.await_port(self.proc, self.port)

    def _api(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, promql):
        """[(labels, value)] of an instant vector."""
        return [
            (row["metric"], float(row["value"][1]))
            for row in self._api("query", query=promql)["result"]
        ]

    def targets(self):
        return self._api("targets")["activeTargets"]

    def stop(self):
        self.proc.stop()
        shutil.rmtree(self.dir / "data", ignore_errors=True)
