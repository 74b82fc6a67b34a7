"""Files that are followed: what is there, what comes, what rotation does to them."""

import contextlib
import gzip
import os
import shutil

import pytest

from falcohost import SourceError, retries
from falcohost.events import Plan
from falcohost.jsonlog import JsonLog, JsonSource, file_input, position
from falcohost.jsonlog.refusals import BAD_GZIP, NOT_JSON
from falcohost.jsonlog.tail import Tail
from falcohost.testing.clock import ManualClock

LOG = JsonLog(source="app", plugin="tester", time="at", wrappers=("Records",))


class Follower:
    """A source that follows *path*, and the numbers and keys that it has read."""

    def __init__(self, path, cursor=None, **options):
        self._clock = ManualClock()
        given = file_input(str(path), plugin="tester", follow=True, clock=self._clock, **options)
        self.source = JsonSource(LOG, given)
        self.source.open(Plan(source="app"), cursor)
        self.numbers, self.keys, self.cursor, self.mark = [], [], cursor, None
        self._batches = self.source.batches()

    def look(self, seconds=0.0):
        """Read until a look shows nothing new, and *seconds* more; return the numbers that came."""
        before, end, silent = len(self.numbers), self._clock.monotonic() + seconds, 0
        for batch in self._batches:
            silent = silent + 1 if batch.events == () else 0
            for event in batch.events:
                self.mark = self.mark or self.cursor  # with which an agent begins that is killed now
                self.numbers.append(event.record["n"])
                self.keys.append(event.key)
            self.cursor = batch.cursor
            if silent > 1 and self._clock.monotonic() >= end:
                break
        return self.numbers[before:]

    def wait(self, count, seconds=6.0):
        """Read until there are so many numbers more; return them."""
        before, end = len(self.numbers), self._clock.monotonic() + seconds
        while len(self.numbers) - before < count and self._clock.monotonic() < end:
            self.look()
        return self.numbers[before:]

    @property
    def dropped(self):
        """The refused records."""
        return dict(self.source.stats().dropped)


@pytest.fixture
def follow():
    """Return a function that follows a path; all is closed in the end."""
    with contextlib.ExitStack() as stack:

        def follow(path, cursor=None, **options):
            follower = Follower(path, cursor, **options)
            stack.callback(follower.source.close)
            return follower

        yield follow


def lines(*numbers):
    """Return a line for each number."""
    return b"".join(b'{"n":%d,"text":"%s"}\n' % (number, b"x" * 50) for number in numbers)


def failing(path):
    """Return what fails under *path*: sources of former tests in this process may still be told of."""
    return {what: count for what, count in retries.failing().items() if str(path) in what}


def append(path, *numbers):
    """Append a line for each number."""
    with path.open("ab") as file:
        file.write(lines(*numbers))


def test_lines_that_come(tmp_path, follow):
    """The existing lines are read, then the added ones; half a line waits for its other half."""
    log = tmp_path / "log"
    append(log, 1, 2)
    follower = follow(log)

    assert follower.look() == [1, 2]
    assert follower.look() == []
    with log.open("ab") as file:
        file.write(b'{"n":3,"te')
        file.flush()
        assert follower.look(1) == []
        file.write(b'xt":""}\n{"n":4}')
    assert follower.wait(2) == [3, 4]
    assert follower.dropped == {}


def test_a_file_that_is_not_there_yet(tmp_path, follow):
    """A file may come later; its folder has to be there."""
    follower = follow(tmp_path / "log")
    assert follower.look() == []
    append(tmp_path / "log", 1)

    assert follower.wait(1) == [1]
    with pytest.raises(SourceError, match="does not exist"):
        follow(tmp_path / "no" / "log")


