"""Captures of alerts: what is written where, within which bounds, and what is kept before."""

import gzip
import os
import re
import socket
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from falcohost.host.capturing.before import Before
from falcohost.host.capturing.captures import Captures
from falcohost.host.capturing.data import CaptureData
from falcohost.host.capturing.folder import Folder
from falcohost.host.capturing.keeper import CHUNK, Writing
from falcohost.host.capturing.messages import CLOSE, MORE, MOST, NAMED, OPEN, SIZE, WHOLE, Begun, Ended, Refused, encode
from falcohost.host.capturing.sending import MOST_WAITING, Sending
from falcohost.host.capturing.waiting import Waiting

SECOND = 1_000_000_000
NOBODY = 65534
LIMITS = {"file": 0, "files": 3, "total": 1 << 30, "free": 0}


@pytest.fixture
def private(tmp_path):
    """Return a folder for captures."""
    folder = tmp_path / "captures"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def writing(private):
    """Return a function that returns what writes to the folder within other limits, and the list of what it says."""

    def make(prefix="falco", **limits):
        said = []
        path = str(private / prefix)
        return Writing(Folder(path), {"prefix": path, **LIMITS, **limits}, said.append), said

    return make


def opened(ts, number):
    """Return the packet that begins a file."""
    return OPEN + NAMED.pack(ts, number)


def contents(path):
    """Return what is in a file."""
    with gzip.open(path) as file:
        return file.read()


def test_names_and_contents(writing, private):
    """A file is named after the event as Falco names it, belongs to its owner alone, and has what was whole."""
    one, said = writing()
    for packet in (
        opened(1234, 42),
        MORE + b"begin ",
        WHOLE + b"event ",
        WHOLE + b"more ",
        MORE + b"unfinished",
        CLOSE,
    ):
        one.take(packet)

    path = private / "falco_00000000000000001234_00000000000000000042.scap"
    assert [Begun(str(path)), Ended(str(path), path.stat().st_size)] == said
    assert b"begin event more " == contents(path)
    assert (0o600, os.geteuid()) == (path.stat().st_mode & 0o777, path.stat().st_uid)


