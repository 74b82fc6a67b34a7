"""The output ``file``: every alert a line, whole or not at all."""

import os
import resource
import signal
import stat
from pathlib import Path

import pytest

from falcohost import OutputError
from falcohost.outputs.file import FileOutput
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert


def encode(one):
    """Return an alert's rule as its line."""
    return one.rule.encode()


@pytest.fixture
def path(tmp_path):
    """Return where the output writes."""
    return tmp_path / "events.txt"


@pytest.mark.parametrize("keep_alive", [True, False])
def test_appends(path, keep_alive):
    """Lines are there when deliver returns, behind what was in the file before."""
    path.write_text("before\n")
    output = FileOutput(str(path), keep_alive, encode)

    output.deliver([alert("a"), alert("b")])
    output.deliver([alert("c")])

    assert path.read_text() == "before\nrule a\nrule b\nrule c\n"


def test_only_its_owner_reads_it(path, tmp_path):
    """A file that is created is closed to others; an existing one keeps its permissions."""
    (tmp_path / "open").touch(0o644)
    for name in (path, tmp_path / "open"):
        FileOutput(str(name), False, encode).deliver([alert("a")])

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o644 == stat.S_IMODE((tmp_path / "open").stat().st_mode)


def test_without_keep_alive_the_file_may_move(path):
    """Without keep_alive each delivery opens the file by its name."""
    output = FileOutput(str(path), False, encode)
    output.deliver([alert("a")])
    path.rename(f"{path}.1")

    output.deliver([alert("b")])

    assert (path.read_text(), Path(f"{path}.1").read_text()) == ("rule b\n", "rule a\n")


@pytest.mark.parametrize("goes_on", [FileOutput.reopen, lambda output: None])
def test_with_keep_alive_the_file_may_move(path, goes_on):
    """With keep_alive a moved file is written on until the output is reopened, or for a second."""
    clock = ManualClock()
    output = FileOutput(str(path), True, encode, clock=clock)
    path.rename(f"{path}.1")
    output.deliver([alert("a")])
    goes_on(output)
    clock.advance(1.0)

    output.deliver([alert("b")])
    output.deliver([alert("c")])
    assert (path.read_text(), Path(f"{path}.1").read_text()) == ("rule b\nrule c\n", "rule a\n")


def is_open(path):
    """Return whether this process has the file open."""
    return any(os.path.realpath(one) == str(path) for one in Path("/proc/self/fd").iterdir())


def test_with_keep_alive_a_file_is_let_go_that_cannot_be_opened(path):
    """A file whose name leads nowhere does not stay open: its file system could not be unmounted and repaired."""
    clock = ManualClock()
    output = FileOutput(str(path), True, encode, clock=clock)
    path.rename(f"{path}.1")
    assert is_open(f"{path}.1")
    path.mkdir()
    clock.advance(1.0)
    with pytest.raises(OutputError, match="failed to open output file"):
        output.deliver([alert("a")])
    assert not is_open(f"{path}.1")

    path.rmdir()
    output.deliver([alert("a")])
    assert "rule a\n" == path.read_text()


def test_with_keep_alive_a_file_is_not_opened_for_nothing(path):
    """A file that was not moved stays open, and no descriptor is left over."""
    clock = ManualClock()
    output = FileOutput(str(path), True, encode, clock=clock)
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for name in "abc":
        clock.advance(1.0)
        output.deliver([alert(name)])

    assert "rule a\nrule b\nrule c\n" == path.read_text()
    assert before == sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.parametrize("name", ["no folder/events.txt", "."])
def test_a_path_that_cannot_be_is_told_at_once(tmp_path, name):
    """A file that cannot be opened is an error when the output is made."""
    with pytest.raises(OutputError, match="failed to open output file"):
        FileOutput(str(tmp_path / name), False, encode)


def test_a_failed_write_leaves_nothing_behind(path):
    """When the file may not grow any more, the part that was written is taken back, so that trying again is right."""
    path.write_text("before\n")
    output = FileOutput(str(path), True, encode)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write to .*: File too large"):
            output.deliver([alert("a")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

    assert path.read_text() == "before\n"
    output.deliver([alert("a")])
    assert path.read_text() == "before\nrule a\n"


def test_a_full_device_is_an_error():
    """A device without space says so."""
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("there is no /dev/full")

    with pytest.raises(OutputError, match="No space left on device"):
        FileOutput("/dev/full", False, encode).deliver([alert("a")])