@pytest.mark.parametrize("which", ["folder", "file"])
def test_a_folder_that_is_gone(tmp_path, follow, which):
    """While the folder is gone, that is told; what comes with a new one is read."""
    folder = tmp_path / "logs"
    folder.mkdir()
    append(folder / "log", 1)
    follower = follow(folder if which == "folder" else folder / "log")
    assert (follower.look(2), {}) == ([1], failing(tmp_path))
    folder.rename(tmp_path / "elsewhere")
    follower.look(3)
    ((text, count),) = failing(tmp_path).items()

    assert f"tester: the folder {folder} is gone" == text
    assert 2 <= count <= 14
    folder.mkdir()
    append(folder / "log", 2)
    assert ([2], {}) == (follower.wait(1), failing(tmp_path))


def test_a_file_that_is_gone(tmp_path, follow):
    """Rotation may take a file away for a while: nothing fails as long as its folder is there."""
    append(tmp_path / "log", 1)
    follower = follow(tmp_path / "log")
    follower.look(2)
    (tmp_path / "log").unlink()
    follower.look(3)

    assert {} == failing(tmp_path)


def test_a_scheme_follows(tmp_path):
    """file:// is another way to say that a file is followed."""
    source = JsonSource(LOG, file_input(f"file://{tmp_path}/log", plugin="tester", clock=ManualClock()))
    source.open(Plan(source="app"), None)
    (tmp_path / "log").write_bytes(lines(1))

    batches = source.batches()
    assert next(event.record["n"] for batch in batches for event in batch.events) == 1
    assert next(batches).events == ()


def test_documents(tmp_path, follow):
    """Documents are read once they are whole, with and without the end of a line, in one file and in several."""
    follower = follow(tmp_path)
    (tmp_path / "a").write_bytes(b'{"Records":[{"n":1},{"n":2}]}')
    (tmp_path / "b").write_bytes(b'{\n "Records": [\n  {"n": 3},')

    assert follower.wait(2) == [1, 2]
    assert follower.look(0.6) == []
    with (tmp_path / "b").open("ab") as file:
        file.write(b'  {"n": 4}\n ]\n}\n')
    assert follower.wait(2) == [3, 4]
    with (tmp_path / "b").open("ab") as file:
        file.write(b'{\n "n": 5\n}')
    assert follower.wait(1) == [5]
    assert follower.dropped == {}


def test_rotation_by_name(tmp_path, follow):
    """A file that is renamed is read to its end, also what its writer adds afterwards; so is the new one."""
    log = tmp_path / "audit.log"
    append(log, 1)
    follower = follow(log)
    assert follower.look() == [1]

    with log.open("ab") as file:
        file.write(lines(2))
        log.rename(tmp_path / "audit-2026-11-25T15-00-00.000.log")
        append(log, 4)
        file.write(lines(3))
    assert sorted(follower.wait(3)) == [2, 3, 4]
    assert follower.look(1.1) == []


def test_rotation_out_of_sight(tmp_path, follow):
    """A file whose new name is not looked at, or that is deleted, is read to its end as well."""
    log = tmp_path / "log"
    append(log, 1)
    follower = follow(log)
    assert follower.look() == [1]

    append(log, 2)
    log.rename(tmp_path / "old")
    append(log, 3)
    assert sorted(follower.wait(2)) == [2, 3]
    append(log, 4)
    log.unlink()
    append(log, 5)
    assert sorted(follower.wait(2)) == [4, 5]


def test_several_rotations_at_once(tmp_path, follow):
    """A file that came and was rotated between two looks, or while nobody looked, is read; older ones are not."""
    log = tmp_path / "log"
    append(tmp_path / "log.1", 0)
    append(log, 1)
    follower = follow(log)
    assert follower.look() == [1]
    follower.look()
    (tmp_path / "log.1").unlink()

    append(log, 2)
    log.rename(tmp_path / "log.2")
    append(log, 3)
    log.rename(tmp_path / "log.1")
    append(log, 4)
    again = follow(log, follower.cursor)
    assert again.wait(3) == [2, 3, 4]
    assert sorted(follower.wait(3)) == [2, 3, 4]
    assert again.look(1.1) == follower.look(1.1) == []


