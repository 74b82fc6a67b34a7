"""Texts of processes that are longer than what the probe keeps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from falcohost import UnknownValueError
from falcohost_syscall.drivers.modern_ebpf import driver
from falcohost_syscall.fields import of_process
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.longer import ARGUMENTS, BEGINNING, ENVIRONMENT, KEPT, MOST, RESTS, LongerTexts
from falcohost_syscall.processes.table import Image, Process

KIB = 1024


@pytest.fixture
def started() -> Iterator:
    """Return a function that starts a process with arguments of these sizes, and returns what is kept of it."""
    running = []

    def started(*sizes: int, environment: int = 0) -> Process:
        command = ["sleep", "600", *(letter * size for letter, size in zip("abc", sizes, strict=False))]
        child = subprocess.Popen(
            ["bash", "-c", 'exec -a sleep tail -f /dev/null "$@"', *command], env={"E": "e" * environment}
        )
        running.append(child)
        while not (procfs.read(child.pid, ARGUMENTS) or b"").startswith(b"sleep\0"):
            pass  # between the two there is a moment in which it has its name, and no arguments yet
        start = procfs.status(child.pid).start
        image = Image(procfs.read(child.pid, ARGUMENTS), procfs.read(child.pid, ENVIRONMENT), b"/bin/tail")
        image.args_cut = image.env_cut = True
        return Process(child.pid, 1, child.pid, start, "tail", 0, image)

    yield started
    for child in running:
        child.kill()
        child.wait()


def parts(texts: LongerTexts, process: Process, which: str = ARGUMENTS) -> tuple[str, ...]:
    """Return the parts of a text of *process*."""
    return texts.parts(process, which, process.image.args_raw if which == ARGUMENTS else process.image.env_raw)


def test_read_to_the_end(started):
    """Arguments and environment are read to their ends."""
    texts, process = LongerTexts(), started(5 * KIB, 50 * KIB, environment=20 * KIB)

    assert ("a" * 5 * KIB, "b" * 50 * KIB) == parts(texts, process)[-2:]
    assert "E=" + "e" * 20 * KIB in parts(texts, process, ENVIRONMENT)
    assert parts(texts, process)[1:] == tuple(texts.arguments(process, process.image.args_raw).split(" "))


def test_too_long(started):
    """Of what is longer than 128 KiB the beginning is known."""
    texts, process = LongerTexts(), started(100 * KIB, 100 * KIB)
    with pytest.raises(UnknownValueError):
        parts(texts, process)
    with texts.beginnings():
        assert MOST == len("\0".join(parts(texts, process)))


@pytest.mark.parametrize("change", ["start", "beginning", "pid"])
def test_another_process(started, change):
    """What another process shows, or one that shows another beginning, is not taken."""
    texts, process = LongerTexts(), started(5 * KIB)
    if change == "start":
        process.start -= 10**9
    elif change == "beginning":
        process.image.args_raw = b"x" + process.image.args_raw[1:]
    else:
        process.pid = 2**22
    with pytest.raises(UnknownValueError):
        parts(texts, process)
    with texts.beginnings():
        assert process.image.args_raw.split(b"\0")[0] == parts(texts, process)[0].encode()


def send(texts, process, raw, pieces=1, size=None):
    """Let the kernel send what follows the beginning of the arguments *raw*, which the process then has."""
    process.image = Image(raw[:BEGINNING], b"", b"/bin/a")
    process.image.args_cut = True
    key = (process.pid, process.start, process.image.exec_ts, ARGUMENTS)
    step = -(-(len(raw) - BEGINNING) // pieces)
    for begin in range(BEGINNING, len(raw), step):
        texts.more(key, begin, raw[begin : begin + step], size or len(raw))


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_more(started, pieces):
    """What the kernel has sent in pieces is taken, also when the process is gone."""
    texts, process = LongerTexts(), started()
    process.pid = 2**22
    send(texts, process, b"a\0" + b"b" * 5000 + b"\0c\0", pieces)

    assert ("a", "b" * 5000, "c") == parts(texts, process)


def test_a_piece_that_is_missing(started):
    """What comes behind a piece that was lost is not taken for what comes before it."""
    texts, process = LongerTexts(), started()
    process.pid = 2**22
    send(texts, process, b"a\0" + b"b" * 5000 + b"\0")
    key = (process.pid, process.start, process.image.exec_ts, ARGUMENTS)
    texts.more(key, BEGINNING, b"b" * 100, 20_000)
    texts.more(key, BEGINNING + 200, b"c" * 100, 20_000)

    with pytest.raises(UnknownValueError):
        parts(texts, process)
    with texts.beginnings():
        assert 0 < len(parts(texts, process)[1]) <= BEGINNING + 100


def test_few_rests_are_kept(started):
    """Of texts that nobody asks for the latest are kept."""
    texts, process = LongerTexts(), started()
    for pid in range(2**22, 2**22 + 2 * RESTS):
        process.pid = pid
        send(texts, process, b"a\0" * 3000)

    assert RESTS == len(texts._rest)
    assert ("a",) * 3000 == parts(texts, process)


def test_those_of_processes_that_have_ended_are_forgotten(started):
    """At the second call after their end, or after another exec: until then a match may wait."""
    texts, process = LongerTexts(), started()
    running = {}
    for pid in range(2**22, 2**22 + RESTS):
        process.pid = pid
        send(texts, process, b"a" * MOST)
        one = running[pid] = Process(pid, 1, pid, process.start, "a", 0, process.image)
        if pid % 4 == 3:
            parts(texts, one)
    kept = len(texts.known())
    assert (RESTS, RESTS // 4) == (kept, len(texts._found))
    assert 0 == texts.forget(running)

    del running[2**22], running[2**22 + RESTS - 1]
    running[2**22 + 2].image = Image(b"", None, b"", 1)
    assert (0, kept) == (texts.forget(running), len(texts.known()))
    assert 3 * MOST - 2 * BEGINNING == texts.forget(running)
    assert kept - 3 == len(texts.known())
    assert ("a" * MOST,) == parts(texts, running[2**22 + 4])

    running.clear()
    texts.forget(running)
    texts.forget(running)
    assert ([], 0) == (texts.known(), texts._weight)


def test_the_driver_forgets_them_and_begins_its_journal_anew(monkeypatch):
    """Not at each batch; and the journal only where it was much."""
    texts, renewed, now = LongerTexts(), [], [1000.0]
    monkeypatch.setattr(driver, "LONGER", texts)
    monkeypatch.setattr(driver.time, "monotonic", lambda: now[0])
    source = driver.ModernEbpf({})
    reader = SimpleNamespace(progress=SimpleNamespace(renew=lambda: renewed.append(len(texts.known()))))
    for pid in range(2**22, 2**22 + RESTS):
        texts.more((pid, 1, 1, ARGUMENTS), BEGINNING, bytes(100 * KIB), MOST)
    for seconds, left in ((0, RESTS), (1, RESTS), (driver.FORGET, 0)):
        now[0] += seconds
        source._forget(reader)
        assert left == len(texts.known())
    assert [0] == renewed

    texts.more((2**22, 1, 1, ARGUMENTS), BEGINNING, bytes(KIB), MOST)
    for _ in range(2):
        now[0] += driver.FORGET
        source._forget(reader)
    assert ([0], []) == (renewed, texts.known())


def test_only_so_much_is_kept(started):
    """However many processes have long texts, and however many parts these have, memory is bounded."""
    texts, process = LongerTexts(), started()
    for pid in range(2**22, 2**22 + 20):
        process.pid = pid
        send(texts, process, b"a\0" * (MOST // 2))
        parts(texts, process)

        assert texts._weight <= KEPT
    assert texts._weight == sum(found.weight for found in texts._found.values()) > KEPT / 2


def test_one_long_argument(started):
    """A command line of a zeroth argument alone is the name, however long that argument is."""
    process = started()
    process.pid = 2**22
    process.image = Image(b"a" * 5000 + b"\0", b"", b"/bin/a")

    assert "tail" == of_process.cmdline(process)


def test_another_reader_knows_them_too():
    """What has come of texts outlives the reader, whole ones and rests, also of processes that have ended."""
    first, second = LongerTexts(), LongerTexts()
    beginning, rest = b"a" * BEGINNING, b"b" * KIB + b"\0"
    processes = []
    for pid in (2**22, 2**22 - 1, 2**22 - 2):
        image = Image(beginning, b"", b"/bin/true", pid)
        processes.append(Process(pid, 1, pid, 1, "true", 0, image))
        first.more((pid, 1, pid, ARGUMENTS), BEGINNING, rest, BEGINNING + len(rest))
    whole = parts(first, processes[0])
    first.more((2**22 - 2, 1, 2**22 - 2, ARGUMENTS), BEGINNING, rest, BEGINNING + 2 * len(rest))
    second.remember(first.known())

    assert [whole, whole] == [parts(second, process) for process in processes[:2]]
    second.more((2**22 - 2, 1, 2**22 - 2, ARGUMENTS), BEGINNING + len(rest), rest, BEGINNING + 2 * len(rest))
    assert 2 == len(parts(second, processes[2]))
