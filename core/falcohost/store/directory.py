"""The state directory: where it is, who may write to it, and that only one agent uses it at a time."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from falcohost.errors import StateError

#: Where the state directory is if no configuration says so.
VARIABLE = "FALCOHOST_STATE_DIR"

DATABASE = "state.db"
_LOCK = "lock"


def state_directory(configured: str = "") -> Path:
    """Return the configured directory, or what the environment says, or the place for this user's state.

    systemd.exec(5) hands a service its directory in ``STATE_DIRECTORY``; for a user it is the XDG base directory's.

    :raises StateError: the user has no home.
    """
    named = configured or os.environ.get(VARIABLE) or os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/lib/falcohost")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        return Path(home).expanduser() / "falcohost"
    except RuntimeError as error:
        raise StateError(f"there is no place for the state: this user has no home directory; set {VARIABLE}") from error


def claim(directory: Path) -> int:
    """Make *directory* if it is missing and take it for this process; return the descriptor that holds it.

    :raises StateError: it cannot be used, another user could change what is in it, or another agent uses it.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(directory)
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StateError(f"the state directory {directory} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StateError(f"the state directory {directory} is in use by another falcohost") from error
    return lock


def _check(directory: Path) -> None:
    status = directory.stat()
    if status.st_uid not in (0, os.geteuid()):
        raise StateError(f"the state directory {directory} belongs to another user (uid {status.st_uid})")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise StateError(f"other users can write to the state directory {directory}; chmod go-w it")
