"""The blocks of a capture: what is one, what is none, and where a damaged one ends."""

from __future__ import annotations

import gzip
import logging
import os
import struct

import pytest
from workload import captures

from falcohost import ConfigError
from falcohost_syscall.drivers.drivers import configured
from falcohost_syscall.drivers.replay.blocks import LARGEST, READ, CaptureError
from falcohost_syscall.drivers.replay.driver import check

OPEN = captures.event("open", 7, fd=3, name=b"/etc/passwd", flags=1)
CHDIR = captures.event("chdir", 7, res=0, path=b"/")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file or directory"),
        (b"", "byte 0: the file is empty"),
        (b"root:x:0:0:root:/root:/bin/bash\n", "byte 0: this is not a capture"),
        (captures.block(0x0A0D0D0A, b""), "byte 0: this is not a capture"),
        (
            captures.section(magic=0x4D3C2B1A),
            "byte 0: this capture has the other byte order, which Falco does not read either",
        ),
        (
            struct.pack(">IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 2, -1, 28),
            "byte 0: this capture has the other byte order, which Falco does not read either",
        ),
        (captures.section(major=2), "byte 0: version 2 of the capture format is not supported"),
        (captures.section()[:20], "byte 0: the file ends inside a block"),
        (b"\x1f\x8bnonsense", "byte 0: the file cannot be read"),
    ],
)
def test_what_is_no_capture_is_refused(replayed, tmp_path, content, problem):
    """A file that is no capture is refused at once, with its path, the place and the reason."""
    path = tmp_path / "other.scap"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CaptureError, match=problem) as error:
        replayed(path=path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("settings", [{}, {"replay": {}}, {"replay": {"capture_file": ""}}, {"replay": 3}])
def test_a_capture_has_to_be_named(settings):
    """Without the path of a capture the driver is refused."""
    with pytest.raises(ConfigError, match=r"^engine.replay.capture_file: "):
        configured({"engine": {"kind": "replay", **settings}}).make({"engine": {"kind": "replay", **settings}})


def test_doctor_opens_the_capture(replayed, tmp_path):
    """What is no capture, or not there, is found before a start."""
    replayed()
    (tmp_path / "text.scap").write_bytes(b"no capture at all, but long enough to be one")

    def found(name):
        return dict(check({"engine": {"kind": "replay", "replay": {"capture_file": str(tmp_path / name)}}}))["capture"]

    assert found("made.scap") is None
    assert found("none.scap") == f"engine.replay.capture_file: {tmp_path}/none.scap: No such file or directory."
    assert "this is not a capture of Falco or sysdig" in found("text.scap")


def test_a_capture_may_be_compressed(replayed, shown, tmp_path):
    """A capture that is compressed by gzip is read as one that is not."""
    path = tmp_path / "small.scap"
    path.write_bytes(gzip.compress(captures.section() + OPEN))

    assert [("open",)] == shown(replayed(path=path))


def test_captures_may_stand_behind_each_other(replayed, shown):
    """A capture to which another was appended is read to its end, and blocks that nobody knows are passed over."""
    blocks = (OPEN, captures.section(), captures.block(0x7777, b"x"), captures.event("chdir", 7, res=0, path=b"/"))

    assert [("open",), ("chdir",)] == shown(replayed(*blocks))


@pytest.mark.parametrize(
    ("damaged", "left_out", "problem"),
    [
        (struct.pack("<II", 0x216, 8), 8, "a block cannot have 8 bytes"),
        (struct.pack("<II", 0x216, LARGEST + 1), 8, f"a block cannot have {LARGEST + 1} bytes"),
        (OPEN[:-4] + struct.pack("<I", 99), len(OPEN), "the two sizes of a block differ"),
        (b"not a block, but text", 21, "a block cannot have 1818370145 bytes"),
        (captures.block(0x216, b"xx"), 4, "a block of type 0x216 is shorter than it says"),
        (OPEN.replace(struct.pack("<H", 12), struct.pack("<H", 9999)), 0, "an event is shorter than it says"),
        (captures.block(0x215, struct.pack("<I", 9999)), 4, "a block of type 0x215 is shorter than it says"),
        (
            captures.descriptors(7, struct.pack("<IqQB", 5, 1, 1, 1)),
            32,
            "a block of type 0x218 is shorter than it says",
        ),
    ],
    ids=range(8),
)
def test_damage_costs_no_more_than_itself(replayed, shown, caplog, damaged, left_out, problem):
    """What is whole before damage and behind it is read; a warning has the place and the size of the damage."""
    driver = replayed(OPEN, damaged, CHDIR)

    with caplog.at_level(logging.WARNING, "falcohost"):
        assert [("open",), ("chdir",)] == shown(driver)
    (record,) = caplog.records
    told = record.getMessage().partition(".scap: ")[2]
    assert told.startswith(f"byte {28 + len(OPEN)}: {problem}. ")
    assert f" {left_out} bytes are left out." in told or not left_out
    assert 1 == driver.stats().dropped["damaged"]


@pytest.mark.parametrize("kept", [1, 6, len(OPEN) - 1])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_that_ends_inside_a_block(replayed, shown, caplog, tmp_path, kept, pack):
    """Of a capture that is cut off, everything up to the last whole block is read."""
    path = tmp_path / "cut.scap"
    path.write_bytes(pack(captures.section() + OPEN + OPEN[:kept]))
    driver = replayed(path=path)

    with caplog.at_level(logging.WARNING, "falcohost"):
        assert [("open",)] == shown(driver)
    assert [f"{path}: byte {28 + len(OPEN)}: the file ends inside a block. The rest of the capture is not read."] == [
        record.getMessage() for record in caplog.records
    ]


def test_a_compressed_capture_that_is_cut_off(replayed, shown, caplog, tmp_path):
    """Of a compressed capture that was cut off, what can be uncompressed is read; the warning says why it ends."""
    path = tmp_path / "cut.scap"
    events = b"".join(captures.event("open", tid, fd=3, name=os.urandom(32).hex().encode()) for tid in range(1, 2000))
    path.write_bytes(gzip.compress(captures.section() + events)[:-60])
    driver = replayed(path=path)

    with caplog.at_level(logging.WARNING, "falcohost"):
        assert 1900 < len(shown(driver)) < 1999
    (record,) = caplog.records
    assert "the file cannot be read: the compressed data ends too early" in record.getMessage()


def test_a_compressed_capture_with_a_wrong_checksum(replayed, shown, caplog, tmp_path):
    """What can be uncompressed before the damage is read, though all is unpacked at once."""
    path = tmp_path / "wrong.scap"
    path.write_bytes(gzip.compress(captures.section() + OPEN + CHDIR)[:-8] + bytes(8))
    driver = replayed(path=path)

    with caplog.at_level(logging.WARNING, "falcohost"):
        assert [("open",), ("chdir",)] == shown(driver)
    (record,) = caplog.records
    assert "the file cannot be read: Error -3 while decompressing data" in record.getMessage()


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_damage_in_a_compressed_capture(replayed, shown, tmp_path, place):
    """What is before the damage is read."""
    path, count = tmp_path / "damaged.scap", 2000
    opened = [captures.event("open", tid, fd=3, name=os.urandom(32).hex().encode()) for tid in range(1, count)]
    packed = bytearray(gzip.compress(captures.section() + b"".join(opened)))
    at = int(place * len(packed))
    packed[at : at + 64] = bytes(range(0, 256, 4))
    path.write_bytes(packed)

    assert (place - 0.2) * count < len(shown(replayed(path=path)))


def test_several_compressed_parts(replayed, shown, tmp_path):
    """A compressed capture may have several parts, as pigz and appending make them."""
    path = tmp_path / "parts.scap"
    path.write_bytes(gzip.compress(captures.section() + OPEN) + gzip.compress(CHDIR))

    assert [("open",), ("chdir",)] == shown(replayed(path=path))


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_part_that_begins_where_a_read_ends(replayed, shown, tmp_path, read):
    """The next part is recognised though only some bytes of its begin have been read."""
    packed = gzip.compress(captures.section() + OPEN)
    name = bytes(2 + READ - read - len(packed) - 1).replace(b"\0", b"n") + b"\0"
    first = packed[:3] + b"\x08" + packed[4:10] + name + packed[10:]
    path = tmp_path / "parts.scap"
    path.write_bytes(first + gzip.compress(CHDIR))

    assert len(first) == 2 + READ - read
    assert [("open",), ("chdir",)] == shown(replayed(path=path))


def test_a_part_that_comes_later(replayed, shown, caplog, tmp_path):
    """Of a file to which somebody writes, what is appended after its end was read is no damage."""
    path = tmp_path / "growing.scap"
    path.write_bytes(gzip.compress(captures.section() + OPEN))
    driver = replayed(path=path)
    with path.open("ab") as file, caplog.at_level(logging.WARNING, "falcohost"):
        found = []
        for batch in driver.batches():
            found += [event.type for event in batch.events]
            file.write(gzip.compress(CHDIR))
            file.flush()

    assert "open" in found
    assert [] == caplog.records


def test_an_appended_capture_is_of_another_machine(replayed, shown):
    """What the first of two captures in one file tells of processes is forgotten where the second begins."""
    listed = captures.block(captures.PROCESSES, captures.thread(7, 7, 1, b"bash", exe=b"bash"))

    assert [("open", "bash"), ("chdir", "<NA>")] == shown(
        replayed(listed, OPEN, captures.section(), CHDIR), "proc.name"
    )
