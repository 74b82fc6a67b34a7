"""The parts of the agent that an event may be about: its processes, and what it has in the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from falcohost.agent import AgentProcess

#: What no process does while it prepares for its job, not even those that load probes, and what only these do.
_NEVER: Final = """
    execve execveat ptrace process_vm_readv process_vm_writev pidfd_getfd unshare setns userfaultfd io_uring_setup
    io_uring_enter io_uring_register init_module finit_module delete_module kexec_load kexec_file_load mount umount2
    pivot_root move_mount open_by_handle_at fanotify_init
"""
NEVER: Final = frozenset(_NEVER.split())
LOADING: Final = frozenset({"bpf", "perf_event_open", "fsopen", "fsconfig", "fsmount"})

#: What an agent has in the kernel, by kind: the numbers of its maps, programs and links.
Objects = dict[str, frozenset[int]]


class AgentParts:
    """Knows them.

    :ivar objects: the numbers of what the agent has in the kernel, by kind (``map``, ``program``, ``link``).
    """

    def __init__(self) -> None:
        self.objects: Objects = {}
        self._processes: dict[int, str] = {}
        self._more: dict[int, str] = {}

    def add(self, pid: int, name: str) -> None:
        """Add a process that the supervisor does not know, by its name in alerts."""
        self._more[pid] = self._processes[pid] = name

    def take(self, processes: Iterable[AgentProcess]) -> None:
        """Take note that these are the processes that the supervisor has."""
        self._processes = self._more | {one.pid: _name(one) for one in processes}

    def process(self, number: int) -> str | None:
        """Return which process of the agent has this pid, or a thread with this number; None: none."""
        pid = number if number in self._processes else self._of_thread(number)
        return None if pid is None else f"process {pid} ({self._processes[pid]})"

    def _of_thread(self, number: int) -> int | None:
        return next((pid for pid in self._processes if Path(f"/proc/{pid}/task/{number}").exists()), None)


def _name(process: AgentProcess) -> str:
    return f"{process.role} of {process.source}" if process.source else process.role
