"""The action ``stop``: freezes the cgroup of a container, which ``falcohost actions thaw`` thaws."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from falcohost.host.response.case import Case
from falcohost.host.response.cgroups import is_frozen, members, path_of
from falcohost.host.response.link import SupervisorLink
from falcohost.host.response.processes import cgroup_of
from falcohost.host.response.protection import Protection
from falcohost.host.response.target import Refusal, hold
from falcohost.host.supervision.loop import Loop

#: Seconds for which it is waited whether all processes have stopped, and between two looks.
WAITS: Final = 1.0
LOOKS: Final = 0.01


class Freezing:
    """Freezes cgroups of containers that *protection* does not protect.

    :param namespace: the pid namespace of the agent: whose processes are in it, that is no container.
    """

    def __init__(
        self, link: SupervisorLink, protection: Protection, loop: Loop, mount: Path | None, namespace: int
    ) -> None:
        self._link = link
        self._protection = protection
        self._loop = loop
        self._mount = mount
        self._namespace = namespace

    def stop(self, case: Case) -> None:
        """Freeze the cgroup of the process that the alert is about; that may have ended.

        :raises Refusal: nothing was done.
        :raises OSError: it cannot be frozen.
        """
        if self._mount is None:
            raise Refusal("there are no cgroups of version 2")
        number = None if case.subject is None else case.subject.cgroup
        if number is None:
            raise Refusal("the alert is about no process whose cgroup is known")
        path = path_of(self._mount, number, cgroup_of(case.pid))
        if path is None:
            raise Refusal(f"the cgroup {number} is gone")
        self._check(self._mount, path)
        if not case.begins(f"freeze the cgroup {path}"):
            return
        descriptor = self._link.open_freezer(path, number)
        try:
            os.write(descriptor, b"1")
        finally:
            os.close(descriptor)
        said = f"has frozen the cgroup {path}, {case.delay()}"
        self._await(case, path, said, self._loop.clock.monotonic() + WAITS)

    def _check(self, mount: Path, path: str) -> None:
        """Check that all processes in the cgroup at *path* are of a container, and that none is protected.

        :raises Refusal: one is not, or is.
        """
        if (why := self._protection.why_group(path)) is not None:
            raise Refusal(why)
        targets = [target for pid in members(mount, path) if (target := hold(pid)) is not None]
        try:
            for target, image in zip(targets, self._link.look([one.pid for one in targets]), strict=True):
                if target.ended:
                    continue
                if (why := self._protection.why(target, image)) is not None:
                    raise Refusal(f"process {target.pid} in the cgroup {path} is protected: {why}")
                if image is None or image.namespace == self._namespace:
                    raise Refusal(f"the cgroup {path} is no container's: process {target.pid} is one of the host")
        finally:
            for target in targets:
                target.close()

    def _await(self, case: Case, path: str, said: str, until: float) -> None:
        """Tell what has come of it once all processes have stopped, or some time later."""
        assert self._mount is not None
        if is_frozen(self._mount, path):
            case.tell("done", f"{said}; all its processes have stopped")
        elif self._loop.clock.monotonic() >= until:
            case.tell("failed", f"{said}; not all its processes had stopped {WAITS:.0f} s later")
        else:
            self._loop.after(LOOKS, lambda: self._await(case, path, said, until))
