"""An agent that may open too few files says so at once."""

import subprocess
import sys

import pytest

#: Limits the files of a process to some number of descriptors, where it may not raise that, and runs a program.
LIMITED = """
import ctypes, os, resource, sys
soft, hard = map(int, sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
ctypes.CDLL(None).prctl(24, 24)  # PR_CAPBSET_DROP, CAP_SYS_RESOURCE
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""

LOOKS = """
import resource
from falcohost.host.open_files import open_files_problem
print(open_files_problem())
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limited(soft, hard, *arguments):
    """Run Python with these limits."""
    command = [sys.executable, "-c", LIMITED, str(soft), str(hard), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_limit_that_may_be_raised_is_raised():
    """A soft limit is no reason to refuse."""
    assert ["None", "4096 8192"] == limited(16, 8192, "-c", LOOKS).stdout.splitlines()


def test_a_limit_that_suffices_is_left_alone():
    """Nothing is changed where nothing has to be."""
    assert ["None", "5000 6000"] == limited(5000, 6000, "-c", LOOKS).stdout.splitlines()


@pytest.mark.parametrize(("soft", "hard"), [(600, 600), (512, 1024), (16, 3000)])
def test_a_limit_below_what_is_wanted(soft, hard):
    """An agent that may have fewer than it wants, and enough, takes what it may have."""
    assert ["None", f"{hard} {hard}"] == limited(soft, hard, "-c", LOOKS).stdout.splitlines()


@pytest.mark.parametrize("how", [[], ["--dry-run"]])
def test_a_limit_that_is_too_low(tmp_path, how):
    """A start ends with a reason and a remedy, instead of trying to start its processes again and again."""
    (tmp_path / "rules.yaml").write_text("- {rule: r, desc: d, condition: evt.type=open, output: o, priority: INFO}")
    done = limited(40, 40, "-m", "falcohost", "-r", str(tmp_path / "rules.yaml"), "-o", "engine.kind=nodriver", *how)

    assert 1 == done.returncode
    assert "only 40 files may be open at once, and falcohost needs 512; raise it with 'ulimit -n 512'" in done.stderr
    assert "Traceback" not in done.stderr
