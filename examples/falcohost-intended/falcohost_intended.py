"""A dry-run action: writes what it would do about the subjects of alerts, and raises an alert that says so.

A real action would act in :meth:`Intended.take`. After a crash the last alerts come again, so acting twice has to have
the same effect as once; the start time tells a process from a later one with the same id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from falcohost import Alert, ConfigError, Priority, ProcessSubject, Subject, UserSubject, hookimpl
from falcohost.appending import open_appending
from falcohost.subscriber import Answer, NewAlert, SubscriberSpec

falcohost_api = 1


class Intended:
    """Appends a line of JSON to *path* for each subject of an alert of one of *rules*."""

    def __init__(self, path: Path, rules: Iterable[str]) -> None:
        self._file = os.fdopen(open_appending(path), "a", encoding="utf-8")
        self._rules = frozenset(rules)

    @classmethod
    def from_config(cls, settings: Mapping[str, Any], state: bytes | None) -> Intended:
        """Make one from the plugin's ``init_config``: ``filename`` and ``rules``, the names of those it is about."""
        if not settings.get("filename") or not isinstance(settings.get("rules"), list):
            raise ConfigError("intended: init_config has to have filename, a path, and rules, a list of names")
        return cls(Path(str(settings["filename"])), map(str, settings["rules"]))

    def take(self, alerts: Sequence[Alert]) -> Answer:
        """Write what is to be done, and answer alerts about it."""
        found = [(alert, subject) for alert in alerts if alert.rule in self._rules for subject in alert.subjects]
        if not found:
            return Answer()
        self._file.writelines(
            json.dumps({"alert": alert.id, "do": intention(subject)}) + "\n" for alert, subject in found
        )
        self._file.flush()
        return Answer([self._report(alert, subject) for alert, subject in found])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _report(self, alert: Alert, subject: Subject) -> NewAlert:
        return NewAlert(
            rule="Action intended",
            priority=Priority.NOTICE,
            message=f"Would {intention(subject)}, because of: {alert.rule}",
            fields={"intended.alert": alert.id, "intended.why": alert.metadata.description},
            subjects=(subject,),
            time=alert.time,
        )


def intention(subject: Subject) -> str:
    """Return what would be done about *subject*."""
    if isinstance(subject, ProcessSubject):
        return f"kill process {subject.pid}, which began at {subject.start}"
    if isinstance(subject, UserSubject):
        return f"lock out {subject.kind} {subject.name}"
    return f"close {subject.kind} {subject.name}"


@hookimpl
def falcohost_subscribers() -> Iterable[SubscriberSpec]:
    """Offer the action."""
    return [
        SubscriberSpec(
            name="intended",
            description="Writes what it would do about alerts.",
            make=Intended.from_config,
            files=lambda settings: [str(settings.get("filename", ""))],
        )
    ]
