"""What a file of rule tests says: its tests, their events, and the rules that have to fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from falcohost.rules.results import Spot


@dataclass(frozen=True, slots=True)
class Expected:
    """A rule that has to fire.

    :ivar fields: values that fields of the event must have, by the names of the fields.
    :ivar output: the whole text of the alert; None: any.
    :ivar spot: where the test says so.
    """

    rule: str
    fields: Mapping[str, Any]
    output: str | None
    spot: Spot


@dataclass(frozen=True, slots=True)
class Part:
    """A capture, and the part of it that is read."""

    path: str
    begin: str | None
    end: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """One test.

    :ivar source: the source of its events, if the test or its file names one.
    :ivar records: the events, each as the text of one record.
    :ivar capture: a capture instead.
    :ivar command: what runs under a live agent instead.
    :ivar expected: the rules that have to fire.
    :ivar never: rules that must not fire.
    :ivar others: other rules may fire.
    :ivar each: every event alone has to meet what is expected.
    :ivar looked_up: the values of fields that only a running agent looks up.
    :ivar spot: where it begins.
    """

    name: str
    source: str | None
    records: tuple[bytes, ...]
    capture: Part | None
    command: tuple[str, ...]
    expected: tuple[Expected, ...]
    never: tuple[str, ...]
    others: bool
    each: bool
    looked_up: Mapping[str, Any]
    spot: Spot


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One file of tests.

    :ivar rules: the rules files that it names, as paths that can be opened; empty: those of the command line.
    """

    path: str
    rules: tuple[str, ...]
    cases: tuple[Case, ...] = field(default=())
