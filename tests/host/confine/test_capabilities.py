"""Tests a worker's remaining privileges, in /proc of a process that has dropped them."""

import os
import subprocess
import sys

import pytest

from falcohost import SourceError
from falcohost.host.confine.capabilities import CAPABILITIES, drop_privileges
from falcohost.testing import skip_or_fail

PROGRAM = """
import os
from falcohost.host.confine.capabilities import close_the_way_back, drop_privileges
close_the_way_back()
drop_privileges({keep}, {user})
print(open("/proc/self/status").read())
try:
    open("/etc/shadow").close()
    print("Shadow: read")
except PermissionError:
    print("Shadow: refused")
try:
    os.setuid(0)
    print("Root: back")
except PermissionError:
    print("Root: refused")
"""


@pytest.fixture
def as_root():
    """Skip where this is not root."""
    if os.geteuid() != 0:
        skip_or_fail("root", "dropping privileges can be tested by root only")


def status(keep):
    """Return what a process says that has dropped all but *keep*."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(keep=keep, user=61234)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(line.split(":\t" if ":\t" in line else ": ", 1) for line in done.stdout.splitlines() if ":" in line)


def mask(*names):
    """Return the set of capabilities as /proc prints it."""
    return f"{sum(1 << CAPABILITIES.index(name) for name in names):016x}"


def test_nothing_is_kept(as_root):
    """A source that asks for nothing runs as its own user, without a capability and without a way back."""
    found = status(None)

    assert found["Uid"].split() == ["61234"] * 4
    assert found["Gid"].split() == ["61234"] * 4
    assert found["Groups"].strip() == ""
    assert {found[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {mask()}
    assert found["NoNewPrivs"] == "1"
    assert (found["Shadow"], found["Root"]) == ("refused", "refused")


def test_what_is_asked_for_is_kept(as_root):
    """A source keeps the capabilities that it names, and nothing else, not even root's user."""
    found = status({"CAP_BPF", "CAP_DAC_READ_SEARCH"})

    assert found["Uid"].split() == ["61234"] * 4
    assert {found[f"Cap{kind}"] for kind in ("Prm", "Eff", "Bnd")} == {mask("CAP_BPF", "CAP_DAC_READ_SEARCH")}
    assert {found[f"Cap{kind}"] for kind in ("Inh", "Amb")} == {mask()}
    assert (found["Shadow"], found["Root"]) == ("read", "refused")


def test_without_root_what_is_there_is_dropped(as_root):
    """An unprivileged user has no capability to keep; asking for one is no error."""
    leave = "import falcohost.host.confine.capabilities, os; os.setgroups([]); os.setgid(65534); os.setuid(65534)"
    program = leave + PROGRAM.format(keep={"CAP_BPF"}, user=None)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert f"CapEff:\t{mask()}" in done.stdout
    assert "NoNewPrivs:\t1" in done.stdout


def test_an_unknown_capability_is_an_error():
    """A name that is no capability is told before anything is dropped."""
    with pytest.raises(SourceError, match="unknown capabilities: CAP_FLY"):
        drop_privileges(frozenset({"CAP_FLY"}), None)
