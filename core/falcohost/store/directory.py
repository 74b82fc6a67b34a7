"""The state directory: finds it, checks its permissions, and locks it so that only one agent uses it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

from falcohost.errors import StateError

#: Environment variable with the state directory, if the configuration does not set it.
VARIABLE = "FALCOHOST_STATE_DIR"

DATABASE = "state.db"
_LOCK = "lock"


def state_directory(configured: str = "") -> Path:
    """Return the configured directory, else that of the environment, else the default for this user.

    systemd.exec(5) passes a service its directory in ``STATE_DIRECTORY``; users have an XDG base directory.

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
        raise StateError(f"no state directory: this user has no home directory; set {VARIABLE}") from error


def claim(directory: Path) -> int:
    """Create *directory* if it is missing and lock it for this process; return the descriptor that holds the lock.

    :raises StateError: it cannot be used, other users can write to it, or another agent uses it.
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


def directory_problem(configured: str, *, ours: bool) -> str | None:
    """Return why the state directory cannot be used; None if it can. Nothing is created.

    :param ours: the running agent uses it.
    """
    try:
        directory = state_directory(configured)
        existing = next(path for path in (directory, *directory.absolute().parents) if os.path.lexists(path))
        allowed = os.access(existing, os.R_OK | os.W_OK | os.X_OK, effective_ids=True)
        if not existing.is_dir() or not allowed:
            reason = errno.EACCES if existing.is_dir() else errno.ENOTDIR
            return f"the state directory {directory} cannot be used: {os.strerror(reason)}"
        if existing == directory:
            _check(directory)
        if not ours and _locked(directory):
            return f"the state directory {directory} is in use by another falcohost"
    except StateError as error:
        return str(error)
    except OSError as error:
        return f"the state directory cannot be used: {error.strerror}"
    return None


def _locked(directory: Path) -> bool:
    """Return whether a process holds the lock of *directory*, without keeping it."""
    try:
        lock = os.open(directory / _LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _check(directory: Path) -> None:
    status = directory.stat()
    if status.st_uid not in (0, os.geteuid()):
        raise StateError(f"the state directory {directory} belongs to another user (uid {status.st_uid})")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise StateError(
            f"other users can write to the state directory {directory}; remove that permission with chmod go-w"
        )
