"""The action ``kill``: finds the process of an alert, signals it and what belongs to it, and sees what comes of it."""

from __future__ import annotations

import functools
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from falcohost.host.response.case import Case
from falcohost.host.response.killing import Group, Killed, Killing, Members, Tree
from falcohost.host.response.link import SupervisorLink
from falcohost.host.response.processes import cgroup_of, name_of
from falcohost.host.response.protection import Protection
from falcohost.host.response.target import Refusal, Target, find
from falcohost.host.supervision.loop import Loop

#: Seconds for which it is waited whether what was signalled ends.
WAITS: Final = 1.0

#: Signals after which a process is expected to end.
_ENDING: Final = frozenset({"SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGABRT"})

_WITH: Final = {"process": "", "tree": " and its descendants", "cgroup": " and all in its cgroup"}


class Signalling:
    """Signals what alerts are about, unless *protection* protects it; waits in *loop* for what comes of it.

    :param mount: where cgroups are mounted; None: nowhere.
    """

    def __init__(self, link: SupervisorLink, protection: Protection, loop: Loop, mount: Path | None) -> None:
        self._link = link
        self._protection = protection
        self._killing = Killing(link.look, protection)
        self._loop = loop
        self._mount = mount

    def kill(self, case: Case, settings: Mapping[str, Any]) -> None:
        """Send the signal in *settings*.

        :raises Refusal: nothing was done.
        :raises OSError: something may have been done, and failed.
        """
        number, scope = signal.Signals[settings["signal"]], str(settings["scope"])
        target = self._found(case)
        try:
            group = self._group(scope, target)
            what = f"{number.name} to process {target.pid} ({name_of(target.pid)}){_WITH[scope]}"
            killed = self._sent(case, number, target, group, what)
        except BaseException:
            target.close()
            raise
        if killed is None:
            target.close()
            return
        said = f"has sent {what}, {case.delay()}{_and(killed)}"
        if number.name in _ENDING:
            self._await_ends(case, killed, said)
        else:
            _close(killed.targets)
            case.tell("done", said)

    def _sent(
        self, case: Case, number: signal.Signals, target: Target, group: Group | None, what: str
    ) -> Killed | None:
        """Signal *target* and *group*; return None if it is only to be told.

        :raises Refusal: it has ended.
        """
        if not case.begins(f"send {what}"):
            return None
        killed = self._killing.one(target, number) if group is None else self._killing.all(target, number, group)
        if not killed.targets:
            raise Refusal(f"process {target.pid} has ended")
        return killed

    def _found(self, case: Case) -> Target:
        """Return the process that the alert is about.

        :raises Refusal: there is none, or it is protected.
        """
        subject = case.subject
        if subject is None:
            raise Refusal("the alert is about no process")
        target = find(subject, case.alert.time)
        try:
            (image,) = self._link.look([target.pid])
            if target.ended:  # so what was seen may be another one
                raise Refusal(f"process {target.pid} has ended")
            if image is not None and subject.pidns not in (None, image.namespace):
                raise Refusal(f"process {target.pid} is in another pid namespace than the alert says")
            if (why := self._protection.why(target, image)) is not None:
                raise Refusal(f"process {target.pid} is protected: {why}")
        except BaseException:
            target.close()
            raise
        return target

    def _group(self, scope: str, target: Target) -> Group | None:
        """Return what is signalled besides *target*.

        :raises Refusal: it is in no cgroup whose processes may be signalled.
        """
        if scope != "cgroup":
            return Tree() if scope == "tree" else None
        path = cgroup_of(target.pid)
        if self._mount is None or path is None:
            raise Refusal("there are no cgroups of version 2")
        if (why := self._protection.why_group(path)) is not None:
            raise Refusal(why)
        return Members(self._mount, path)

    def _await_ends(self, case: Case, killed: Killed, said: str) -> None:
        """Tell what has come of signals once all have ended, or some time later."""
        left = {target.descriptor: target for target in killed.targets}

        def ended(descriptor: int) -> None:
            self._loop.forget(descriptor)
            left.pop(descriptor).close()
            if not left:
                self._loop.cancel(timer)
                case.tell("done", f"{said}; {'it has' if len(killed.targets) == 1 else 'all have'} ended")

        def late() -> None:
            for descriptor in left:
                self._loop.forget(descriptor)
            _close(left.values())
            case.tell("failed", f"{said}; {len(left)} had not ended {WAITS:.0f} s later")

        timer = self._loop.after(WAITS, late)
        for descriptor in list(left):
            self._loop.watch(descriptor, functools.partial(ended, descriptor))


def _and(killed: Killed) -> str:
    """Return what more there is to say, in words."""
    count = len(killed.targets)
    found = f": {count} processes" if count > 1 else ""
    found += f"; {killed.spared} that are protected were spared" if killed.spared else ""
    return found + ("; there are more, which were not signalled" if killed.more else "")


def _close(targets: Iterable[Target]) -> None:
    for target in targets:
        target.close()
