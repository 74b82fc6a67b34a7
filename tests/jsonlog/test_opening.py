"""Followed files: what the owner of a folder may not read is not read for that user."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import threading
from pathlib import Path

import pytest

from falcohost import SourceError
from falcohost.events import Plan
from falcohost.jsonlog import JsonLog, JsonSource, file_input, opening
from falcohost.jsonlog.opening import NotTrusted, open_log
from falcohost.testing.clock import ManualClock

LOG = JsonLog(source="app", plugin="tester")
USER, OTHER = 4321, 4322

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of several users")


@pytest.fixture(params=["openat2", "an old kernel"])
def kernel(request, monkeypatch):
    """Use openat2(2), or do without it."""
    if request.param != "openat2":
        monkeypatch.setattr(opening, "_OPENAT2", 9999)


@pytest.fixture
def top(tmp_path):
    """Return a folder of root that everybody may enter, on the way to which are no links."""
    (tmp_path / "top").mkdir()
    return (tmp_path / "top").resolve()


def made(path, owner, text="x", mode=0o644, group=0):
    """Make a file, or a folder if *text* is None, of *owner*."""
    if text is None:
        path.mkdir()
    else:
        path.write_text(text)
    path.chmod(mode)
    os.chown(path, owner, group)
    return path


def linked(path, target, owner):
    """Make a symbolic link of *owner*."""
    path.symlink_to(target)
    os.lchown(path, owner, owner)
    return path


def content(path):
    """Return the content of *path*, or None if it is not read."""
    try:
        fd = open_log(str(path))
    except NotTrusted:
        return None
    with os.fdopen(fd) as file:
        return file.read()


@pytest.fixture
def secret(top):
    """Return a file that only root may read."""
    return made(top / "secret", 0, "secret", 0o600)


@pytest.fixture
def folder(top):
    """Return a folder of the user."""
    return made(top / "logs", USER, None, 0o755)


@pytest.mark.usefixtures("kernel")
def test_a_planted_link_is_not_followed(top, folder, secret):
    """A link of the folder's owner to a file of root is not followed: whole, in parts, in steps, or as a folder."""
    linked(folder / "a.log", secret, USER)
    linked(folder / "b.log", "../secret", USER)
    linked(folder / "c.log", "a.log", USER)
    linked(folder / "sub", top, USER)
    made(top / "public", 0, "public")
    linked(folder / "d.log", top / "public", USER)
    linked(folder / "e.log", folder / "sub" / ".." / "top" / "secret", USER)

    for path in ("a.log", "b.log", "c.log", "sub/secret", "sub/public", "d.log", "e.log"):
        assert content(folder / path) is None, path


@pytest.mark.usefixtures("kernel")
def test_links_that_are_followed(top, folder, secret):
    """Links of root are followed, wherever they lead, as are links to what belongs to the same user."""
    linked(folder / "a.log", secret, 0)
    made(folder / "real.log", USER, "real", 0o600)
    linked(folder / "b.log", "real.log", USER)
    made(top / "elsewhere", USER, None)
    made(top / "elsewhere" / "d.log", USER, "d", 0o640)
    linked(folder / "sub", "../elsewhere", USER)
    linked(top / "way", "logs", 0)
    linked(folder / "e.log", top / "way" / "b.log", 0)

    assert content(folder / "b.log") == "real"
    assert content(folder / "sub" / "d.log") == "d"
    assert content(top / "way" / "real.log") == "real"
    assert content(folder / "e.log") == "real"
    assert content(top / ".." / "top" / "way" / "." / "b.log") == "real"


@pytest.mark.usefixtures("kernel")
def test_the_layout_of_kubernetes(top):
    """Links of root from one folder of root over another to the containers' files are followed."""
    for name in ("containers", "pods", "docker"):
        made(top / name, 0, None, 0o755)
    made(top / "pods" / "uid", 0, None)
    made(top / "docker" / "1-json.log", 0, "line", 0o640)
    linked(top / "pods" / "uid" / "0.log", top / "docker" / "1-json.log", 0)
    linked(top / "containers" / "app.log", "../pods/uid/0.log", 0)

    assert content(top / "containers" / "app.log") == "line"


@pytest.mark.usefixtures("kernel")
def test_a_file_that_was_moved_or_linked_there(top, folder, secret):
    """A private file of another user in a user's folder is not read: it may have been moved or linked there."""
    os.link(secret, folder / "hard.log")
    made(folder / "moved.log", 0, "moved", 0o600)
    made(folder / "theirs.log", OTHER, "theirs", 0o640, group=OTHER)
    made(folder / "public.log", 0, "public", 0o644)
    os.chown(folder, USER, USER)
    made(folder / "shared.log", 0, "shared", 0o640, group=USER)
    shared = made(top / "shared", 0, None, 0o1777)
    os.link(secret, shared / "hard.log")
    made(shared / "own.log", OTHER, "own", 0o600)

    for path in ("logs/hard.log", "logs/moved.log", "logs/theirs.log", "shared/hard.log"):
        assert content(top / path) is None, path
    for path, text in (("logs/public.log", "public"), ("logs/shared.log", "shared"), ("shared/own.log", "own")):
        assert content(top / path) == text, path


