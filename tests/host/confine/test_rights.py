"""An agent of root that may not change users, or end processes of others, says so at once."""

import subprocess
import sys

import pytest

from falcohost.host.confine.rights import rights_problem
from falcohost.testing.waiting import PATIENCE

RULES = "- {rule: r, desc: d, condition: evt.type = open, output: o, priority: INFO}"


@pytest.mark.parametrize("how", [[], ["--dry-run"]])
def test_root_without_capabilities(tmp_path, how):
    """A start ends with a reason and a remedy, instead of trying to start its processes again and again."""
    (tmp_path / "rules.yaml").write_text(RULES)
    agent = [sys.executable, "-m", "falcohost", "-r", str(tmp_path / "rules.yaml"), "-o", "engine.kind=nodriver", *how]
    done = subprocess.run(
        ["setpriv", "--bounding-set=-setuid,-kill", *agent], capture_output=True, text=True, timeout=PATIENCE
    )

    assert 1 == done.returncode
    assert "falcohost runs as root, but without CAP_SETUID, CAP_KILL: it cannot give" in done.stderr
    assert "--cap-add SETUID --cap-add KILL" in done.stderr


def test_those_who_may(monkeypatch):
    """Root as it mostly is has what it needs; another user's processes all are that user's."""
    assert None is rights_problem()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("falcohost.host.confine.rights.permitted_capabilities", frozenset)
    assert None is rights_problem()
