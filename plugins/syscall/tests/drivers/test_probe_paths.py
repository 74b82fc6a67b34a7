"""The probe's records of files: the path as passed, where it starts, and the file that was really opened."""

from __future__ import annotations

import os
import re
import sys

import pytest

from falcohost_syscall.records import record as R


@pytest.fixture(autouse=True)
def collect(watched, openat):
    """Collect openat."""
    watched.driver.set_calls(openat)


def opened(found, path: bytes):
    """Return the record of the openat that was given *path*."""
    return next(r for r in found if r.header.kind == R.KIND_CALL and r.sections.get(R.SEC_PATH) == path)


def test_dirfd(watched, tmp_path):
    """A path relative to a descriptor comes with that directory's path, and with the opened file's own."""
    (tmp_path / "file").write_text("")
    found = watched.python("os.open('file', 0, dir_fd=os.open(sys.argv[1], 0))", tmp_path)
    record = opened(found, b"file")

    assert bytes(tmp_path) == record.sections[R.SEC_DIR]
    assert bytes(tmp_path / "file") == record.sections[R.SEC_FDPATH]


def test_working_directory(watched, tmp_path):
    """A relative path without a descriptor starts at the working directory."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").write_text("")
    record = opened(watched.python("os.open('../file', 0)", cwd=tmp_path / "sub"), b"../file")

    assert bytes(tmp_path / "sub") == record.sections[R.SEC_DIR]
    assert bytes(tmp_path / "file") == record.sections[R.SEC_FDPATH]


def test_absolute_path_has_no_working_directory(watched):
    """The directory is left out where it does not matter."""
    record = opened(watched.python("os.open('/etc/passwd', 0)"), b"/etc/passwd")

    assert R.SEC_DIR not in record.sections
    assert b"/etc/passwd" == record.sections[R.SEC_FDPATH]


def test_absolute_path_beside_a_descriptor(watched, tmp_path):
    """A directory that was passed is there, also where it does not matter."""
    script = "os.open('/etc/passwd', 0, dir_fd=os.open(sys.argv[1], 0))"

    assert bytes(tmp_path) == opened(watched.python(script, tmp_path), b"/etc/passwd").sections[R.SEC_DIR]


def test_symlink(watched, tmp_path):
    """A symbolic link does not hide what was opened."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    record = opened(watched.python("os.open(sys.argv[1], 0)", tmp_path / "link"), bytes(tmp_path / "link"))

    assert b"/etc/passwd" == record.sections[R.SEC_FDPATH]


def test_facts(watched, tmp_path):
    """Inode, device, mode, links and flags are what fstat(2) says."""
    path = tmp_path / "file"
    path.write_text("")
    os.link(path, tmp_path / "second")
    record = opened(watched.python("os.open(sys.argv[1], os.O_RDWR)", path), bytes(path))
    info = R.FdInfo._make(R.FDINFO.unpack(record.sections[R.SEC_FD]))
    truth = path.stat()

    assert (truth.st_ino, truth.st_dev, truth.st_mode) == (info.ino, info.dev, info.mode)


def test_created(watched, tmp_path):
    """A file that the call made is told from one that was there (FMODE_CREATED)."""
    script = "os.open(sys.argv[1], os.O_CREAT | os.O_RDWR); os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)"
    path = tmp_path / "new"
    found = [r for r in watched.python(script, path) if r.sections.get(R.SEC_PATH) == bytes(path)]
    modes = [R.FdInfo._make(R.FDINFO.unpack(r.sections[R.SEC_FD])).fmode for r in found]

    assert [0x100000, 0] == [mode & 0x100000 for mode in modes]


def test_failure(watched):
    """A failed call has its error and path, and no file."""
    record = opened(watched.python("try: os.open('/none', 0)\nexcept OSError: pass"), b"/none")

    assert -2 == record.header.ret
    assert R.SEC_FD not in record.sections