@pytest.mark.usefixtures("kernel")
def test_what_cannot_be_opened(folder):
    """Missing files, loops and files in files are told by their names; a FIFO does not block."""
    made(folder / "file", USER)
    linked(folder / "loop", "loop", 0)
    os.mkfifo(folder / "fifo")

    for path, error in (("none", FileNotFoundError), ("file/x", NotADirectoryError), ("loop", OSError)):
        with pytest.raises(error) as raised:
            open_log(str(folder / path))
        assert raised.value.filename == str(folder / path)
    os.close(open_log(str(folder / "fifo")))


@pytest.mark.usefixtures("kernel")
def test_a_link_that_changes_all_the_time(folder, secret):
    """However fast a user changes where a name leads, the file of root is never read, and no descriptor is left."""
    made(folder / "good", USER, "good", 0o644)
    stop = threading.Event()

    def change():
        while not stop.is_set():
            for target in ("good", str(secret)):
                linked(folder / "new", target, USER)
                (folder / "new").rename(folder / "a.log")
            os.link(folder / "good", folder / "new")
            (folder / "new").rename(folder / "a.log")
            (folder / "new").unlink(missing_ok=True)

    linked(folder / "a.log", "good", USER)
    changing = threading.Thread(target=change)
    changing.start()
    before, seen = len(list(Path("/proc/self/fd").iterdir())), set()
    try:
        for _ in range(3000):
            with contextlib.suppress(FileNotFoundError):
                seen.add(content(folder / "a.log"))
    finally:
        stop.set()
        changing.join()

    assert seen <= {"good", None}
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_followed_folder(folder, secret, caplog):
    """In a followed folder the planted link is reported once, with what would mend it, and the other files are read."""
    secret.write_text(json.dumps({"n": "secret"}) + "\n")
    made(folder / "a.log", USER, '{"n": 1}\n')
    clock = ManualClock()
    source = JsonSource(LOG, file_input(str(folder), plugin="tester", follow=True, clock=clock))
    source.open(Plan(source="app"), None)
    read = []
    for number, batch in enumerate(source.batches()):
        read += [event.record["n"] for event in batch.events]
        if number == 3:
            linked(folder / "b.log", secret, USER)
            linked(folder / "c.log", "c.log", USER)
        if number == 8:
            made(folder / "d.log", USER, '{"n": 2}\n')
        if number > 40:
            break
    source.close()

    assert read == [1, 2]
    assert caplog.text.count("is not followed: give the link to root (chown -h)") == 1


def test_planted_links_do_not_stop_a_source(folder, secret):
    """Links that lead nowhere, to themselves or to files of root do not keep the file next to them from being read."""
    made(folder / "a.log", USER, '{"n": 1}\n')
    for number, target in enumerate(("nowhere", "a.log.2", secret), 1):
        linked(folder / f"a.log.{number}", target, USER)
    os.link(secret, folder / "a.log.4")
    for path in (folder / "a.log", folder):
        source = JsonSource(LOG, file_input(str(path), plugin="tester", follow=True, clock=ManualClock()))
        source.open(Plan(source="app"), None)
        assert [
            event.record["n"] for _, batch in zip(range(5), source.batches(), strict=False) for event in batch.events
        ]
        source.close()


def test_a_folder_that_is_read_once(folder, secret):
    """A folder that is read to its end is read without the planted link; a link that is named itself is an error."""
    made(folder / "a.json", USER, '{"n": 1}\n')
    linked(folder / "b.json", secret, USER)
    source = JsonSource(LOG, file_input(str(folder), plugin="tester"))
    source.open(Plan(source="app"), None)

    assert [event.record["n"] for batch in source.batches() for event in batch.events] == [1]
    assert source.stats().dropped == {"unreadable": 1}
    with pytest.raises(SourceError, match="is not followed: give the link to root"):
        JsonSource(LOG, file_input(str(folder / "b.json"), plugin="tester")).open(Plan(source="app"), None)


def test_whoever_reads_as_themselves(top, folder):
    """A process that may not read any file reads what its user can, also in the folders of others."""
    made(folder / "group.log", OTHER, "group", 0o640, group=USER)
    for parent in top.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(USER, USER, USER)
            os.setresuid(OTHER, OTHER, OTHER)
            status = 0 if content(folder / "group.log") == "group" else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_call_is_there():
    """openat2(2) is used, where the kernel has it."""
    fd = opening._without_links("/")
    if fd is None:
        assert ctypes.get_errno() is not None
        pytest.skip("this kernel has no openat2")
    os.close(fd)
