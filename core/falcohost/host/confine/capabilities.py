"""Drops a process's privileges: user, capabilities, no_new_privs (prctl(2), capset(2)).

The order matters: the bounding set and the user can only be changed while the process has CAP_SETPCAP and CAP_SETUID.
"""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
from collections.abc import Iterable
from typing import NamedTuple

from falcohost.errors import SourceError
from falcohost.libc import call, prctl

#: linux/capability.h, in order of their numbers.
CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in (  # noqa: SIM905
        "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
        "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
        "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
        "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    ).split()
)

# linux/prctl.h
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

# linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_SETPCAP = CAPABILITIES.index("CAP_SETPCAP")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def close_the_way_back() -> None:
    """Set ``no_new_privs``: no program that this process starts can have more privileges than the process.

    Called before the source is opened, because it applies only to threads that are started later.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


class Identity(NamedTuple):
    """A user, its main group, and further groups, by their numbers."""

    user: int
    group: int
    groups: list[int]


def identity(user: int | None, groups: Iterable[str] = (), name: str = "") -> Identity | None:
    """Return *user*, in a group of the same number and in *groups*; with a *name*, the user of that name instead.

    Without a *user*, as where the agent does not run as root, return None: the user stays.

    :raises SourceError: a group or the name is unknown, or is that of root.
    """
    numbers = [_group(name) for name in groups]
    return None if user is None else Identity(*(_named(name) if name else (user, user)), numbers)


def drop_privileges(keep: frozenset[str] | None, user: int | None, groups: Iterable[str] = (), name: str = "") -> None:
    """Become the :func:`identity` of these, and keep only the capabilities *keep*, as far as this process has them.

    Threads that are already running lose all of their capabilities. Where the user stays, the capabilities are dropped
    all the same.

    :raises SourceError: a capability, a group or the name is unknown, or the kernel refuses the change.
    """
    become(identity(user, groups, name), keep or frozenset())


def become(who: Identity | None, keep: frozenset[str]) -> None:
    """Become *who*, and keep only the capabilities *keep*, as :func:`drop_privileges` does.

    :raises SourceError: a capability is unknown, or the kernel refuses the change.
    """
    permitted = permitted_capabilities()
    kept = _numbers(keep) & permitted
    try:
        if _CAP_SETPCAP in permitted:
            _drop_bounding(kept)
        if who is not None:
            _change(who)
        _set_capabilities(kept)
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError as error:
        raise SourceError(f"the worker's privileges cannot be dropped: {error.strerror}") from error


def permitted_capabilities() -> frozenset[int]:
    """Return the numbers of the capabilities that this process may use."""
    data = (_Data * 2)()
    call("capget", ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), data)
    mask = data[0].permitted | data[1].permitted << 32
    return frozenset(number for number in range(64) if mask >> number & 1)


def _numbers(names: Iterable[str]) -> frozenset[int]:
    unknown = sorted(set(names) - set(CAPABILITIES))
    if unknown:
        raise SourceError(f"the source asks for unknown capabilities: {', '.join(unknown)}")
    return frozenset(CAPABILITIES.index(name) for name in names)


def _drop_bounding(kept: frozenset[int]) -> None:
    for number in range(64):
        if number in kept:
            continue
        try:
            prctl(_PR_CAPBSET_DROP, number)
        except OSError:
            return  # EINVAL: this kernel has no capability of that number, nor any above


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise SourceError(f"the group {name}, in which the source is to be, does not exist") from None


def _named(name: str) -> tuple[int, int]:
    """Return the numbers of the user *name* and of its main group."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise SourceError(f"the user {name}, as whom the source is to run, does not exist") from None
    if found.pw_uid == 0:
        raise SourceError(f"the source may not run as the user {name}, who is root: name another one")
    return found.pw_uid, found.pw_gid


def _change(who: Identity) -> None:
    prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups(who.groups)
    os.setresgid(who.group, who.group, who.group)
    os.setresuid(who.user, who.user, who.user)


def _set_capabilities(kept: frozenset[int]) -> None:
    mask = sum(1 << number for number in kept)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = (_Data * 2)(_Data(low, low, 0), _Data(high, high, 0))
    call("capset", ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), data)
