"""The blocks of a capture: what is one, what is none, and where a damaged one ends."""

from __future__ import annotations

import gzip
import logging
import struct

import pytest
from workload import captures

from falcohost import ConfigError
from falcohost_syscall.drivers.drivers import configured
from falcohost_syscall.drivers.scap.blocks import LARGEST, CaptureError

OPEN = captures.event("open", 7, fd=3, name=b"/etc/passwd", flags=1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file or directory"),
        (b"", "byte 0: this is not a capture"),
        (b"root:x:0:0:root:/root:/bin/bash\n", "byte 0: a block cannot have"),
        (captures.block(0x0A0D0D0A, b""), "byte 0: this is not a capture"),
        (
            captures.section(magic=0x4D3C2B1A),
            "byte 0: this is not a capture of Falco or sysdig, or has another byte order",
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
    ("damaged", "problem"),
    [
        (OPEN[:-1], "the file ends inside a block"),
        (OPEN[:6], "the file ends inside a block"),
        (struct.pack("<II", 0x216, 8), "a block cannot have 8 bytes"),
        (struct.pack("<II", 0x216, LARGEST + 1), f"a block cannot have {LARGEST + 1} bytes"),
        (OPEN[:-4] + struct.pack("<I", 99), "the two sizes of a block differ"),
        (captures.block(0x216, b"xx"), "a block of type 0x216 is shorter than it says"),
        (OPEN.replace(struct.pack("<H", 12), struct.pack("<H", 9999)), "a block of type 0x216 is shorter than it says"),
        (captures.block(0x215, struct.pack("<I", 9999)), "a block of type 0x215 is shorter than it says"),
        (captures.descriptors(7, struct.pack("<IqQB", 5, 1, 1, 1)), "a block of type 0x218 is shorter than it says"),
    ],
    ids=range(9),
)
def test_what_is_before_the_damage_counts(replayed, shown, caplog, damaged, problem):
    """A damaged capture is read up to the damage, which a warning names with its place; it counts as damaged."""
    driver = replayed(OPEN, damaged, *(() if "ends" in problem else (OPEN,)))

    with caplog.at_level(logging.WARNING, "falcohost"):
        assert [("open",)] == shown(driver)
    assert [f"byte {28 + len(OPEN)}: {problem}"] == [
        record.getMessage().partition(".scap: ")[2].partition(". The")[0] for record in caplog.records
    ]
    assert 1 == driver.stats().dropped["damaged"]
