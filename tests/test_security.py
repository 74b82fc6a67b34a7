"""docs/security.md says what a running agent's processes may do."""

import os
import sys
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def page():
    """Return the module that writes the page."""
    sys.path.insert(0, str(DOCS))
    try:
        import security_page
    finally:
        sys.path.remove(str(DOCS))
    return security_page


@pytest.fixture(scope="module")
def found(page, tmp_path_factory):
    """Return what the processes of a running agent may do, by role."""
    if os.geteuid() != 0 or not Path("/sys/kernel/btf/vmlinux").exists():
        skip_or_fail("bpf", "only root can load the probe, and read filters back")
    return page.look(tmp_path_factory.mktemp("agent"))


def test_the_page_is_up_to_date(page, found):
    """Its tables are those that script/security would write now."""
    text = page.PAGE.read_text()

    assert page.renewed(text, found) == text


def test_what_no_process_may(found):
    """Only the supervisor is root; nobody else has a right to change what others own, and each has a filter."""
    others = {role: may for role, may in found.items() if role != "supervisor"}

    assert {"own"} == {may.user for may in others.values()}
    assert "all" not in {may.calls for may in others.values()}
    for whose in ("source printed", "outputs", "responses"):
        assert {"CAP_SETUID", "CAP_KILL"} == {*others.pop(f"helpers of {whose}").capabilities}
    assert ("CAP_KILL",) == others.pop("actions").capabilities
    assert ("CAP_DAC_OVERRIDE",) == others.pop("helpers of source syscall: runtimes").capabilities
    assert {"CAP_CHOWN", "CAP_DAC_OVERRIDE"} == {*others.pop("helpers of source syscall: captures").capabilities}
    assert () == others["helpers of source syscall: pauses"].capabilities
    harmless = {"CAP_BPF", "CAP_PERFMON", "CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"}
    assert harmless >= {name for may in others.values() for name in may.capabilities}
    assert {"CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"} == {*found["helpers of source syscall"].capabilities}


def test_memory_budgets(page, found):
    """No process takes more memory than the page says."""
    assert [] == [(role, may.memory) for role, may in found.items() if may.memory > page.ROLES[role].budget]
