"""The Grafana dashboard in examples/: its queries are valid, and ask only for metrics and labels that there are."""

import json
import re
import shutil
import subprocess

import pytest

from falcohost.host.health import falco
from falcohost.host.health.exposition import FALCOS, OURS
from falcohost.host.health.points import metrics
from falcohost.testing import skip_or_fail

#: What Prometheus itself adds to each metric.
ADDED = {"instance", "job"}


@pytest.fixture(scope="module")
def board(root):
    """Return the dashboard."""
    return json.loads((root / "examples" / "grafana" / "falcohost.json").read_text())


def queries(board):
    """Return the queries of its panels, and of its variables."""
    panels = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    return panels, [one["query"] for one in board["templating"]["list"] if one["type"] == "query"]


def known():
    """Return the labels of each metric that there may be."""
    found = {f"{OURS}{one.name}": {*one.labels} for one in metrics()}
    return found | {f"{FALCOS}{name}": set() for name in falco.HELP}


def test_only_metrics_that_exist(board):
    """Each query names metrics that the agent exports, and labels that they have."""
    panels, variables = queries(board)
    there = known()

    assert len(panels) >= 20
    for query in (*panels, *variables):
        names = re.findall(r"\b(?:falcohost|falcosecurity)_\w+", query)
        assert names, query
        assert [] == [name for name in names if name not in there]
        labels = set().union(*(there[name] for name in names)) | ADDED
        asked = {one for group in re.findall(r"by \(([^)]*)\)", query) for one in re.split(r",\s*", group)}
        asked |= set(re.findall(r"(\w+)=~", query))
        assert asked <= labels, query


def test_legends_have_labels_that_exist(board):
    """A legend shows only labels that the query leaves."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            grouped = re.search(r"by \(([^)]*)\)", target["expr"])
            names = re.findall(r"\bfalcohost_\w+", target["expr"])
            left = (
                set(re.split(r",\s*", grouped[1])) if grouped else set().union(*(known()[one] for one in names)) | ADDED
            )
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= left, target


def test_prometheus_takes_the_queries(board, tmp_path):
    """Promtool takes each query as the expression of a rule."""
    if (promtool := shutil.which("promtool")) is None:
        skip_or_fail("prometheus", "promtool is missing: apt-get install prometheus")
    panels, _ = queries(board)
    rules = [
        {
            "record": f"query:{number}",
            "expr": re.sub(r"\$(instance|source)", ".*", one.replace("$__rate_interval", "5m")),
        }
        for number, one in enumerate(panels)
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"{len(panels)} rules found" in done.stdout


def test_panels_do_not_overlap(board):
    """No two panels take the same place, and each has its own id."""
    taken = [
        (x, y)
        for panel in board["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken))
    assert len(board["panels"]) == len({panel["id"] for panel in board["panels"]})
