"""Rotation of files: names, what is kept, and that nothing is lost wherever something is killed."""

import gzip
import os
import stat

import pytest

from falcohost.outputs.file import FileOutput
from falcohost.rotation import Rotation, compress, rotate
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

#: 2026-11-28, 02:15:00 UTC.
NOW = 1795832100


@pytest.fixture
def path(tmp_path):
    """Return the file."""
    return tmp_path / "events.txt"


def names(path):
    """Return the ends of the names of rotated files, sorted."""
    return sorted(name for one in path.parent.iterdir() if (name := one.name.removeprefix("events.txt")))


def contents(path):
    """Return the text of all files, the oldest first."""
    found = []
    for name in [*names(path), ""]:
        file = path.with_name("events.txt" + name)
        if file.exists() and not name.endswith(".part"):
            found.append((gzip.open if name.endswith(".gz") else open)(file, "rt").read())
    return "".join(found)


def test_names(path):
    """A rotated file has the time of the change; of one second there may be several, also if the clock was set back."""
    for number, now in enumerate((NOW, NOW, NOW - 5000, NOW + 1)):
        path.write_text(str(number))
        rotate(str(path), Rotation(), now)

    first = ".20261128T021500Z"
    assert [first, f"{first}.000001", f"{first}.000002", ".20261128T021501Z"] == names(path)
    assert contents(path) == "0123"


def test_what_is_kept(path):
    """So many files are kept, whether or not they are compressed; files of other names are left alone."""
    others = [path.with_name(f"events.txt{name}") for name in (".1", ".20261128T021500Z.old", "x.20261128T021500Z")]
    for other in others:
        other.touch()
    for number in range(6):
        path.write_text(str(number))
        rotate(str(path), Rotation(keep=3), NOW + number)
        if number < 5:
            compress(str(path))

    assert all(other.exists() for other in others)
    for other in others:
        other.unlink()
    assert [f".20261128T02150{number}Z{'.gz' * (number < 5)}" for number in (3, 4, 5)] == names(path)
    assert contents(path) == "345"


def test_compressed(path):
    """A compressed file has the permissions of what it was made of."""
    path.write_text("much " * 1000)
    path.chmod(0o640)
    rotate(str(path), Rotation(), NOW)
    compress(str(path))

    (name,) = names(path)
    status = path.with_name("events.txt" + name).stat()
    assert (".20261128T021500Z.gz", 0o640) == (name, stat.S_IMODE(status.st_mode))
    assert status.st_size < 200
    assert contents(path) == "much " * 1000


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_what_others_have_put_there(path, kind):
    """A FIFO or a link with the name of a rotated file is neither waited for nor followed, and not removed."""
    other = path.with_name("events.txt.20261128T021500Z")
    os.mkfifo(other) if kind == "fifo" else other.symlink_to("/etc/passwd")

    with pytest.raises(OSError, match=r"no regular file|symbolic links"):
        compress(str(path))
    assert [".20261128T021500Z"] == names(path)


class Killed(BaseException):
    """A process is killed."""


#: The calls that change something.
CALLS = ("rename", "unlink", "fchown", "fchmod", "fsync", "open")


def test_kills(path, monkeypatch):
    """Wherever it is killed, before or after a call, the next rotation and compression lose and double nothing."""
    real = {name: getattr(os, name) for name in CALLS}
    left = 0

    def dying(name):
        def call(*args, **options):
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            done = real[name](*args, **options)
            left -= 1
            if left == 0:
                raise Killed
            return done

        return call

    expected, killed = "", 0
    for number in range(1, 60):
        text = f"{number} "
        with path.open("a") as file:
            file.write(text)
        expected += text
        left = number % 30 + 1
        with monkeypatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, dying(name))
            try:
                rotate(str(path), Rotation(keep=1000), NOW + number)
                compress(str(path))
            except Killed:
                killed += 1
        left = 0
        if number % 7 == 0:
            rotate(str(path), Rotation(keep=1000), NOW + number)
            compress(str(path))
            assert expected == contents(path)

    assert killed > 20


def test_by_size(path):
    """A file that is full gets no more; all lines are in one of the files, in order."""
    output = FileOutput(str(path), True, lambda one: one.rule.encode(), Rotation(size=40, keep=100))
    rules = [f"rule {number}" for number in range(50)]
    for number in range(0, 50, 2):
        output.deliver([alert(str(number)), alert(str(number + 1))])

    assert rules == contents(path).splitlines()
    sizes = [path.with_name("events.txt" + name).stat().st_size for name in names(path)]
    assert all(40 <= size < 40 + 2 * len("rule 49\n") for size in sizes)
    assert len(sizes) > 5


@pytest.mark.parametrize("keep_alive", [True, False])
def test_by_time(path, keep_alive):
    """A file has the alerts of one hour, also after a restart."""
    clock = ManualClock()
    for now, name in ((NOW, "a"), (NOW + 2699, "b"), (NOW + 2700, "c"), (NOW + 9900, "d")):
        clock.time_ns = lambda now=now: now * 10**9
        output = FileOutput(str(path), keep_alive, lambda one: one.rule.encode(), Rotation(hours=1.0), clock=clock)
        output.deliver([alert(name)])
        os.utime(path, (now, now))
        output.close()

    rotated = [path.with_name("events.txt" + name).read_text() for name in names(path)]
    assert ["rule a\nrule b\n", "rule c\n"] == rotated
    assert path.read_text() == "rule d\n"


def test_what_cannot_be_rotated(path, caplog):
    """A link is not rotated, and a device is never too large; alerts are written all the same."""
    target = path.with_name("target")
    path.symlink_to(target)
    output = FileOutput(str(path), True, lambda one: one.rule.encode(), Rotation(size=1))
    for name in "abc":
        output.deliver([alert(name)])

    assert target.read_text() == "rule a\nrule b\nrule c\n"
    assert 1 == len([line for line in caplog.messages if "cannot be rotated: it is no regular file, or a link" in line])
    FileOutput("/dev/null", True, lambda one: b"x", Rotation(size=1)).deliver([alert("a")])