def test_bind_mount(watched, tmp_path):
    """A file below a bind mount has the path by which the process reaches it, over mounts on mounts."""
    for name in ("source", "target", "target2"):
        (tmp_path / name).mkdir()
    (tmp_path / "source/file").write_text("")
    script = 'mount --bind "$1/source" "$1/target" && mkdir "$1/target/in" && mount -t tmpfs none "$1/target/in" && '
    script += 'echo > "$1/target/in/deep" && exec cat "$1/target/file" "$1/target/in/../in/deep"'
    found = watched.run("unshare", "-m", "sh", "-c", script, "sh", tmp_path)

    assert bytes(tmp_path / "target/file") == opened(found, bytes(tmp_path / "target/file")).sections[R.SEC_FDPATH]
    deep = opened(found, bytes(tmp_path) + b"/target/in/../in/deep")
    assert bytes(tmp_path / "target/in/deep") == deep.sections[R.SEC_FDPATH]


def test_chroot(watched, tmp_path):
    """Paths start at the root of the process; beside it is the path from the machine's root."""
    (tmp_path / "jail").mkdir()
    (tmp_path / "jail/file").write_text("")
    script = "os.chroot(sys.argv[1]); os.chdir('/'); os.open('file', 0)"
    record = opened(watched.python(script, tmp_path / "jail"), b"file")

    assert (b"/", b"/file") == (record.sections[R.SEC_DIR], record.sections[R.SEC_FDPATH])
    assert bytes(tmp_path / "jail/file") == record.sections[R.SEC_HOSTPATH]
    assert R.FLAG_OTHER_NAME == record.header.flags & R.FLAG_OTHER_NAME


def host_path(found, path: bytes) -> bytes | None:
    """Return the host's path of the file that was opened by *path*; None where it is not another."""
    record = opened(found, path)
    assert bool(record.header.flags & R.FLAG_OTHER_NAME) == (R.SEC_HOSTPATH in record.sections)
    return record.sections.get(R.SEC_HOSTPATH)


def test_no_host_path_where_it_is_the_same(watched, tmp_path):
    """Neither here nor in a copy of this mount namespace has a file a second path, on whatever it is mounted."""
    script = "for path in sys.argv[1:]: os.open(path, 0)"
    paths = [b"/etc/passwd", b"/proc/self/status", b"/dev/null", b"/sys/kernel"]
    for before in ((), ("unshare", "-m", "--propagation", "private")):
        found = watched.run(*before, sys.executable, "-ISc", f"import os, sys\n{script}", *map(os.fsdecode, paths))

        assert [None] * len(paths) == [host_path(found, path) for path in paths]


def test_host_path_behind_a_bind_mount(watched, tmp_path):
    """A file that is reached by a second mount has a path from the machine's root, across the mounts that are there."""
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    (tmp_path / "source/file").write_text("")
    script = 'mount --bind "$1/source" "$1/target" && exec cat "$1/target/file"'
    found = watched.run("unshare", "-m", "sh", "-c", script, "sh", tmp_path)

    assert bytes(tmp_path / "source/file") == host_path(found, bytes(tmp_path / "target/file"))


def test_host_path_of_another_file_system(watched, tmp_path):
    """The same holds for a file system that is mounted somewhere below the machine's root; one that is not has none."""
    for name in ("sys", "proc", "own"):
        (tmp_path / name).mkdir()
    script = 'mount -t sysfs none "$1/sys" && mount -t proc none "$1/proc" && mount -t tmpfs none "$1/own" && '
    script += 'echo > "$1/own/file" && exec cat "$1/own/file" "$1/sys/kernel/fscaps" "$1/proc/self/stat"'
    found = watched.run("unshare", "-m", "sh", "-c", script, "sh", tmp_path)

    assert b"/sys/kernel/fscaps" == host_path(found, bytes(tmp_path / "sys/kernel/fscaps"))
    assert re.fullmatch(rb"/proc/\d+/stat", host_path(found, bytes(tmp_path / "proc/self/stat")))
    assert host_path(found, bytes(tmp_path / "own/file")) is None


def test_host_path_of_a_directory(watched, tmp_path):
    """Where a call leaves no file behind, the directory from which its path starts has a host's path too."""
    (tmp_path / "jail/in").mkdir(parents=True)
    watched.driver.set_calls({84: R.CallSpec(84, R.WANT_PATH, path_arg=0)})
    script = "os.chroot(sys.argv[1]); os.chdir('/'); os.rmdir('/in'); os.mkdir('/in'); os.rmdir('in')"
    found = watched.python(script, tmp_path / "jail")

    for path in (b"/in", b"in"):
        assert bytes(tmp_path / "jail") == opened(found, path).sections[R.SEC_HOSTDIR]


