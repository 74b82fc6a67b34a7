"""Says whether another user could change what is read at a path: the file, its folders, and the links on the way.

Whoever can write to a rules file, or to a folder above it, can switch rules off. Each name on the way is checked from
the root of the file system on, so that nobody but a trusted user can lead the path elsewhere after the check.
"""

from __future__ import annotations

import functools
import os
import stat
from collections import deque
from collections.abc import Collection
from pathlib import Path

import falcohost

__all__ = ["code_owner", "distrust", "distrust_all", "trusted_users", "writers"]

#: Most links in a path, as in the kernel.
_MOST_LINKS = 40

_ACL = "system.posix_acl_access"


def trusted_users() -> frozenset[int]:
    """Return whose files are trusted: root's, this process's user's, and those of the owner of falcohost's own code."""
    return frozenset({0, os.geteuid(), code_owner()})


@functools.cache
def code_owner() -> int:
    """Return the owner of falcohost's own code, who decides what this process does in any case."""
    return Path(falcohost.__file__).stat().st_uid


def distrust(path: str | Path, users: Collection[int] | None = None, *, listed: bool = False) -> str | None:
    """Return why *path* is not to be trusted, with what mends it; None if only trusted users can change it.

    What is not there is not distrusted, if nobody else can put it there.

    :param users: whose files are trusted; default: :func:`trusted_users`.
    :param listed: it is a folder whose files are read, so that nobody else may add one.
    """
    walk = _Walk(trusted_users() if users is None else users)
    try:
        return walk.distrust(os.path.join(os.getcwd(), path), listed=listed)  # noqa: PTH109, PTH118 # with its ".."
    except (OSError, ValueError):
        return None  # reading it fails with the reason


def distrust_all(path: str | Path) -> str | None:
    """Return why *path*, a file or a folder with all that is in it, is not to be trusted; None if it is."""
    if (reason := distrust(path, listed=True)) is not None:
        return reason
    users = trusted_users()
    for here, folders, files in os.walk(path):
        for name in (*folders, *files):
            if (reason := _distrust_entry(os.path.join(here, name), users)) is not None:  # noqa: PTH118
                return reason
    return None


def _distrust_entry(place: str, users: Collection[int]) -> str | None:
    status = os.lstat(place)
    if stat.S_ISLNK(status.st_mode):
        return distrust(place, users)
    return _of(place, status, users, sticky=False)


class _Walk:
    """A walk along a path, name by name, following links."""

    def __init__(self, users: Collection[int]) -> None:
        self._users = users
        self._here = "/"

    def distrust(self, path: str, *, listed: bool) -> str | None:
        """Return why *path* is not to be trusted.

        :raises OSError: it does not exist, or cannot be examined.
        """
        steps = deque(path.split("/"))
        links = 0
        if (reason := _of("/", os.lstat("/"), self._users, sticky=False)) is not None:
            return reason
        while steps:
            name = steps.popleft()
            if name in ("", "."):
                continue
            if name == "..":
                self._here = os.path.dirname(self._here)  # noqa: PTH120
                continue
            place = os.path.join(self._here, name)  # noqa: PTH118
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                if status.st_uid not in self._users:
                    return f"{place} is a symbolic link of uid {status.st_uid}; chown -h root {place}"
                links += 1
                target = os.readlink(place)  # noqa: PTH115
                if links > _MOST_LINKS:
                    return None
                self._here = "/" if target.startswith("/") else self._here
                steps.extendleft(reversed(target.split("/")))
                continue
            if (reason := _of(place, status, self._users, sticky=any(steps) or not listed)) is not None:
                return reason
            self._here = place
        return None


def _of(place: str, status: os.stat_result, users: Collection[int], *, sticky: bool) -> str | None:
    """Return why *place* is not to be trusted.

    :param sticky: it may be a folder such as /tmp, in which others cannot move or replace what is not theirs.
    """
    if status.st_uid not in users:
        return f"{place} belongs to uid {status.st_uid}; chown root {place}"
    who = writers(place, status)
    if who is None or (sticky and stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        return None
    mend = "o-w" if who == "others" else "go-w"
    return f"{place} may be written by {who} (mode {stat.S_IMODE(status.st_mode):04o}); chmod {mend} {place}"


def writers(place: str, status: os.stat_result) -> str | None:
    """Return who may write to *place* besides its owner, in words; None: nobody, or only the owner's own group."""
    mode = status.st_mode
    who = None
    if mode & stat.S_IWOTH:
        who = "others"
    elif mode & stat.S_IWGRP and (status.st_gid not in (0, status.st_uid) or _has_list(place)):
        who = f"its group (gid {status.st_gid})" if not _has_list(place) else "users in its access control list"
    if who is None or os.statvfs(place).f_flag & os.ST_RDONLY:  # such as a mounted ConfigMap, which has mode 0777
        return None
    return who


def _has_list(place: str) -> bool:
    """Return whether an access control list (acl(5)) says who may write; the group's bits then are its mask."""
    try:
        return bool(os.getxattr(place, _ACL))
    except OSError:
        return False
