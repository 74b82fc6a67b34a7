"""The Grafana dashboard in examples/ on a real Prometheus that scrapes an agent under load: every query has a value."""

import contextlib
import json
import os
import re

from falcohost.testing.cli import run_cli
from falcohost.testing.ports import Port
from falcohost.testing.prometheus import scraping
from falcohost.testing.waiting import wait_until

RULES = """
- rule: Marked
  desc: A marked file is opened.
  condition: evt.type in (open, openat) and fd.name startswith {folder}/mark-
  output: marked (file=%fd.name)
  priority: NOTICE
"""

#: Seconds over which rates are asked.
RATE = "15s"


def as_grafana_asks(query, variables):
    """Return *query* as Grafana sends it: with the values of the variables, all of which are chosen."""
    for name, values in variables.items():
        query = query.replace(f"${name}", "(" + "|".join(map(re.escape, values)).replace("\\", "\\\\") + ")")
    return query.replace("$__rate_interval", RATE)


def test_every_panel_has_a_value(start_agent, open_folder, tmp_path, root):
    """Each query of each panel answers, also where nothing is lost, and shows what the load does."""
    folder = open_folder / "panels"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES.format(folder=folder))
    port = Port()
    settings = {
        "webserver": {"enabled": True, "listen_port": port.number, "prometheus_metrics_enabled": True},
        "metrics": {"enabled": True},
        "falcohost": {"fold": {"after": 2, "window": 2}},
    }
    agent = start_agent(folder / "rules.yaml", settings=settings)
    port.close()
    board = json.loads((root / "examples" / "grafana" / "falcohost.json").read_text())
    state = ("--state-dir", str(agent.folder / "state"))
    variables, seen = {}, {}

    def load():
        """Have alerts, folds and measured calls."""
        for number in range(20):
            with contextlib.suppress(FileNotFoundError):
                os.open(f"{folder}/mark-{number % 2}", os.O_RDONLY)
        run_cli("stats", "--cost", "1", "--json", *state, folder=folder, environment=dict(os.environ))

    with scraping(port.number, tmp_path) as prometheus:

        def offered(query):
            match, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
            asked = as_grafana_asks(match, variables)
            wait_until(lambda: prometheus.labels(label, asked), lambda: query)
            return prometheus.labels(label, asked)

        for one in board["templating"]["list"]:
            if one["type"] == "query":
                variables[one["name"]] = offered(one["query"])
        assert {"instance": [f"127.0.0.1:{port.number}"], "source": ["syscall"]} == variables
        queries = {
            as_grafana_asks(target["expr"], variables): panel["title"]
            for panel in board["panels"]
            for target in panel.get("targets", [])
        }

        def missing():
            load()
            seen.update({query: values for query in queries if (values := prometheus(query))})
            return {query: title for query, title in queries.items() if query not in seen}

        def is_shown(name):
            (query,) = [one for one in queries if name in one]
            return any(float(value) > 0 for value in prometheus(query))

        wait_until(lambda: not missing(), lambda: (missing(), agent.log))
        for name in ("rules_matched", "rules_folded", "store_last", "types_seen", "types_seconds", "process_pss"):
            wait_until(lambda name=name: load() or is_shown(name), lambda name=name: name)
