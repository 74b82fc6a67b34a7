"""Files below the root of another process are read as it sees them, and nothing outside of it is."""

from __future__ import annotations

import os

import pytest

from falcohost_syscall.processes import rooted
from falcohost_syscall.processes.rooted import LINKS, MOST, read_all


@pytest.fixture
def outside(tmp_path):
    """Return a file that no path below the root may lead to."""
    path = tmp_path / "passwd"
    path.write_text("outside")
    return path


@pytest.fixture
def root(tmp_path, outside):
    """Return the folder that is the root."""
    folder = tmp_path / "root"
    (folder / "etc").mkdir(parents=True)
    return folder


@pytest.fixture
def read(root):
    """Return a function that reads etc/passwd below the root, or says that it has not changed."""
    descriptor = os.open(root, os.O_PATH)

    def read(known=b"?"):
        state, *contents = read_all(descriptor, ["etc/passwd"], known)
        return (state, contents[0]) if contents else "as it was"

    yield read
    os.close(descriptor)


def test_a_file_is_read_and_its_state_tells_changes(root, read):
    """The content comes with a state; while that stays, nothing is read. A file renamed into its place has another."""
    file = root / "etc" / "passwd"
    file.write_text("one")
    state, content = read()
    same = read(state)
    other = root / "etc" / "new"
    other.write_text("two")
    other.rename(file)
    later, changed = read(state)
    file.unlink()

    assert (b"one", "as it was", b"two") == (content, same, changed)
    assert later != state
    assert read(later)[1] is None


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("etc/passwd", "../usr/passwd"),
        ("etc/passwd", "/usr/passwd"),
        ("etc/passwd", "../../../../usr/./passwd"),
        ("etc/passwd", "/etc/../usr//passwd"),
        ("etc", "/usr"),
        ("etc", "./usr"),
    ],
)
def test_links_are_followed_below_the_root(root, read, link, target):
    """A link, absolute or not, of the file or of its folder, leads to what is below the root."""
    (root / "usr").mkdir()
    (root / "usr" / "passwd").write_text("inside")
    if link == "etc":
        (root / "etc").rmdir()
    (root / link).symlink_to(target)

    assert b"inside" == read()[1]


@pytest.mark.parametrize("link", ["etc/passwd", "etc"])
@pytest.mark.parametrize("target", ["{}", "../{}", "../../passwd", "/../passwd", "/proc/self/root/{}", "."])
def test_no_link_leads_out(root, outside, read, link, target):
    """Whatever a link says, the file outside is not read, nor does anybody turn in circles."""
    if link == "etc":
        (root / "etc").rmdir()
    (root / link).symlink_to(target.format(outside if link == "etc/passwd" else outside.parent))

    assert read()[1] is None


def test_links_that_go_on_for_ever_are_given_up(root, read):
    """A link to itself, or more links than the limit, is no file; as many as the limit are."""
    passwd = root / "etc" / "passwd"
    (root / "etc" / "0").write_text("found")
    for number in range(LINKS):
        (root / "etc" / str(number + 1)).symlink_to(str(number))
    (passwd).symlink_to("passwd")
    circle = read()[1]
    passwd.unlink()
    passwd.symlink_to(str(LINKS - 1))
    within = read()[1]
    passwd.unlink()
    passwd.symlink_to(str(LINKS))

    assert (None, b"found", None) == (circle, within, read()[1])


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.mknod(path, 0o20600, os.makedev(1, 5))])
def test_only_regular_files_are_read(root, read, make):
    """A FIFO, a folder or a device is no file, and nobody waits for it."""
    make(root / "etc" / "passwd")

    assert read()[1] is None


def test_a_long_file_is_read_up_to_a_line(root, read):
    """Of a file that is too long, the whole lines at its beginning are read."""
    line = b"x" * 99 + b"\n"
    (root / "etc" / "passwd").write_bytes(line * (MOST // 100 + 10))
    content = read()[1]
    (root / "etc" / "passwd").write_bytes(b"x" * (MOST + 1))

    assert content == line * (MOST // 100)
    assert b"" == read()[1]


def test_no_descriptor_stays_open(root, read):
    """Whatever was found, all descriptors are closed."""
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    (root / "etc" / "passwd").symlink_to("/a/../etc/./passwd")
    read()
    (root / "etc" / "passwd").unlink()
    (root / "etc" / "passwd").write_text("x")
    read()

    assert before == sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_the_own_root_is_none_of_a_container():
    """A process with the same root has the same accounts."""
    with pytest.raises(OSError, match="root of this one"), rooted.root_of(os.getpid()):
        pass
