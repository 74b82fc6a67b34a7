"""How files are opened to which outputs append: here, or by another process with the right to (:func:`through`)."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Protocol

from falcohost.rotation import Rotation
from falcohost.rotation import rotate as rotate_here

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK

#: Most links that are followed one after the other, as in the kernel (path_resolution(7)).
_MOST_LINKS = 40


def open_here(filename: str) -> int:
    """Return a descriptor of *filename*, opened by this process for appending; a missing file is created.

    A FIFO without a reader is an error (ENXIO), and not waited for. A link is followed if it is root's or ours, since
    another user's could lead to any file.

    :raises OSError: it cannot be opened.
    """
    descriptor = _open(filename)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~os.O_NONBLOCK)
    return descriptor


def _open(filename: str) -> int:
    for _ in range(_MOST_LINKS):
        try:
            return os.open(filename, _FLAGS | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        target = _target(filename)
        if target is None:
            return os.open(filename, _FLAGS, 0o600)
        filename = target
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _target(link: str) -> str | None:
    """Return where *link* leads; None if it is one of the kernel's in ``/proc``, which have no path to follow.

    :raises OSError: it is not to be followed.
    """
    descriptor = os.open(link, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISLNK(status.st_mode) or status.st_uid not in (0, os.geteuid()):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if status.st_dev == Path("/proc").stat().st_dev:
            return None
        return os.path.join(os.path.dirname(link), os.readlink("", dir_fd=descriptor))  # noqa: PTH118, PTH120
    finally:
        os.close(descriptor)


class Opener(Protocol):
    """Opens and rotates files in another process, which has the right to."""

    def __call__(self, filename: str) -> int:
        """Return a descriptor of the file, open for appending."""

    def rotate(self, filename: str) -> None:
        """Rotate the file, as it is configured."""


def through(opener: Opener) -> None:
    """Have *opener* open and rotate all files in this process from now on."""
    global _opener
    _opener = opener


_opener: Opener | None = None


def opened(filename: str) -> int:
    """Return a descriptor of *filename*, open for appending, from the opener of this process.

    :raises OSError: it cannot be opened.
    """
    return open_here(filename) if _opener is None else _opener(filename)


def rotate(filename: str, rotation: Rotation) -> None:
    """Give *filename* the name of a rotated file, here or by the opener of this process, which knows the *rotation*.

    :raises OSError: that is impossible.
    """
    if _opener is None:
        rotate_here(filename, rotation)
    else:
        _opener.rotate(filename)
