"""Opening files to append to: what is followed, and what is not waited for."""

import errno
import os
import stat

import pytest

from falcohost.appending import open_appending


def written(path):
    """Open *path*, write a line, return what the file has then."""
    descriptor = open_appending(str(path))
    os.write(descriptor, b"line\n")
    blocking = os.get_blocking(descriptor)
    os.close(descriptor)
    assert blocking
    return path.read_text()


def test_a_file_is_created_for_its_owner_alone(tmp_path):
    """A missing file is created; what is in one that is there stays before what is written."""
    path = tmp_path / "out"

    assert "line\n" == written(path)
    assert "line\nline\n" == written(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_our_links_are_followed(tmp_path):
    """A link that root or the agent's user has made leads to its file, from link to link, also relative."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "second").symlink_to("../out")
    (tmp_path / "first").symlink_to(tmp_path / "folder" / "second")

    assert "line\n" == written(tmp_path / "first")
    assert "line\n" == (tmp_path / "out").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody")
def test_links_of_others_are_not_followed(tmp_path):
    """A link that another user has made could lead to any file of root."""
    secret = tmp_path / "secret"
    secret.write_text("root's")
    link = tmp_path / "out"
    link.symlink_to(secret)
    os.lchown(link, 65534, 65534)

    with pytest.raises(OSError) as caught:
        open_appending(str(link))
    assert errno.ELOOP == caught.value.errno
    assert "root's" == secret.read_text()


def test_links_in_a_circle(tmp_path):
    """A circle of links is an error."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(OSError, match="symbolic links"):
        open_appending(str(tmp_path / "a"))


def test_standard_output_by_its_name(tmp_path):
    """A link of the kernel, as /dev/stdout, leads to what this process has open."""
    target = os.open(tmp_path / "target", os.O_WRONLY | os.O_CREAT)
    descriptor = open_appending(f"/proc/self/fd/{target}")
    os.write(descriptor, b"x")
    os.close(descriptor)
    os.close(target)

    assert "x" == (tmp_path / "target").read_text()


def test_a_fifo_is_not_waited_for(tmp_path):
    """A FIFO without a reader is an error at once."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError) as caught:
        open_appending(str(tmp_path / "pipe"))
    assert errno.ENXIO == caught.value.errno