def test_cut_off(tmp_path, follow, caplog):
    """A file that is cut off (copytruncate) is read from its beginning, which is said; its copy is not read again."""
    log = tmp_path / "log"
    append(log, 1, 2)
    follower = follow(tmp_path)
    assert follower.look() == [1, 2]

    append(log, 3)
    shutil.copyfile(log, tmp_path / "log.1")
    os.truncate(log, 0)
    append(log, 4)
    assert sorted(follower.wait(2, 8)) == [3, 4]
    append(log, 5)
    assert follower.look(3) == [5]
    assert [message for message in caplog.messages if "was truncated" in message] != []
    assert len(set(follower.keys)) == 5


def test_the_copy_of_what_no_cursor_has_passed(tmp_path, follow):
    """Alerts of a content are stored only behind a cursor by which its copy is known, whenever the agent is killed."""
    log = tmp_path / "log"
    log.write_bytes(b'{"n":1')  # as another content may begin
    follower = follow(tmp_path)
    follower.look()
    log.write_bytes(lines(1, 2))
    seen = follower.wait(2)
    marked = follower.mark
    shutil.copyfile(log, tmp_path / "log.1")
    log.write_bytes(lines(12, 13))

    again = follow(tmp_path, marked)
    assert seen == [1, 2]
    assert sorted(again.wait(4, 8)) == [1, 2, 12, 13]
    assert set(follower.keys) < set(again.keys)


def test_cut_off_before_anything_is_read(tmp_path, follow, monkeypatch):
    """A copy is recognised also if the log is cut off when it was looked at, but not yet read."""
    log = tmp_path / "log"
    append(log, 1, 2)
    follower = follow(tmp_path)
    assert follower.look() == [1, 2]
    read = Tail.read

    def cut_and_read(tail, size, **options):
        monkeypatch.setattr(Tail, "read", read)
        shutil.copyfile(log, tmp_path / "log.1")
        log.write_bytes(lines(3, 4))
        return tail.read(size, **options)

    monkeypatch.setattr(Tail, "read", cut_and_read)
    again = follow(tmp_path, follower.mark)
    assert sorted(again.wait(4, 8)) == [1, 2, 3, 4]
    assert set(follower.keys) < set(again.keys)


def test_copied_and_not_cut_off_yet(tmp_path, follow):
    """Of a log that changed since it was last looked at, a copy that is there too is not read as another file."""
    log = tmp_path / "log"
    append(log, 1)
    follower = follow(tmp_path)
    assert follower.look() == [1]
    follower.look()

    log.write_bytes(lines(2, 3))
    shutil.copyfile(log, tmp_path / "log.2")
    again = follow(tmp_path, follower.cursor)
    assert again.look(3) == [2, 3]


def test_cut_off_and_as_long_as_before(tmp_path, follow):
    """That a file was cut off is seen in its content, even where it is as long as before, also after a restart."""
    log = tmp_path / "log"
    append(log, 1, 2)
    follower = follow(log)
    assert follower.look() == [1, 2]
    follower.look()
    log.write_bytes(lines(3, 4))
    assert follower.wait(2) == [3, 4]
    follower.look(0.5)

    log.write_bytes(lines(5, 6, 7))
    assert follow(log, follower.cursor).wait(3) == [5, 6, 7]


def test_packed_after_rotation(tmp_path, follow):
    """A rotated file that is packed is not read twice; of what it has more only that is read."""
    log = tmp_path / "log"
    append(log, *range(500))
    follower = follow(tmp_path)
    assert follower.look() == list(range(500))

    append(log, 500)
    (tmp_path / "log.1.gz").write_bytes(gzip.compress(log.read_bytes() + lines(501)))
    log.unlink()
    assert sorted(follower.wait(2, 8)) == [500, 501]
    again = follow(tmp_path, follower.cursor)
    assert again.look(3) == []


