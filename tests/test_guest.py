"""The probe works on the kernel of Debian 13, too, in an emulated guest; ``script/kernels`` tries more, and others."""

import importlib.util
import platform
import shutil

import pytest

from falcohost.testing.skips import skip_or_fail

#: What is run there: an agent whose rule on an open matches, and one that watches a file that is replaced.
TESTS = ("test_alert_within_a_second", "test_replaced_file_is_watched")


@pytest.fixture
def package(root):
    """Return the package of the kernel."""
    if platform.machine() != "x86_64":
        pytest.skip("the guest has an x86-64 kernel")
    if not (found := sorted((root / ".venv" / "kernel").glob("linux-image-*.deb"))):
        skip_or_fail("kernel", "there is no kernel for a guest: script/setup --all fetches one")
    for program in ("qemu-system-x86_64", "busybox", "cpio"):
        if shutil.which(program) is None:
            skip_or_fail("kernel", f"{program} is missing, which a guest needs: script/setup --all installs it")
    return found[-1]


@pytest.mark.timeout(900)
def test_an_agent_in_a_guest(root, package):
    """It loads its programs and detects."""
    spec = importlib.util.spec_from_file_location("kernels_page", root / "docs" / "kernels_page.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)

    tests = [f"plugins/syscall/tests/test_e2e.py::{name}" for name in TESTS]
    found = page.ran(package, page.Asked("modern_ebpf", tests, seconds=800, slowness=10, over=None, modules=[]))

    assert (str(len(TESTS)), "0", "0") == (found.passed, found.skipped, found.failed)
