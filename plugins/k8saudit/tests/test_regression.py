"""Falco's own regression cases for the Kubernetes audit log, run as a user runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "falcohost"
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


def place(regression: Path, name: str) -> str:
    """Return the path of a rules file; the cases name them from Falco's folder of tests."""
    shipped = name.removeprefix("../rules/")
    return str(regression.parent / "rules" / shipped if shipped != name else regression / name)


@pytest.fixture
def run(regression, tmp_path):
    """Return a function that runs a case."""

    def run(case):
        (tmp_path / "k8s_audit.yaml").write_text(FALCO_YAML)
        rules = [part for name in case["rules_file"] for part in ("-r", place(regression, name))]
        return subprocess.run(
            [PROGRAM, "-c", str(tmp_path / "k8s_audit.yaml"), *rules, *case["addl_cmdline_opts"].split(),
             "--enable-source", case["enable_source"]],
            capture_output=True, text=True, cwd=regression, timeout=60,
            env=os.environ | {"FALCOHOST_STATE_DIR": str(tmp_path / "state")},
        )  # fmt: skip

    return run


def test_all_cases_are_there(corpus):
    """There are the 37 cases that came with the rules."""
    del corpus
    assert len(cases()) == 37


@pytest.mark.parametrize("name", cases())
def test_case(run, name):
    """The run detects what Falco detects: how often, by which rule, at which severity."""
    case = cases()[name]

    done = run(case)

    if name in REFUSED:
        assert (done.returncode, REFUSED[name] in done.stderr) == (1, True)
        return
    assert done.returncode == 0, done.stderr
    total = int(re.search(r"Events detected: (\d+)", done.stdout)[1])
    assert (total > 0) == case["detect"], done.stdout
    assert case.get("stderr_contains", "") in done.stderr
    for counts in case.get("detect_counts", []):
        for rule, count in counts.items():
            assert re.search(rf"^   {re.escape(RENAMED.get(rule, rule))}: {count}$", done.stdout, re.MULTILINE), (
                done.stdout
            )
    if case["detect"]:
        assert re.search(rf"^   {case['detect_level']}: {total}$", done.stdout, re.MULTILINE), done.stdout
