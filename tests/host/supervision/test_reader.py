"""The reader: what it hands over arrives, what goes wrong in it is told, and this process is left alone."""

import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from falcohost.errors import RulesError
from falcohost.host import wire
from falcohost.host.assignment import Assignment, SourceAssignment, encoded
from falcohost.host.missing_files import MissingFiles
from falcohost.host.reader_link import ASSIGNMENT, BASELINE, OUTPUTS, WORKER, Early
from falcohost.host.sealed import read_sealed, sealed
from falcohost.host.supervision import reader
from falcohost.host.supervision.reader import Bug, LoadingError, Reader
from falcohost.log import LogConfig
from falcohost.readable import readable
from falcohost.store.limits import Limits

ASSIGNED = Assignment(
    [SourceAssignment("one", {}, None)],
    ["a", "b"],
    [(b"/\xff", None)],
    b"",
    Limits(),
    0,
    (1, 2),
    60.0,
    2.0,
    "host",
    False,
)


def hand_over(teller):
    """Hand over all that the supervisor needs."""
    teller.hand(ASSIGNMENT, sealed("assignment", encoded(ASSIGNED)))
    teller.hand(WORKER, sealed("worker", b"data" * 100_000), "one")
    teller.hand(OUTPUTS, sealed("outputs", b"outputs"))
    teller.hand(BASELINE, sealed("baseline", b"baseline"))
    return True


def raises(error):
    """Return a load that raises it."""

    def load(teller):
        raise error

    return load


def result(load, **more):
    """Return the result of a silent reader once it has ended."""
    reader = Reader(load, silent=True, **more)
    assert readable([reader.finished], 30)
    return reader.result()


def opened():
    """Return how many descriptors are open, without those of garbage."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.parametrize("get", [result, lambda load: Reader(load).wait()])
def test_what_is_handed_over(get):
    """Memfds arrive unread, each under its name, and the assignment is decoded; nothing else stays open."""
    before = opened()
    handed = get(hand_over)

    assert handed.assignment == ASSIGNED
    assert ["/\udcff"] == list(handed.assignment.watched)
    assert b"data" * 100_000 == read_sealed(handed.workers["one"])
    assert [b"outputs", b"baseline"] == [read_sealed(one) for one in (handed.outputs, handed.baseline)]
    for descriptor in (*handed.workers.values(), handed.outputs, handed.baseline):
        os.close(descriptor)
    assert before == opened()


@pytest.mark.parametrize("get", [result, lambda load: Reader(load).wait()])
def test_what_is_wrong_is_told(get):
    """The error comes with its exit status and the files that are missing; a bug is told apart."""
    before = opened()
    with pytest.raises(LoadingError, match="no such file") as told:
        get(raises(MissingFiles("no such file", ["/one", "/two\udc80"])))
    with pytest.raises(LoadingError, match="no file \ufffd"):
        get(raises(MissingFiles("no file \udcff.yaml", [])))
    with pytest.raises(Bug, match="KeyError: 'a bug'"):
        get(raises(KeyError("a bug")))

    assert (1, ("/one", "/two\udc80")) == (told.value.exit_status, told.value.missing)
    assert before == opened()


def test_a_loader_that_is_killed():
    """It is told how it ended."""
    with pytest.raises(LoadingError, match="was killed by SIGKILL"):
        Reader(lambda teller: signal.raise_signal(signal.SIGKILL)).wait()


def test_what_is_done_meanwhile():
    """While the reader reads, steps are taken, and what it sends is taken between them."""
    (may_begin, begins), (waits, asks) = os.pipe(), os.pipe()
    done = []

    def load(teller):
        os.read(may_begin, 1)
        teller.hand_early(Early("one", (), 0), sealed("early", b""))
        os.read(waits, 1)
        return hand_over(teller)

    def once_begun():
        os.write(begins, b"x")
        assert readable([reader.link], 30)
        done.append("step")

    reader = Reader(load)
    steps = [once_begun, lambda: done.append("last"), lambda: os.write(asks, b"x")]
    handed = reader.wait(lambda: None, lambda early, data: done.append(early.source), steps=steps)

    assert ["step", "one", "last"] == done
    for descriptor in (*handed.workers.values(), handed.outputs, handed.baseline, may_begin, begins, waits, asks):
        os.close(descriptor)


@pytest.mark.parametrize("left_out", [WORKER, OUTPUTS, BASELINE])
def test_what_is_not_whole_is_refused(left_out):
    """Each memfd that the assignment needs has to be there."""

    def load(teller):
        hand = teller.hand
        teller.hand = lambda what, *rest: what == left_out or hand(what, *rest)
        return hand_over(teller)

    before = opened()
    with pytest.raises(LoadingError, match=f"a memfd is missing: .*{left_out}"):
        result(load)
    assert before == opened()


@pytest.mark.parametrize("sent", [b"\x03\x00\x00\x00abc", b"\xff\xff\xff\xff", wire.packed(wire.Ready())])
def test_what_is_not_a_message_is_refused(sent):
    """The supervisor does not believe all that the reader sends."""

    def load(teller):
        teller._link.sendall(sent)
        return True

    with pytest.raises(LoadingError, match="has sent what is not valid"):
        result(load)


def test_an_assignment_that_can_be_changed():
    """A memfd that is not sealed is not read."""

    def load(teller):
        teller.hand(ASSIGNMENT, os.memfd_create("assignment", os.MFD_ALLOW_SEALING))
        return True

    with pytest.raises(LoadingError, match="it can still be changed"):
        result(load)


def test_it_logs_here(caplog):
    """At start-up what the reader logs is logged by this process, as configured."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def load(teller):
        teller.log_to(LogConfig(False, False, "notice", False))
        logging.getLogger("falcohost").info("quiet")
        logging.getLogger("falcohost").warning("loud %d %%", 1)
        return hand_over(teller)

    told = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append((record.levelno, record.getMessage()))
    logging.getLogger("falcohost").addHandler(handler)
    try:
        Reader(load).wait()
    finally:
        logging.getLogger("falcohost").removeHandler(handler)
        root.handlers[:], level = before
        root.setLevel(level)

    assert [(logging.WARNING, "loud 1 %")] == told


