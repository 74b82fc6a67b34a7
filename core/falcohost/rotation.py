"""Rotation of files that outputs write: a file that is large or old enough gets another name, and a new one begins.

The names of rotated files are the file's with the time of the change: ``events.txt.20261128T021500Z``, and with a
number if there is one of that second already. They sort by age. All is done with single calls that happen or do not, so
that what is killed in between loses nothing: the next rotation finds what was left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

#: End of the name of a compressed file, and of one that is not yet whole.
GZ: Final = ".gz"
PART: Final = ".gz.part"

_STAMP: Final = r"\.(\d{8}T\d{6}Z)(?:\.(\d{6}))?"
_HOUR: Final = 3600


class Rotation(Struct, frozen=True):
    """When a file is rotated, and what is kept.

    :ivar size: a file that has this many bytes gets no more; 0: any size.
    :ivar hours: all of a file is from one period of so many hours, counted from midnight UTC; 0: any time.
    :ivar keep: how many rotated files are kept.
    :ivar compress: rotated files are compressed with gzip.
    """

    size: int = 0
    hours: float = 0.0
    keep: int = 10
    compress: bool = False

    def is_due(self, status: os.stat_result, now: float) -> bool:
        """Return whether a file with this *status* is rotated before anything is written to it."""
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return False
        period = self.hours * _HOUR
        is_old = bool(period) and status.st_mtime // period < now // period
        return is_old or bool(self.size and status.st_size >= self.size)


class _Rotated(Struct, frozen=True, order=True):
    """A rotated file: the time and the number in its name, and the end of its name."""

    stamp: str
    number: int
    end: str

    def name(self, file: str) -> str:
        """Return its name; *file*: the name of the file that it was."""
        return f"{file}.{self.stamp}" + (f".{self.number:06}" if self.number else "") + self.end


def rotate(filename: str, rotation: Rotation, now: float | None = None) -> None:
    """Give *filename* the name of a rotated file, and remove the oldest ones. Without the file there is nothing to do.

    :raises OSError: that is impossible; the file has its name then, or those that are too many are left.
    """
    with _folder(filename) as (folder, name):
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file, or a link")
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
            last = max(_found(folder, name), default=_Rotated("", 0, ""))
            # A clock that was set back must not make the latest file the oldest.
            new = _Rotated(stamp, 0, "") if stamp > last.stamp else _Rotated(last.stamp, last.number + 1, "")
            os.rename(name, new.name(name), src_dir_fd=folder, dst_dir_fd=folder)
        found = sorted(_found(folder, name))
        ages = sorted({(one.stamp, one.number) for one in found})
        kept = set(ages[-rotation.keep :])
        for one in found:
            if (one.stamp, one.number) not in kept:
                os.unlink(one.name(name), dir_fd=folder)


def compress(filename: str) -> None:
    """Compress the rotated files of *filename* that are not compressed yet.

    :raises OSError: one cannot be; it is still there.
    """
    with _folder(filename) as (folder, name):
        found = set(_found(folder, name))
        for one in found:
            if one.end == PART:  # left by what was killed
                os.unlink(one.name(name), dir_fd=folder)
        for one in sorted(found):
            if not one.end and _Rotated(one.stamp, one.number, GZ) not in found:
                _compress(folder, one.name(name))
            elif not one.end:
                os.unlink(one.name(name), dir_fd=folder)  # it was compressed, and then something was killed


def _compress(folder: int, name: str) -> None:
    import gzip  # nobody else needs it

    part = name + PART
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NONBLOCK | flags, dir_fd=folder), "rb") as plain:
        if not stat.S_ISREG(os.fstat(plain.fileno()).st_mode):
            raise OSError(errno.EINVAL, f"{name} is no regular file")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                status = os.fstat(plain.fileno())
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
                with gzip.GzipFile(name, "wb", 6, file, status.st_mtime) as packed:
                    while block := plain.read(1 << 20):
                        packed.write(block)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            os.unlink(part, dir_fd=folder)
            raise
    os.rename(part, name + GZ, src_dir_fd=folder, dst_dir_fd=folder)
    os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def _folder(filename: str) -> Iterator[tuple[int, str]]:
    """Yield a descriptor of the folder of *filename*, and the name in it."""
    folder, name = os.path.split(filename)
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)


def _found(folder: int, name: str) -> Iterator[_Rotated]:
    """Yield the rotated files of *name*, also parts of compressed ones."""
    pattern = re.compile(re.escape(name) + _STAMP + rf"(|{re.escape(GZ)}|{re.escape(PART)})")
    for other in os.listdir(folder):
        if match := pattern.fullmatch(other):
            yield _Rotated(match[1], int(match[2] or 0), match[3])
