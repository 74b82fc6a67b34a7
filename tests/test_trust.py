"""Trust: whether another user could change what is read at a path."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess

import pytest

from falcohost.trust import distrust, distrust_all, trusted_users

USER = 4321

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of several users")


@pytest.fixture
def top(tmp_path):
    """Return a folder of root."""
    (tmp_path / "top").mkdir()
    (tmp_path / "top").chmod(0o755)
    return (tmp_path / "top").resolve()


def made(path, mode, owner=0, group=0):
    """Make a file."""
    path.write_text("x")
    os.chown(path, owner, group)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("mode", "owner", "group", "reason"),
    [
        (0o644, 0, 0, None),
        (0o664, 0, 0, None),
        (0o600, 0, 4322, None),
        (0o644, USER, 0, "belongs to uid 4321; chown root"),
        (0o666, 0, 0, "may be written by others (mode 0666); chmod o-w"),
        (0o664, 0, 4322, "may be written by its group (gid 4322) (mode 0664); chmod go-w"),
    ],
)
def test_files(top, mode, owner, group, reason):
    """The file itself has to belong to a trusted user, and nobody else may write to it."""
    found = distrust(made(top / "file", mode, owner, group))

    assert (reason is None, True) == (found is None, (reason or "") in (found or ""))


@pytest.mark.parametrize(
    ("mode", "owner", "listed", "trusted"),
    [
        (0o755, 0, False, True),
        (0o755, 0, True, True),
        (0o777, 0, False, False),
        (0o755, USER, False, False),
        (0o1777, 0, False, True),
        (0o1777, 0, True, False),
    ],
)
def test_folders(top, mode, owner, listed, trusted):
    """Each folder above counts; a sticky one is passed, but a folder whose files are read may not be one."""
    folder = top / "a" / "b"
    folder.mkdir(parents=True)
    made(folder / "file", 0o644)
    above = folder if listed else top / "a"
    os.chown(above, owner, owner)
    above.chmod(mode)

    assert trusted is (distrust(folder if listed else folder / "file", listed=listed) is None)


def test_links(top):
    """Links are followed by name; each link and all folders on the way count, also those of the link's target."""
    (top / "good").mkdir()
    made(top / "good" / "file", 0o644)
    (top / "open").mkdir()
    (top / "open").chmod(0o777)
    made(top / "open" / "file", 0o644)
    sticky = top / "sticky"
    sticky.mkdir()
    sticky.chmod(0o1777)
    for name, target, owner in (
        ("own", top / "good", 0),
        ("relative", "../top/./good/file", 0),
        ("theirs", top / "good", USER),
        ("away", top / "open" / "file", 0),
        ("sticky/theirs", top / "good", USER),
        ("sticky/own", top / "good", 0),
        ("loop", "loop", 0),
        ("nowhere", "nothing", 0),
    ):
        (top / name).symlink_to(target)
        os.lchown(top / name, owner, owner)

    for path in ("own/file", "relative", "sticky/own/file", "loop", "nowhere", "own/../good/file", "missing/x"):
        assert distrust(top / path) is None, path
    assert f"{top}/theirs is a symbolic link of uid 4321" in distrust(top / "theirs" / "file")
    assert f"{top}/open may be written by others" in distrust(top / "away")
    assert "is a symbolic link of uid 4321" in distrust(top / "sticky" / "theirs" / "file")
    assert f"{top}/open may be written by others" in distrust(top / "open" / "missing")


def test_an_access_control_list(top):
    """A list that lets another user write counts, although the file's group is root's."""
    file = made(top / "file", 0o664)
    entries = [
        (0x01, 6, 0xFFFFFFFF),
        (0x02, 6, USER),
        (0x04, 4, 0xFFFFFFFF),
        (0x10, 6, 0xFFFFFFFF),
        (0x20, 4, 0xFFFFFFFF),
    ]
    try:
        os.setxattr(
            file, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
        )
    except OSError:
        pytest.skip("this file system has no access control lists")

    assert "users in its access control list" in distrust(file)


def test_what_is_mounted_read_only(top):
    """A folder of mode 0777 on a read-only mount, as a ConfigMap has it in Kubernetes, cannot be written to."""
    folder = top / "mount"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0777", "t", folder], capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        made(folder / "rules.yaml", 0o644)
        assert "may be written by others" in distrust(folder / "rules.yaml")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        assert distrust(folder / "rules.yaml") is None
        assert distrust(folder, listed=True) is None
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_package(top):
    """Of a plugin, each file and folder counts."""
    package = top / "package"
    (package / "sub").mkdir(parents=True)
    made(package / "__init__.py", 0o644)
    module = made(package / "sub" / "module.py", 0o644)

    assert distrust_all(package) is None
    module.chmod(0o666)
    assert f"{module} may be written by others" in distrust_all(package)
    shutil.rmtree(package / "sub")
    (package / "sub").symlink_to(top)
    os.lchown(package / "sub", USER, USER)
    assert "is a symbolic link of uid 4321" in distrust_all(package)


def test_who_is_trusted(top):
    """An unprivileged process trusts its own files, also with a group of its own."""
    mine = made(top / "mine", 0o664, USER, USER)

    assert {0} <= trusted_users()
    assert distrust(mine) is not None
    assert distrust(mine, {0, USER}) is None