@pytest.mark.parametrize(("status", "said"), [(0, None), (1, "no such option")])
def test_where_more_than_rules_is_new(monkeypatch, status, said):
    """The command is tried, with --dry-run behind it."""
    script = (
        f"import sys; print('Error: no such option', file=sys.stderr); sys.exit({status} or sys.argv[1] != '--dry-run')"
    )
    monkeypatch.setattr(reader, "command", lambda: [sys.executable, "-c", script])

    try:
        assert (None, None) == (result(lambda teller: False), said)
    except LoadingError as error:
        assert said == str(error)


def test_files_of_sources_that_are_not_there(monkeypatch):
    """If a start with more than new rules would fail, the files of sources are known whose appearance may mend it."""
    monkeypatch.setattr(reader, "command", lambda: [sys.executable, "-c", "raise SystemExit(1)"])

    def load(teller):
        teller.miss(["/no/folder", "/no/folder/log"])
        return False

    with pytest.raises(LoadingError) as failed:
        result(load)
    assert ("/no/folder", "/no/folder/log") == failed.value.missing


def test_a_silent_reader(capfd, tmp_path):
    """Neither output nor log lines are shown, and it has only the descriptors that it needs."""
    handler = logging.FileHandler(tmp_path / "log")
    logging.getLogger("falcohost").addHandler(handler)
    kept, other = (os.open("/etc/passwd", os.O_RDONLY) for _ in range(2))

    def load(teller):
        os.write(1, b"printed")
        logging.getLogger("falcohost").error("logged")
        assert ("/etc/passwd", "/dev/null") == tuple(
            str(Path(f"/proc/self/fd/{one}").readlink()) for one in (kept, other)
        )
        return hand_over(teller)

    try:
        assert result(load, keep={kept}) is not None
    finally:
        logging.getLogger("falcohost").removeHandler(handler)
        handler.close()
        os.close(kept)
        os.close(other)
    assert ("", "") == tuple(capfd.readouterr())
    assert "" == (tmp_path / "log").read_text()