@pytest.mark.parametrize("depth", [14, 40, 490, 600])
def test_deep_directory(watched, tmp_path, depth):
    """A path of many components is complete up to 4096 bytes, and visibly cut at its front beyond."""
    name = "d" * 90 if depth == 40 else "d" * 7
    script = f"for _ in range({depth}): os.mkdir({name!r}); os.chdir({name!r})\nos.open('file', os.O_CREAT)"
    record = opened(watched.python(script, cwd=tmp_path), b"file")
    truth = bytes(tmp_path) + b"".join([b"/" + name.encode()] * depth + [b"/file"])

    if len(truth) <= 4096:
        assert truth == record.sections[R.SEC_FDPATH]
        assert 0 == record.header.flags & R.FLAG_CUT
    else:
        mark, _, end = record.sections[R.SEC_FDPATH].partition(b">")
        assert b"<CUT" == mark
        assert truth.endswith(end)
        assert 3900 < len(record.sections[R.SEC_FDPATH])
        assert R.FLAG_CUT == record.header.flags & R.FLAG_CUT


def test_longest_name(watched, tmp_path):
    """A name of 255 bytes fits."""
    path = bytes(tmp_path) + b"/" + b"n" * 255
    record = opened(watched.python("os.open(sys.argv[1], os.O_CREAT)", path.decode()), path)

    assert path == record.sections[R.SEC_FDPATH]


def test_unlinked(watched, tmp_path):
    """A file that has no name any more keeps its last one."""
    script = "fd = os.open('gone', os.O_CREAT); os.unlink('gone'); os.open(f'/proc/self/fd/{fd}', 0)"
    found = watched.python(script, cwd=tmp_path)
    record = next(r for r in found if r.sections.get(R.SEC_PATH, b"").startswith(b"/proc/self/fd/"))

    assert bytes(tmp_path / "gone") == record.sections[R.SEC_FDPATH]


def test_overlay_layers(watched, tmp_path):
    """On overlayfs a file of the lower layer is told from one of the upper."""
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    (tmp_path / "lower/old").write_text("")
    script = 'mount -t tmpfs none "$1/upper" && mkdir "$1/upper/u" "$1/upper/w" && mount -t overlay overlay '
    script += '-o "lowerdir=$1/lower,upperdir=$1/upper/u,workdir=$1/upper/w" "$1/merged" && cat "$1/merged/old" && '
    script += 'echo > "$1/merged/new" && exec cat "$1/merged/new"'
    found = watched.run("unshare", "-m", "sh", "-c", script, "sh", tmp_path)

    for name, layer in (("old", 2), ("new", 1)):
        record = [r for r in found if r.sections.get(R.SEC_PATH) == bytes(tmp_path / "merged" / name)][-1]
        assert layer == R.FdInfo._make(R.FDINFO.unpack(record.sections[R.SEC_FD])).layer, name


def test_empty_path(watched):
    """An empty path is a section of no bytes."""
    record = opened(watched.python("try: os.open('', 0)\nexcept OSError: pass", cwd="/etc"), b"")

    assert b"/etc" == record.sections[R.SEC_DIR]


def test_directory_out_of_the_tree(watched, tmp_path):
    """A relative path has no directory if that has been unmounted: nobody can say where such a path leads."""
    watched.driver.set_calls({166: R.CallSpec(166, R.WANT_PATH, path_arg=0)})
    script = """
import ctypes
libc = ctypes.CDLL(None)
libc.mount(b"none", sys.argv[1].encode(), b"tmpfs", 0, None)
os.chdir(sys.argv[1])
libc.umount2(b".", 2)
"""
    record = opened(watched.python(script, tmp_path), b".")

    assert 0 == record.header.ret
    assert R.SEC_DIR not in record.sections


def test_descriptor_of_a_process(watched):
    """A pidfd has the name that /proc shows."""
    watched.driver.set_calls({434: R.CallSpec(434, R.WANT_FD, fd_arg=R.RET_ARG)})
    (record,) = [r for r in watched.python("os.pidfd_open(os.getpid())") if r.header.kind == R.KIND_CALL]

    assert record.sections[R.SEC_FDPATH] in (b"anon_inode:[pidfd]", b"[pidfd]")  # since 6.9, and before
