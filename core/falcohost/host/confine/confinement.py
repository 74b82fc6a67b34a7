"""Confines a process for good, at the moment when it has opened what its job needs.

Every process of the agent ends its preparation with :func:`confine`. What the kernel does not have is left out, and
logged; nothing of it can be undone by the process.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import sys

from msgspec import Struct

from falcohost.errors import SourceError
from falcohost.host.confine import landlock, seccomp
from falcohost.host.confine.capabilities import drop_privileges, identity, permitted_capabilities
from falcohost.host.confine.files import know_packages, readable, writable
from falcohost.host.confine.numbers import this_machine
from falcohost.host.confine.ports import ports
from falcohost.host.packed import OTHERS, pack
from falcohost.libc import die_with_parent
from falcohost.log import log
from falcohost.needs import ALL, INSPECT, PROGRAM, SIGNAL, Needs

#: How often code runs until Python has changed it for good.
_TIMES = 4


class Confinement(Struct, frozen=True, kw_only=True):
    """What a process may do from now on.

    :ivar user: the user that it becomes, and the number of its group; None: the user stays.
    :ivar capabilities: the capabilities that it keeps.
    :ivar needs: what it does.
    :ivar outlives: it notices by itself that its parent has ended, and ends soon after.
    :ivar keeps: which of stdout (1) and stderr (2) stay.
    :ivar only_log: forbidden system calls are made, and the kernel logs them.
    """

    user: int | None = None
    capabilities: frozenset[str] = frozenset()
    needs: Needs = Needs()
    outlives: bool = False
    keeps: frozenset[int] = frozenset()
    only_log: bool = False


def confine(confinement: Confinement, parent: int) -> None:
    """Confine this process, which has set ``no_new_privs``, with all its threads.

    It ends when *parent* ends, unless it outlives that. What it writes to stdout and stderr by itself goes where its
    stdin comes from, which is nowhere: whoever takes it over could forge lines of the log, which it writes through its
    socket.

    :raises SourceError: a need, a capability or a group is unknown, or the kernel refuses to change rights.
    """
    needs = confinement.needs
    if unknown := sorted(needs.calls - ALL):
        raise SourceError(f"the source has unknown needs: {', '.join(unknown)}; there are {', '.join(sorted(ALL))}")
    import_lazy()
    sys.dont_write_bytecode = True  # where it is missing or outdated; who may not write files would be ended for it
    _restrict_files(needs)
    drop_privileges(confinement.capabilities, confinement.user, needs.groups, needs.user)
    die_with_parent(parent, None if confinement.outlives else signal.SIGKILL)  # changing the user has cleared it
    try:
        seccomp.restrict(needs.calls, log=confinement.only_log)
    except OSError as error:
        log.warning("system calls of this process are not restricted: %s", os.strerror(error.errno or 0))
    if not confinement.only_log:
        for number in {1, 2} - confinement.keeps:
            os.dup2(0, number)


def _restrict_files(needs: Needs) -> None:
    try:
        alone = needs.calls.isdisjoint((PROGRAM, INSPECT, SIGNAL))
        if not landlock.restrict(readable(needs), writable(needs), alone=alone, ports=ports(needs)):
            log.info("This kernel has no Landlock: which files this process opens is left to their permissions")
    except OSError as error:
        log.warning("files that this process opens are not restricted: Landlock answers %s", error.strerror)


def import_lazy() -> None:
    """Keep packed what Python would import on first use, while its folder is readable: it may belong to root.

    Who forks others does this before, so that they share the memory of it.
    """
    if not _Lazy.imported:
        _import_lazy()
        _Lazy.imported = True
    know_packages()


def rehearse() -> None:
    """Compute what :func:`confine` computes, to no effect. Called by who is about to fork for the first time.

    Python changes code where it has run a few times, so that each fork would have its own copy of what all of them run.
    """
    machine = this_machine()
    needs = Needs()
    for _ in range(_TIMES):
        readable(needs), writable(needs), ports(needs)
        identity(os.getuid())
        permitted_capabilities()
        if machine is not None:
            seccomp.program_for(needs.calls, machine, os.getpid())


class _Lazy:
    """Whether this process, or one that has forked it, has packed everything."""

    imported = False


def _import_lazy() -> None:
    with contextlib.suppress(LookupError):
        codecs.lookup("idna")  # for names of hosts in rules
    pack(OTHERS)