def test_a_signal_ends_a_reader():
    """A reader does with signals what a process does that has said nothing of them, whatever the agent does."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with pytest.raises(LoadingError, match="was killed by SIGTERM"):
            result(lambda teller: signal.raise_signal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interrupted_wait_leaves_nothing():
    """Who is interrupted while it waits for the reader ends that, too."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    before = opened()

    reader = Reader(lambda teller: time.sleep(60))
    interrupts = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    interrupts.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            reader.wait()
    finally:
        interrupts.join()
        signal.signal(signal.SIGINT, former)
    assert before == opened()
    with pytest.raises(ChildProcessError):
        os.waitpid(reader._pid, os.WNOHANG)


def test_what_a_loader_changes_is_not_changed_here():
    """It is another process."""
    changed = []

    assert result(lambda teller: changed.append(1) or hand_over(teller)) is not None
    assert changed == []
    with pytest.raises(LoadingError):
        result(raises(RulesError("no")))


#: What a plugin's module might try, if it is hostile, while it is imported; each in the words of the kernel's answer.
TRIES = {
    "connect": lambda folder: socket.socket(),
    "connect to a daemon": lambda folder: socket.socket(socket.AF_UNIX),
    "run a program": lambda folder: os.execv("/bin/true", ["true"]),
    "fork": lambda folder: os.fork(),
    "signal": lambda folder: os.kill(os.getppid(), 0),
    "write a file": lambda folder: (folder / "new").write_text(""),
    "change a file": lambda folder: (folder / "old").open("a"),
    "remove a file": lambda folder: (folder / "old").unlink(),
    "cut a file": lambda folder: os.truncate(folder / "old", 0),
    "let others write": lambda folder: (folder / "old").chmod(0o666),
    "have others run it as root": lambda folder: os.fchmod(os.open(folder / "old", os.O_RDONLY), 0o4755),
    "give it away": lambda folder: os.chown(folder / "old", 1, 1),
    "write to another's memory": lambda folder: Path(f"/proc/{os.getppid()}/mem").open("wb"),  # noqa: SIM115
    "change its user": lambda folder: os.setresuid(61184, 61184, 61184),
    "change the root": lambda folder: os.chroot("/"),
}


@pytest.mark.parametrize("attempt", TRIES.values(), ids=TRIES)
def test_what_reading_does_not_need(attempt, tmp_path):
    """It fails, with an error that says so, and changes nothing."""
    (tmp_path / "old").write_text("kept")

    with pytest.raises(Bug, match="PermissionError"):
        result(lambda teller: attempt(tmp_path))
    assert [("old", "kept")] == [(path.name, path.read_text()) for path in tmp_path.iterdir()]


def test_around_the_cache(tmp_path, monkeypatch):
    """Where the rules cache is yet to be made it can write to that, and to nothing beside it."""
    cache = tmp_path / "above/cache"
    monkeypatch.setenv("FALCOHOST_CACHE_DIR", str(cache))

    with pytest.raises(Bug, match="PermissionError"):
        result(lambda teller: (tmp_path / "new").write_text(""))
    with pytest.raises(Bug, match="PermissionError"):  # what loaders keep
        result(lambda teller: (cache / "prepared").mkdir())
    assert result(lambda teller: (cache / "rules/new").write_text("x") and hand_over(teller)) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_reading_needs(tmp_path):
    """It reads what only others may read."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "secret").write_text("x")
    os.chown(folder / "secret", 61184, 61184)
    os.chown(folder, 61184, 61184)

    assert result(lambda teller: (folder / "secret").read_text() == "x" and hand_over(teller)) is not None
