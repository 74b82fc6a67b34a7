"""The form of the probe for older kernels, which every kernel takes: it collects the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost import SourceError
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf import forms, loading
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.kernel.given_types import has_own
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records import record as R

from .conftest import Watched
from .read_probe import ReadProbe

DEEP = 80

pytestmark = pytest.mark.skipif(os.uname().machine not in forms.OLDER_OBJECTS, reason="made for x86-64 only")


@pytest.fixture(scope="module", params=["5.10", "5.8"])
def older(request, machine):
    """Return the loaded probe in its form for older kernels, as these take it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "needs_older", lambda library: True)
        if request.param == "5.8":
            patch.setattr(loading, "needs_relays", lambda library: True)
            patch.setattr(Kernel, "run", Kernel._run_at_a_call)
        options = Options(threads=True, exec_cwd=True, exec_env=True, more_args=True, all_processes=True)
        with ReadProbe(LoadSettings(execve=BY_NAME["execve"].call), options) as driver:
            yield Watched(driver)


def test_chosen():
    """It is chosen where the kernel lacks the helper for loops, or its types; this kernel takes one of the forms."""
    library = Library()

    assert forms.needs_older(library) is (library.has_helper(181) is False or not has_own())
    assert not forms.takes_none(library)
    assert library.has_helper(100_000) is not True


def test_has_loops(monkeypatch):
    """A kernel without that helper takes the older form, one that lacks more none; one that does not say is tried."""
    answers = {181: False, 153: True, 130: True}
    monkeypatch.setattr(Library, "has_helper", lambda self, number: answers[number])
    monkeypatch.setattr(forms, "has_own", lambda: True)
    library = Library()

    assert forms.needs_older(library) and not forms.takes_none(library) and not forms.needs_relays(library)
    answers[153] = False
    assert forms.needs_older(library) and not forms.takes_none(library) and forms.needs_relays(library)
    answers[130] = False
    assert forms.takes_none(library)
    answers[181] = answers[153] = answers[130] = None
    assert not forms.needs_older(library) and not forms.takes_none(library) and not forms.needs_relays(library)
    monkeypatch.setattr(forms, "has_own", lambda: False)
    assert forms.needs_older(library)


def test_too_old(monkeypatch):
    """Linux before 5.8, which has none of it, is told with the drivers that serve it, before anything is loaded."""
    monkeypatch.setattr(Library, "has_helper", lambda self, number: False)

    with pytest.raises(
        SourceError, match=r"needs Linux 5\.8 or newer, this is .* set engine\.kind to ebpf .* or kmod "
    ):
        ReadProbe(LoadSettings(execve=BY_NAME["execve"].call))


def opened(found, path):
    """Return the record of the openat that was given *path*."""
    return next(r for r in found if r.header.kind == R.KIND_CALL and r.sections.get(R.SEC_PATH) == path)


def test_deep_path(older, openat, tmp_path):
    """A file's path is walked up to the root, however many folders it has; that of a link is the file's own."""
    older.driver.set_calls(openat)
    folder = tmp_path.joinpath(*("d" * DEEP))
    folder.mkdir(parents=True)
    (folder / "file").write_text("")
    (tmp_path / "link").symlink_to(folder / "file")
    record = opened(older.python("os.open(sys.argv[1], 0)", tmp_path / "link"), bytes(tmp_path / "link"))

    assert bytes(folder / "file") == record.sections[R.SEC_FDPATH]
    assert not record.header.flags & R.FLAG_CUT


def test_namespace(older, openat):
    """The name of a namespace's file is made of its number."""
    older.driver.set_calls(openat)
    record = opened(older.python("os.open('/proc/self/ns/uts', 0)"), b"/proc/self/ns/uts")

    assert bytes(Path("/proc/self/ns/uts").readlink()) == record.sections[R.SEC_FDPATH]


def test_exec(older):
    """An exec has its arguments, its program and its working directory, and the process its beginning and its end."""
    found = older.run(sys.executable, "-ISc", "import os", "one", "two words", cwd="/usr")
    executed = next(r for r in found if r.header.kind == R.KIND_EXEC)

    assert executed.sections[R.SEC_ARGS].endswith(b"\0one\0two words\0")
    assert os.path.realpath(sys.executable).encode() == executed.sections[R.SEC_EXE]
    assert b"/usr" == executed.sections[R.SEC_CWD]
    assert {R.KIND_EXEC, R.KIND_EXIT} <= {r.header.kind for r in found}


def test_listed(older):
    """Running processes are listed, with their programs."""
    with subprocess.Popen(["sleep", "100"]) as process:
        header, sections = next(
            (R.Header._make(R.HEADER.unpack_from(one)), one)
            for one in older.driver.tasks_listed()
            if R.Header._make(R.HEADER.unpack_from(one)).pid == process.pid
        )
        process.kill()

    assert R.KIND_TASK == header.kind
    assert os.path.realpath("/usr/bin/sleep").encode() in bytes(sections)