def test_a_packed_file_that_grows(tmp_path, follow):
    """A packed file is read once it is quiet; one that is cut off is refused, and read on when it is whole."""
    packed = gzip.compress(lines(*range(3000)))
    (tmp_path / "a.gz").write_bytes(packed[:-500])
    follower = follow(tmp_path)

    first = follower.wait(1, 8)
    assert first == list(range(len(first)))
    assert follower.dropped.pop(BAD_GZIP) == 1
    (tmp_path / "a.gz").write_bytes(packed)
    follower.wait(3000 - len(first), 8)
    assert sorted(set(follower.numbers)) == list(range(3000))


def test_late_files(tmp_path, follow):
    """Files that come into a folder are read, whatever time they have, also in folders that come."""
    follower = follow(tmp_path, suffixes=(".json",), recursive=True)
    follower.look()
    append(tmp_path / "a.json", 1)
    os.utime(tmp_path / "a.json", (1, 1))
    (tmp_path / "below").mkdir()
    append(tmp_path / "below" / "b.json", 2)
    append(tmp_path / "c.txt", 3)
    append(tmp_path / ".d.json", 4)

    assert follower.wait(2) == [1, 2]
    assert follower.look(1.1) == []


def test_equal_files_are_not_copies(tmp_path, follow):
    """Files that begin alike are each read, unless the name of one is a rotated form of the other's."""
    for name in ("a", "b", "c.1"):
        append(tmp_path / name, 1)
    follower = follow(tmp_path)

    assert follower.look(1.1) == [1, 1, 1]
    assert len(set(follower.keys)) == 3


def test_a_broken_line(tmp_path, follow):
    """A line that is no JSON is counted, and the next is read."""
    follower = follow(tmp_path / "log")
    (tmp_path / "log").write_bytes(lines(1) + b'{"n":\n' + lines(2))

    assert follower.wait(2) == [1, 2]
    assert follower.dropped == {NOT_JSON: 1}


@pytest.mark.parametrize("finite", [False, True])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_goes_on_from_each_cursor(tmp_path, finite, pack, monkeypatch):
    """From the cursor of any batch what was not handled is read, with the same keys, and nothing is left out."""
    monkeypatch.setattr(position, "_PAUSE", 0)
    monkeypatch.setattr(position, "_SHARE", 0)
    for name in ("a", "b"):
        text = b"".join(
            b'{"n":"%s%d","text":"%s"}\n' % (name.encode(), n, os.urandom(400).hex().encode()) for n in range(1600)
        )
        (tmp_path / name).write_bytes(pack(text))
        os.utime(tmp_path / name, (1, 1))

    def read(cursor=None):
        source = JsonSource(LOG, file_input(str(tmp_path), plugin="tester", follow=not finite, clock=ManualClock()))
        source.open(Plan(source="app"), cursor)
        keys, cursors = [], []
        for batch in source.batches():
            if batch.events == () and len(keys) + len(skipped) >= 3200:
                break
            keys += [event.key for event in batch.events]
            cursors.append((len(keys), batch.cursor))
        source.close()
        return keys, cursors

    skipped = []
    whole, cursors = read()
    assert len(set(whole)) == 3200
    assert len(cursors) > 5
    for count, cursor in cursors:
        skipped = whole[:count]
        assert read(cursor)[0] == whole[count:]


def test_another_kind_of_cursor(tmp_path, follow):
    """A cursor that is none of files, as another input had, is told of, and all is read."""
    append(tmp_path / "log", 1)

    assert follow(tmp_path / "log", "page-17").look() == [1]


def test_many_files(tmp_path, follow):
    """More files than may be open are followed."""
    for number in range(300):
        append(tmp_path / f"{number}.json", number)
    follower = follow(tmp_path)
    assert sorted(follower.look()) == list(range(300))

    for number in range(300):
        append(tmp_path / f"{number}.json", 300 + number)
    assert sorted(follower.wait(300)) == list(range(300, 600))
