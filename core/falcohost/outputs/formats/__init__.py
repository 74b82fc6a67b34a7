"""The forms in which outputs write alerts, one file each."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

from falcohost.alert import Alert, AlertFormat
from falcohost.engine.alerts import JsonOptions
from falcohost.outputs.lines import ConfiguredFormat

#: The names of the forms.
FORMATS: Final = ("text", "json", "ecs", "ocsf", "otlp")


@runtime_checkable
class Together(Protocol):
    """A form that has one of its own for several alerts."""

    def together(self, alerts: Sequence[Alert]) -> bytes:
        """Return *alerts* as one message."""


class Rejection(NamedTuple):
    """How many alerts of a request a receiver has rejected, though it took the request, and why."""

    alerts: int
    reason: str


@runtime_checkable
class Answered(Protocol):
    """A form whose receivers say in their answers what they have rejected."""

    def rejected(self, answer: str) -> Rejection:
        """Return what is rejected by *answer*, which a receiver gave with a status of success."""


def make_format(name: str, options: JsonOptions) -> AlertFormat:
    """Return the form with this *name*; *options*: the keys of Falco's JSON."""
    if name in ("text", "json"):
        return ConfiguredFormat(options if name == "json" else None)
    form: AlertFormat = importlib.import_module(f"falcohost.outputs.formats.{name}").make()
    return form


def together(form: AlertFormat, alerts: Sequence[Alert]) -> bytes:
    """Return *alerts* as one message: in a form of its own, or as a JSON array, or as lines."""
    if isinstance(form, Together):
        return form.together(alerts)
    lines = [form.line(alert) for alert in alerts]
    return b"[%s]" % b",".join(lines) if form.json else b"\n".join(lines)