def test_a_file_is_whole_after_each_chunk(writing, private):
    """What has been written can be read though the file has not ended."""
    one, _ = writing()
    one.take(opened(1, 1))
    piece = os.urandom(MOST - 1)
    for _ in range(CHUNK // MOST + 1):
        one.take(WHOLE + piece)
    (path,) = private.iterdir()

    assert piece * (CHUNK // MOST + 1) == contents(path)


def test_too_many_files(writing, private):
    """No further file begins, none is removed; other files in the folder do not count."""
    (private / "falco_1.scap").write_text("")
    (private / "other").write_text("")
    one, said = writing(files=2)
    for number in range(3):
        one.take(opened(number, number))
        one.take(CLOSE)

    assert [Begun, Ended, Begun, Ended, Refused] == [type(answer) for answer in said]
    assert "there are 2 captures; remove some, or raise falcohost.capture.max_files" == said[-1].reason
    assert 4 == len([*private.iterdir()])


def test_too_many_bytes(writing):
    """A file ends when all of them have as much as they may; the next one does not begin."""
    one, said = writing(total=CHUNK)
    one.take(opened(1, 1))
    for _ in range(CHUNK // MOST + 1):
        one.take(WHOLE + os.urandom(MOST - 1))
    one.take(WHOLE + b"too late")
    one.take(CLOSE)
    assert [Begun, Ended] == [type(answer) for answer in said]
    assert said[-1].early.startswith("captures have 0 MiB")


def test_a_full_file(writing):
    """A file that has as much as one may have ends, and another can begin."""
    one, said = writing(file=1000)
    for number in range(2):
        one.take(opened(number, 1))
        one.take(WHOLE + os.urandom(2000))
        one.put()
        one.take(WHOLE + b"too late")
        one.take(CLOSE)

    assert [Begun, Ended, Begun, Ended] == [type(answer) for answer in said]
    assert [SIZE, SIZE] == [said[1].early, said[3].early]


def test_a_full_disk(writing):
    """Nothing begins where less is free than is to stay free."""
    one, said = writing(free=1 << 60)
    one.take(opened(1, 1))

    assert [Refused] == [type(answer) for answer in said]
    assert "falcohost.capture.min_free_mb" in said[0].reason


def test_links_are_not_followed(writing, private, tmp_path):
    """Somebody has put a link where a capture is to be: nothing is written through it, and that is told."""
    target = tmp_path / "target"
    target.write_text("untouched")
    (private / "falco_00000000000000000001_00000000000000000002.scap").symlink_to(target)
    one, said = writing()
    one.take(opened(1, 2))
    one.take(WHOLE + b"data")
    one.take(CLOSE)

    assert "untouched" == target.read_text()
    assert [Refused] == [type(answer) for answer in said]
    assert "File exists" in said[0].reason


def test_a_folder_that_others_lead_elsewhere(tmp_path):
    """A folder that others may write to is refused, unless it is one such as /tmp."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    folder.chmod(0o777)
    refused = Folder(str(folder / "falco")).problem
    folder.chmod(0o1777)

    assert refused is not None
    assert "may be written by others" in refused
    assert Folder(str(folder / "falco")).problem is None


def test_a_folder_that_is_not_there(tmp_path, writing):
    """It is told, with what mends it."""
    assert re.search("No such file or directory; make it, mode 0700", Folder(str(tmp_path / "none" / "falco")).problem)


@pytest.mark.parametrize("packet", [b"X", OPEN + b"short", CLOSE + b"more", WHOLE + bytes(MOST)])
def test_what_no_worker_sends(writing, packet):
    """It ends the process, and with it the worker."""
    one, _ = writing()
    one.take(opened(1, 1))
    with pytest.raises(ValueError, match="that no worker sends"):
        one.take(packet)


def test_an_event_without_an_end(writing):
    """What never ends does not fill the memory."""
    one, _ = writing()
    one.take(opened(1, 1))
    piece = MORE + bytes(MOST - 1)
    with pytest.raises(ValueError, match="an event without an end"):
        for _ in range(2000):
            one.take(piece)


def test_nobody_reads():
    """Nothing waits for a process that does not read; what has no room is counted."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        sending = Sending(here)
        sending.open(1, 1)
        sending.begin(bytes(3 * MOST))
        for _ in range(MOST_WAITING // 10_000 + 100):
            sending.event(bytes(10_000))
        sending.close()
        lost = sending.lost
        read = b""
        there.settimeout(0)
        while not read.endswith(CLOSE):
            sending.flush()
            packet = there.recv(MOST)
            read = packet if packet[:1] == CLOSE else b""

    assert 0 < lost < 200


def test_what_has_no_room_while_a_match_waits(monkeypatch):
    """Beyond a size, events are counted, and the next match that waits is kept anew."""
    monkeypatch.setattr("falcohost.host.capturing.waiting.MOST", 5)
    waiting = Waiting(Numbered())
    assert waiting.is_over
    for number in range(6):
        waiting.keep(number)
    waiting.may_match("2")

    assert (b"<0>", [b"0,", b"1,", b"2,", b"lost 3"]) == (waiting.begin, [*waiting.taken(7)])
    assert (True, False, True, False) == (waiting.has("2"), waiting.has("3"), waiting.is_full, waiting.is_over)


class Numbered:
    """A recorder whose files begin with how many events it has recorded."""

    def __init__(self):
        self.recorded = 0

    def begin(self, *, within=None):
        """Return the number."""
        return b"<%d>" % self.recorded

    def record(self, event):
        """Return its time."""
        self.recorded += 1
        return b"%d," % getattr(event, "num", event)

    def lost(self, ts, number):
        """Tell how many were lost."""
        return b"lost %d" % number

    def anew(self):
        """Return one that has recorded nothing."""
        return Numbered()


def kept(seconds, memory, times):
    """Return what is taken after events at these times, in seconds, and how many segments had no room."""
    recorder = Numbered()
    before = Before(recorder, seconds, memory)
    for time in times:
        ts = int(time * SECOND)
        if before.is_due(ts):
            before.next(ts)
        before.add(ts, recorder.record(time))
    return b"".join(before.taken()).decode(), before.crowded, b"".join(before.taken())


def test_what_is_kept_begins_where_a_file_can():
    """At least the seconds are kept, behind what a file begins with as of then; once taken, they are gone."""
    taken, crowded, left = kept(10, 1 << 20, range(100))

    begin, events = re.fullmatch(r"<(\d+)>(.*),", taken).groups()
    times = [*map(int, events.split(","))]
    assert times == [*range(int(begin), 100)]
    assert 99 - 10 - 4 <= times[0] <= 99 - 10
    assert (0, b"") == (crowded, left)


def test_what_has_no_room():
    """With too little memory there are fewer seconds, and that is counted."""
    taken, crowded, _ = kept(1000, 200, range(100))

    assert len(taken) <= 200
    assert taken.endswith("98,99,")
    assert crowded


def of_number(number, seconds=0.0):
    """Return an event."""
    return SimpleNamespace(num=number, key=str(number), ts=int(SECOND * (1000 + seconds)))


@pytest.mark.parametrize(("seconds", "expected"), [(0, "<0>5,6,7,8,9,10,"), (5, "<0>2,4,5,6,8,9,10,")])
def test_a_match_that_has_waited(writing, private, seconds, expected):
    """The event of a match that is known later is in the capture, with all that happened while it waited."""
    asks, other = (SimpleNamespace(capture=capture, capture_duration=0) for capture in (True, False))
    one, said = writing()
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    told = []
    data = CaptureData(every_rule=False, duration=50, seconds=seconds, memory=1 << 20, rules=b"")
    keep = (lambda event: event.num % 2 == 0) if seconds else None
    with here, there:
        captures = Captures(data, Numbered(), Sending(here), keep, told.append)
        for event in captures.watch(map(of_number, range(1, 11))):
            captures.may_match(event, [asks if event.num == 5 else other])
            if event.num == 7:
                captures.matched(asks, of_number(5))  # what is left of it
                captures.matched(other, event)
        for _ in captures.watch([of_number(11, seconds=1)]):
            pass  # it is too late
        there.settimeout(0)
        packet = b""
        while packet != CLOSE:
            packet = there.recv(MOST)
            one.take(packet)
        for answer in said:
            there.send(encode(answer))
        captures.tick({})

    (path,) = private.iterdir()
    assert expected == contents(path).decode()
    assert [(str(path), False), (str(path), True)] == [(one.path, one.ended) for one in told]
    assert {"begun": 1} == captures.numbers


MATCHES = [
    (["captures", "", "", "", ""], "<0>0,1,"),
    (["captures", "other", "", "", ""], "<0>0,1,2,"),
    (["other", "captures", "other", "other", "other"], "<0>1,2,3,4,"),
    (["longer", "captures", "", "", ""], "<0>1,2,3,"),
]


@pytest.mark.parametrize(("matches", "expected"), MATCHES)
def test_any_match_makes_a_capture_longer(writing, private, matches, expected):
    """As in Falco, the file ends when the last match's time is over, also that of a rule that begins no capture."""
    one, _ = writing()
    rules = {
        "captures": SimpleNamespace(capture=True, capture_duration=0),
        "other": SimpleNamespace(capture=False, capture_duration=0),
        "longer": SimpleNamespace(capture=False, capture_duration=3500),
    }
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        data = CaptureData(every_rule=False, duration=1500, seconds=0, memory=0, rules=b"")
        captures = Captures(data, Numbered(), Sending(here), None, lambda _: None)
        for event in captures.watch(of_number(second, second) for second in range(5)):
            if name := matches[event.num]:
                captures.matched(rules[name], event)
        captures.close()
        there.settimeout(0)
        packet = b""
        while packet != CLOSE:
            packet = there.recv(MOST)
            one.take(packet)

    (path,) = private.iterdir()
    assert expected == contents(path).decode()


@pytest.mark.skipif(os.geteuid() != 0, reason="makes files of another user")
def test_what_another_user_made_before(tmp_path):
    """In a folder such as /tmp: a folder of theirs is refused, a pipe is not waited for, and files do not count."""
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    theirs = shared / "falco"
    theirs.mkdir(mode=0o700)
    for number in range(3):
        (shared / f"falco_{number:020}_{number:020}.scap").write_bytes(bytes(1000))
    os.mkfifo(shared / f"falco_{7:020}_{7:020}.scap", 0o666)
    for path in shared.iterdir():
        os.chown(path, NOBODY, NOBODY)
    folder = Folder(str(shared / "falco"))

    assert "belongs to uid 65534" in (Folder(str(theirs / "falco")).problem or "")
    assert folder.problem is None
    assert (0, 0) == folder.found()
    with pytest.raises(FileExistsError):
        folder.create(7, 7)
    descriptor, made = folder.create(8, 8)
    os.close(descriptor)
    assert 0o600 == stat.S_IMODE(Path(made).stat().st_mode)
