"""Opens log files without reading, for whoever may write to their folder, what that user could not read.

The process that follows files may read any file. A user who owns a followed folder could put a symbolic link to a file
of root there, and find its content in an alert. So a path is opened without links (openat2(2)). If it has links, it is
walked name by name, and a link is followed only if root or the agent's user made it, or if what it leads to belongs to
its owner.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections import deque

from falcohost.libc import effective_capabilities

# linux/openat2.h; the number of the call is the same on all architectures
_OPENAT2 = 437
_RESOLVE_NO_SYMLINKS = 0x04
_AT_FDCWD = -100

# linux/capability.h
_CAP_DAC_READ_SEARCH = 2

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # it may be a FIFO or a terminal
_PLACE = os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW

#: Most links in a path, as in the kernel.
_MOST_LINKS = 40

_libc = ctypes.CDLL(None, use_errno=True)


class NotTrusted(PermissionError):
    """A file is not read on behalf of another user; ``strerror`` says why."""

    def __init__(self, text: str) -> None:
        super().__init__(errno.EACCES, text)


def open_log(path: str) -> int:
    """Open the log file at *path* for reading and return its descriptor; it may turn out not to be a regular file.

    :raises NotTrusted: it is not read on behalf of another user.
    :raises OSError: it cannot be opened.
    """
    fd = _without_links(path)
    if fd is not None:
        if os.fstat(fd).st_mode & stat.S_IROTH or not _reads_any_file():
            return fd
        os.close(fd)
    walk = _Walk(path)
    try:
        walk.go()
        return walk.opened()
    except OSError as error:
        error.filename = path
        raise
    finally:
        walk.close()


def _without_links(path: str) -> int | None:
    """Open *path*, which has no symbolic link in it; None: it has one, or the kernel is older than 5.6."""
    how = struct.pack("=QQQ", _READ, 0, _RESOLVE_NO_SYMLINKS)
    fd = int(_libc.syscall(_OPENAT2, _AT_FDCWD, os.fsencode(path), how, ctypes.c_size_t(len(how))))
    if fd >= 0:
        return fd
    number = ctypes.get_errno()
    if number in (errno.ELOOP, errno.ENOSYS, errno.EPERM, errno.EAGAIN):  # EPERM: a seccomp filter
        return None
    raise OSError(number, os.strerror(number), path)


class _Walk:
    """A walk along *path* with descriptors, which nobody can lead elsewhere meanwhile."""

    def __init__(self, path: str) -> None:
        self._steps: deque[str | int] = deque(path.split("/"))  # a number: the owner of the link that ends here
        self._folder = -1
        self._here = os.open("/" if path.startswith("/") else ".", _PLACE)
        self._name = "."
        self._links = 0
        self._trusted = {0} if _reads_any_file() else {0, os.geteuid()}

    def go(self) -> None:
        """Walk to the end."""
        while self._steps:
            step = self._steps.popleft()
            if isinstance(step, int):
                self._end_link(step)
            elif step not in ("", "."):
                self._enter(step)

    def opened(self) -> int:
        """Open the file for reading."""
        if self._folder < 0:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        try:
            fd = os.open(self._name, _READ | os.O_NOFOLLOW, dir_fd=self._folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _replaced() from error
            raise
        try:
            if not os.path.samestat(os.fstat(fd), os.fstat(self._here)):
                raise _replaced()
            if _reads_any_file():
                _check(os.fstat(fd), os.fstat(self._folder))
        except OSError:
            os.close(fd)
            raise
        return fd

    def close(self) -> None:
        """Close the descriptors of the walk."""
        for fd in (self._folder, self._here):
            if fd >= 0:
                os.close(fd)

    def _enter(self, name: str) -> None:
        new = os.open(name, _PLACE, dir_fd=self._here)
        status = os.fstat(new)
        if stat.S_ISLNK(status.st_mode):
            try:
                self._follow(os.readlink(b"", dir_fd=new), status.st_uid)
            finally:
                os.close(new)
            return
        if self._folder >= 0:
            os.close(self._folder)
        self._folder, self._here, self._name = self._here, new, name

    def _follow(self, target: bytes, owner: int) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if owner not in self._trusted:
            self._steps.appendleft(owner)
        self._steps.extendleft(reversed(os.fsdecode(target).split("/")))
        if target.startswith(b"/"):
            os.close(self._here)
            self._here = os.open("/", _PLACE)

    def _end_link(self, owner: int) -> None:
        theirs = os.fstat(self._here).st_uid
        if theirs != owner:
            text = (
                f"A symbolic link of uid {owner} leads to what belongs to uid {theirs}, and is not followed: give the "
                "link to root (chown -h), or name what it leads to in the configuration"
            )
            raise NotTrusted(text)


def _replaced() -> FileNotFoundError:
    """Return the error that a file was replaced while it was being opened."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _check(file: os.stat_result, folder: os.stat_result) -> None:
    """Check that whoever may write to *folder* could read *file*.

    They can move a file there, and make a hard link of it, where the kernel allows that (``fs.protected_hardlinks``).

    :raises NotTrusted: they could not.
    """
    by_group = file.st_gid == folder.st_gid and file.st_mode & stat.S_IRGRP and not folder.st_mode & stat.S_IWOTH
    if file.st_mode & stat.S_IROTH or by_group:
        return
    if folder.st_uid == 0:
        if file.st_nlink == 1 or not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return
    elif file.st_uid == folder.st_uid:
        return
    raise NotTrusted(
        f"It belongs to uid {file.st_uid} and not everybody may read it, but others may write to its folder (uid "
        f"{folder.st_uid}): change the owner of either, or let everybody read it"
    )


def _reads_any_file() -> bool:
    """Return whether this process reads files that its user could not."""
    return bool(effective_capabilities() >> _CAP_DAC_READ_SEARCH & 1)
