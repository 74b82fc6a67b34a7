"""Falco's own regression cases for the Kubernetes audit log."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from falcohost.errors import RulesError
from falcohost.testing.agent import PROGRAM
from falcohost.testing.pipeline import Pipeline
from falcohost.testing.waiting import PATIENCE
from falcohost_k8saudit import plugin
from falcohost_syscall import plugin as syscall

CASES = Path(__file__).parents[4] / "shared" / "corpus" / "regression" / "falco_k8s_audit_tests.json"

#: A configuration as it stands beside Falco.
FALCO_YAML = """
plugins:
  - name: k8saudit
    library_path: libk8saudit.so
    init_config:
      maxEventSize: 262144
      webhookMaxBatchSize: 12582912
      sslCertificate: /etc/falco/falco.pem
    open_params: "http://:9765/k8s-audit"
  - name: json
    library_path: libjson.so
    init_config: ""
load_plugins: [k8saudit, json]
stdout_output: {enabled: true}
syslog_output: {enabled: false}
log_syslog: false
"""

#: Cases that are older than the public rules that they are run with: Falco refuses these rules as well. In the oldest
#: of the files a list field is compared by ``contains``; another appends to lists that the public rules do not have.
_CONTAINS = "'contains' operator not supported list filters"
_NO_LIST = "List uses 'append' or 'override.items: append' but no list by that name already exists"
REFUSED = {
    "compat_engine_v4_create_allowed_pod": _CONTAINS,
    "compat_engine_v4_create_hostnetwork_pod": _CONTAINS,
    "compat_engine_v4_create_hostnetwork_trusted_pod": _CONTAINS,
    "compat_engine_v4_create_privileged_pod": _CONTAINS,
    "compat_engine_v4_create_privileged_trusted_pod": _CONTAINS,
    "create_hostnetwork_trusted_pod": _NO_LIST,
    "create_privileged_trusted_pod": _NO_LIST,
}

#: Rules that are called otherwise by now.
RENAMED = {"K8s Role/Clusterrolebinding Deleted": "K8s ClusterRoleBinding Deleted"}


def cases():
    """Return the cases by name; none where there is no corpus, which test_all_cases_are_there tells."""
    return json.loads(CASES.read_text()) if CASES.exists() else {}


def place(regression: Path, name: str) -> Path:
    """Return the path of a rules file; the cases name them from Falco's folder of tests."""
    shipped = name.removeprefix("../rules/")
    return regression.parent / "rules" / shipped if shipped != name else regression / name


def trace(regression: Path, case: Mapping[str, Any]) -> Path:
    """Return the path of the events of a case."""
    return regression / case["addl_cmdline_opts"].partition("open_params=")[2]


def counts(case: Mapping[str, Any]) -> dict[str, int]:
    """Return how often each rule fires."""
    return {
        RENAMED.get(rule, rule): count for counted in case.get("detect_counts", []) for rule, count in counted.items()
    }


def test_all_cases_are_there(corpus):
    """There are the 37 cases that came with the rules."""
    del corpus
    assert len(cases()) == 37


@pytest.mark.parametrize("name", cases())
def test_case(regression, tmp_path, caplog, name):
    """A case detects what Falco detects: how often, by which rule, at which severity."""
    case = cases()[name]
    rules = [place(regression, file) for file in case["rules_file"]]
    settings = {"open_params": str(trace(regression, case))}

    if name in REFUSED:
        with pytest.raises(RulesError) as raised:
            Pipeline(plugin, rules, settings, tmp_path / "state", beside=[syscall])
        assert REFUSED[name] in str(raised.value)
        return
    pipeline = Pipeline(plugin, rules, settings, tmp_path / "state", beside=[syscall])
    pipeline.wait()
    alerts = pipeline.alerts
    assert case["detect"] == bool(alerts)
    assert counts(case).items() <= Counter(alert.rule for alert in alerts).items()
    assert {case["detect_level"]} if case["detect"] else set() == {alert.priority.short for alert in alerts}
    assert case.get("stderr_contains", "") in caplog.text


@pytest.mark.parametrize("name", ["create_privileged_pod", "create_privileged_trusted_pod"])
def test_as_a_user_runs_it(regression, tmp_path, name):
    """The command, with a configuration as it stands beside Falco, ends as Falco does and prints the same summary."""
    case = cases()[name]
    (tmp_path / "k8s_audit.yaml").write_text(FALCO_YAML)
    rules = [part for file in case["rules_file"] for part in ("-r", str(place(regression, file)))]
    done = subprocess.run(
        [PROGRAM, "-c", str(tmp_path / "k8s_audit.yaml"), *rules, *case["addl_cmdline_opts"].split(),
         "--enable-source", case["enable_source"]],
        capture_output=True, text=True, cwd=regression, timeout=PATIENCE,
        env=os.environ | {"FALCOHOST_STATE_DIR": str(tmp_path / "state")},
    )  # fmt: skip

    if name in REFUSED:
        assert (done.returncode, REFUSED[name] in done.stderr) == (1, True)
        return
    assert done.returncode == 0, done.stderr
    total = int(re.search(r"Events detected: (\d+)", done.stdout)[1])
    assert re.search(rf"^   {case['detect_level']}: {total}$", done.stdout, re.MULTILINE), done.stdout
    for rule, count in counts(case).items():
        assert f"\n   {rule}: {count}\n" in done.stdout
