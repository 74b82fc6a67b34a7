"""The state directory: finds it, checks its permissions, and locks it so that only one agent uses it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Container
from pathlib import Path

from falcohost.errors import StateError
from falcohost.trust import distrust, trusted_users
from falcohost.writable import creation_problem, use_problem

#: Environment variable with the state directory, if the configuration does not set it.
VARIABLE = "FALCOHOST_STATE_DIR"

DATABASE = "state.db"
LOCK = "lock"

#: How the names of what falcohost has in the directory begin, and what a file system may have there.
_OURS = (DATABASE, LOCK, "agent.sock", "actions.", "lost+found")

#: How the name of what a check makes there begins: one of ours, for an agent that starts at the same moment.
_TRIED = "lock-"

#: Bytes that a new store and its journal need.
_ROOM = 256 << 10

#: Seconds to wait for an agent that was killed, whose processes are about to end.
ENDING = 5.0


def state_directory(configured: str = "") -> Path:
    """Return the configured directory, else that of the environment, else the default for this user.

    systemd.exec(5) passes a service its directory in ``STATE_DIRECTORY``; users have an XDG base directory. A path with
    ``..`` is resolved, since otherwise creating it would create folders that it only passes through.

    :raises StateError: the user has no home.
    """
    named = configured or os.environ.get(VARIABLE) or os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if named:
        path = Path(named)
        return path.resolve() if ".." in path.parts else path
    if os.geteuid() == 0:
        return Path("/var/lib/falcohost")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        return Path(home).expanduser() / "falcohost"
    except RuntimeError as error:
        raise StateError(f"no state directory: this user has no home directory; set {VARIABLE}") from error


def database(directory: Path, nothing: str = "there is no state") -> Path:
    """Return the path of the database in the state directory *directory*.

    :raises StateError: it is not there, which means *nothing*; or this user may not look for it.
    """
    path = directory / DATABASE
    try:
        is_file = path.is_file()
    except OSError as error:
        mend = "; run this command with sudo" if isinstance(error, PermissionError) else ""
        raise StateError(f"the state in {path} cannot be read: {error.strerror}{mend}") from error
    if not is_file:
        raise StateError(f"{nothing} yet: {path} does not exist; name another state directory with --state-dir")
    return path


class InUseError(StateError):
    """Another agent uses the state directory."""


def claim(
    directory: Path, owner: int | None = None, users: Container[int] = (), *, patience: float | None = None
) -> int:
    """Create *directory* if it is missing and lock it for this process; return the descriptor that holds the lock.

    :param owner: the user that it and the files in it are given to; None: their users stay.
    :param users: the users that earlier agents may have given it to.
    :param patience: seconds for which an agent that uses it is waited for, since it may be ending; None: a moment.
    :raises InUseError: another agent uses it.
    :raises StateError: it cannot be used, or other users can write to it.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(directory, users)
        lock = _lock(directory, ENDING if patience is None else patience)
    except OSError as error:
        raise StateError(f"the state directory {directory} cannot be used: {error.strerror}") from error
    try:
        if owner is not None:
            _give(directory, owner, users)
    except OSError as error:
        os.close(lock)
        why = f"{error.strerror}; that takes CAP_CHOWN and CAP_FOWNER" if error.errno == errno.EPERM else error.strerror
        raise StateError(f"the state directory {directory} cannot be given to its user: {why}") from error
    except BaseException:
        os.close(lock)
        raise
    return lock


def _lock(directory: Path, patience: float) -> int:
    """Lock *directory*; wait so many seconds for an agent that is just ending.

    :raises OSError: the lock cannot be opened.
    :raises InUseError: another agent has it.
    """
    lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() >= until:
                os.close(lock)
                raise InUseError(f"the state directory {directory} is in use by another falcohost") from error
            time.sleep(0.01)
        else:
            return lock


def _give(directory: Path, owner: int, users: Container[int]) -> None:
    """Give *directory* and the files of a store in it to *owner*, for whom alone they are from then on.

    Its present user may be hostile, so no link is followed, and no file that is somebody else's is given away.

    :raises StateError: there is something else in it.
    """
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        names = os.listdir(folder)  # noqa: PTH208
        if others := sorted(name for name in names if not name.startswith(_OURS)):
            raise StateError(
                f"the state directory {directory} has other files ({others[0]}), but is given to the user of the store;"
                " name a directory that is only for falcohost"
            )
        os.fchown(folder, owner, owner)
        os.fchmod(folder, 0o700)
        for name in names:
            _give_file(folder, name, owner, users)
    finally:
        os.close(folder)


def _give_file(folder: int, name: str, owner: int, users: Container[int]) -> None:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return  # a socket, or a link
    try:
        status = os.fstat(file)
        ours = status.st_uid in (0, os.geteuid(), owner) or status.st_uid in users
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and ours:
            os.fchown(file, owner, owner)
            os.fchmod(file, 0o600)
    finally:
        os.close(file)


def directory_problem(configured: str, *, ours: bool, users: Container[int] = ()) -> str | None:
    """Return why the state directory cannot be used; None if it can. Nothing is left behind.

    :param ours: the running agent uses it: it is looked at only, since rules tell of whoever writes there.
    :param users: the users that it may be given to.
    """
    try:
        directory = state_directory(configured)
        existing = _existing(directory)
        if (reason := use_problem(directory, _ROOM) if ours else room_problem(directory)) is not None:
            return f"the state directory {directory} cannot be used: {reason}"
        if existing == directory:
            _check(directory, users)
        if not ours and _locked(directory):
            return f"the state directory {directory} is in use by another falcohost"
    except StateError as error:
        return str(error)
    except OSError as error:
        return f"the state directory cannot be used: {error.strerror}"
    return None


def room_problem(directory: Path) -> str | None:
    """Return why *directory* has no room for a new store, or cannot be made, as the kernel says it; None if it can."""
    return creation_problem(_existing(directory), _TRIED, _ROOM)


def _existing(directory: Path) -> Path:
    """Return *directory*, or that of its parents which is there."""
    return next(path for path in (directory, *directory.absolute().parents) if os.path.lexists(path))


def _locked(directory: Path) -> bool:
    """Return whether a process holds the lock of *directory*, without keeping it."""
    try:
        lock = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _check(directory: Path, users: Container[int]) -> None:
    status = directory.stat()
    if status.st_uid not in (0, os.geteuid()) and status.st_uid not in users:
        raise StateError(f"the state directory {directory} belongs to another user (uid {status.st_uid})")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise StateError(
            f"other users can write to the state directory {directory}; remove that permission with chmod go-w"
        )
    if (reason := distrust(directory, {*trusted_users(), status.st_uid}, listed=True)) is not None:
        raise StateError(f"other users can change the state directory {directory}: {reason}")


def size_of(directory: Path) -> int:
    """Return how many bytes the files of the database have."""
    sizes = 0
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            sizes += os.stat(f"{directory}/{DATABASE}{end}").st_size  # noqa: PTH116 # it is asked each second
    return sizes
