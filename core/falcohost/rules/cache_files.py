"""Reads and writes the files of the rules cache: reads no file that another user could write, and writes atomically.

Whoever can write here can switch rules off unnoticed, and a signature does not help if the same user could sign. So a
folder or a file that another user owns or can write to is not read, and no symbolic link is followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from falcohost.trust import distrust

#: The environment variable with the cache's directory.
VARIABLE = "FALCOHOST_CACHE_DIR"

#: What an entry is: compiled rules, what rules ask of a source's loader, or what a loader has prepared. The rules for
#: system calls know all by their beginning.
RULES, ASKED, PREPARED = "rules", "rules-asked", "rules-prepared"

#: The most files kept, the most bytes of all, and the most bytes of one.
MAX_FILES = 32
MAX_TOTAL = 256 << 20
MAX_SIZE = 64 << 20

_NAME = re.compile(rf"(?:{RULES}|{ASKED}|{PREPARED})-[0-9a-f]{{64}}(\.[0-9a-f]{{16}}\.new)?")
_NEW_FOR = 600.0
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class UntrustedFile(Exception):
    """Another user could have written the file."""


def cache_directory() -> Path | None:
    """Return the directory from the environment, else the one for this user's caches; None: there is none.

    It has a folder for what the confined reader keeps, and one for what loaders keep, to which the reader cannot write.

    systemd.exec(5) hands a service its directory in ``CACHE_DIRECTORY``; for a user it is the XDG base directory's.
    """
    named = os.environ.get(VARIABLE) or os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/cache/falcohost")
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(home).expanduser() / "falcohost"
    except RuntimeError:  # a user without a home, as in some containers
        return None


def rules_directory() -> Path | None:
    """Return where the reader keeps compiled rules, and what they ask for; None: there is no cache."""
    return None if (cache := cache_directory()) is None else cache / RULES


def prepared_directory() -> Path | None:
    """Return where loaders keep what they have prepared; None: there is no cache."""
    return None if (cache := cache_directory()) is None else cache / "prepared"


def read(directory: Path, key: bytes, kind: str = RULES) -> bytes:
    """Return the entry of *key*, and mark it as used.

    :param kind: what it is: :data:`RULES`, :data:`ASKED` or :data:`PREPARED`.
    :raises OSError: there is none, or it cannot be read.
    :raises UntrustedFile: another user could have written it.
    """
    with _opened(directory) as folder:
        file = os.open(_name(key, kind), os.O_RDONLY | os.O_NONBLOCK | _FLAGS, dir_fd=folder)
        with os.fdopen(file, "rb") as stream:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SIZE:
                raise UntrustedFile(f"{directory / _name(key, kind)} is no file of ours")
            _check(status, directory / _name(key, kind))
            with contextlib.suppress(OSError):
                os.utime(file)
            return stream.read(MAX_SIZE)


def write(directory: Path, key: bytes, data: bytes, kind: str = RULES) -> None:
    """Save *data* under *key*; if there is too much, remove the entries not used for longest.

    :param kind: what it is: :data:`RULES`, :data:`ASKED` or :data:`PREPARED`.
    :raises OSError: it cannot be written.
    :raises UntrustedFile: another user could write there.
    """
    if len(data) > MAX_SIZE:
        raise OSError(f"{len(data)} bytes are too many for the cache")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(directory) as folder:
        name = _name(key, kind)
        new = f"{name}.{os.urandom(8).hex()}.new"
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=folder)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(data)
            os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(new, dir_fd=folder)
            raise
        _prune(folder)


def _name(key: bytes, kind: str) -> str:
    return f"{kind}-{key.hex()}"


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[int]:
    if (reason := distrust(directory, listed=True)) is not None:
        raise UntrustedFile(reason)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
    try:
        _check(os.fstat(folder), directory)
        yield folder
    finally:
        os.close(folder)


def _check(status: os.stat_result, path: Path) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise UntrustedFile(f"{path} belongs to another user (uid {status.st_uid})")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise UntrustedFile(f"other users can write to {path}")


def _prune(folder: int) -> None:
    """Remove the least recently used files, and temporary files that were abandoned."""
    kept: list[tuple[float, int, str]] = []
    for name in os.listdir(folder):
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        with contextlib.suppress(OSError):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if match[1] is None:
                kept.append((status.st_mtime, status.st_size, name))
            elif status.st_mtime < time.time() - _NEW_FOR:
                os.unlink(name, dir_fd=folder)
    total = 0
    for number, (_, size, name) in enumerate(sorted(kept, reverse=True)):
        total += size
        if number >= MAX_FILES or total > MAX_TOTAL:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
