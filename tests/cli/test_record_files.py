"""The files of recordings: their sizes and number, compressed ones, and disks without room."""

from __future__ import annotations

import gzip
import resource
import subprocess

import pytest

from falcohost.cli.record_files import CHUNK, LEAST, CaptureFiles, RecordError, numbered

BEGIN = b"<begin>" + bytes(1000)
EVENT = b"<event>" + bytes(range(256)) * 4


@pytest.fixture
def disk(tmp_path):
    """Return a folder on a disk with room for a mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], capture_output=True)


def content(path):
    """Return what is in a file, uncompressed."""
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def is_whole(data):
    """Return whether what is in a file is a begin with whole events."""
    return data.startswith(BEGIN) and data[len(BEGIN) :] == EVENT * ((len(data) - len(BEGIN)) // len(EVENT))


@pytest.mark.parametrize("packed", [False, True])
def test_one_file(tmp_path, packed):
    """A file has its begin, and behind it all events."""
    files = CaptureFiles(tmp_path / "one", lambda: BEGIN, packed=packed)
    for _ in range(1000):
        files.write(EVENT)
    files.close()

    assert BEGIN + 1000 * EVENT == content(tmp_path / "one")
    assert (tmp_path / "one").stat().st_size == files.size == files.written
    assert 0o600 == (tmp_path / "one").stat().st_mode & 0o777


def test_rotated_files(tmp_path):
    """No file has more than the limit, each has a begin and whole events, and only the newest are kept."""
    begun = []
    files = CaptureFiles(tmp_path / "x.scap", lambda: begun.append(1) or BEGIN, limit=LEAST, keep=2)
    for _ in range(8000):
        files.write(EVENT)
    files.close()

    names = [numbered(tmp_path / "x.scap", number) for number in (len(begun) - 1, len(begun))]
    assert names == sorted(tmp_path.iterdir()) == list(files.paths)
    assert len(begun) > 8
    assert all(is_whole(content(name)) and name.stat().st_size <= LEAST for name in names)
    assert names[0].stat().st_size > LEAST - 3 * CHUNK


def test_a_rotated_file_without_events(tmp_path):
    """A file that was begun and got no event is removed, since Falco opens none; no older one makes room for it."""
    files = CaptureFiles(tmp_path / "x.scap", lambda: BEGIN, limit=LEAST, keep=1)
    while len(files.paths) < 2:
        files.write(EVENT)
    files.close()

    assert [numbered(tmp_path / "x.scap", 1)] == sorted(tmp_path.iterdir()) == list(files.paths)
    assert is_whole(content(files.paths[0]))


def test_limit_of_one_file(tmp_path):
    """A single file says when there is no room for more in the size that was asked for."""
    files = CaptureFiles(tmp_path / "x", lambda: BEGIN, limit=LEAST)
    count = 0
    while not files.full:
        files.write(EVENT)
        count += 1
    files.close()

    assert LEAST - 3 * CHUNK < (tmp_path / "x").stat().st_size <= LEAST
    assert BEGIN + count * EVENT == content(tmp_path / "x")


@pytest.mark.parametrize("packed", [False, True])
def test_a_full_disk(disk, packed):
    """Where a disk becomes full, the file keeps the whole events that had room, and only these are counted."""
    files = CaptureFiles(disk / "x", lambda: BEGIN, packed=packed)
    with pytest.raises(RecordError, match=r"x cannot be written: No space left on device"):
        for number in range(1_000_000):
            files.write(EVENT if not packed else number.to_bytes(4, "big") * 256)
    files.close()
    data = content(disk / "x")

    assert data.startswith(BEGIN)
    assert files.size == (disk / "x").stat().st_size > (CHUNK if not packed else 1)
    assert packed or is_whole(data)
    assert files.events == (len(data) - len(BEGIN)) // (len(EVENT) if not packed else 4 * 256)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.scap", "x-000003.scap"),
        ("x.scap.gz", "x-000003.scap.gz"),
        ("x", "x-000003"),
        ("a.scap.b", "a.scap.b-000003"),
    ],
)
def test_names(tmp_path, name, expected):
    """The number of a file stands before the ending of its name."""
    assert tmp_path / expected == numbered(tmp_path / name, 3)


def test_a_limit_of_the_size_of_files(tmp_path):
    """It is told with what raises it, and the file keeps the whole events that had room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    files = CaptureFiles(tmp_path / "made", lambda: b"begin")
    resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK, before[1]))
    try:
        with pytest.raises(RecordError, match=r"made cannot be written: no file may have so many bytes.*ulimit -f"):
            files.write(b"x" * CHUNK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        files.close()

    assert b"begin" == (tmp_path / "made").read_bytes()


def test_links(tmp_path):
    """A symbolic link is not followed."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordError, match="link exists already; name a new file"):
        CaptureFiles(tmp_path / "link", lambda: BEGIN)

    assert not (tmp_path / "elsewhere").exists()
