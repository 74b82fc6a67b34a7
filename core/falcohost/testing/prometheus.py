"""Debian's Prometheus, which scrapes an agent for a test."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from falcohost.testing.ports import Port
from falcohost.testing.skips import skip_or_fail
from falcohost.testing.waiting import wait_until


class Prometheus:
    """Asks a Prometheus at this port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __call__(self, query: str) -> list[str]:
        """Return the values that *query* has now."""
        found = self.ask("query", query=query)
        return [one["value"][1] for one in found["result"]] if found else []

    def labels(self, name: str, match: str) -> list[str]:
        """Return the values of the label *name* in what *match* selects."""
        return list(self.ask(f"label/{name}/values", **{"match[]": match}) or ())

    def ask(self, what: str, **parameters: str) -> Any:
        """Return the data of an answer; None: there is none, or it is an error."""
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        with contextlib.closing(link), contextlib.suppress(OSError, KeyError, ValueError):
            link.request("GET", f"/api/v1/{what}?{urllib.parse.urlencode(parameters)}")
            return json.loads(link.getresponse().read())["data"]
        return None


@contextlib.contextmanager
def scraping(target: int, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus, which asks the port *target* twice a second; return what asks it once there is an answer."""
    if (prometheus := shutil.which("prometheus")) is None:
        skip_or_fail("prometheus", "prometheus is missing: apt-get install prometheus")
    port = Port()
    scrape = {"job_name": "falcohost", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
    config = {"global": {"scrape_interval": "500ms"}, "scrape_configs": [scrape]}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = [
        prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port.number}",
    ]  # fmt: skip
    port.close()
    query = Prometheus(port.number)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
        try:
            wait_until(lambda: query("up") == ["1"], lambda: (folder / "log").read_text())
            yield query
        finally:
            process.kill()
            process.wait()
