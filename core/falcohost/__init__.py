"""falcohost: a plugin host for security events, with a rule engine compatible with Falco's rule language.

These are the public names. :mod:`falcohost.api` lists the other modules that a plugin may import.

A name is imported when it is first asked for, since an agent needs none before it executes itself anew.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falcohost.alert import Alert, AlertFormat, Priority, RuleMetadata
    from falcohost.errors import (
        AddressTaken,
        ConfigError,
        FalcohostError,
        OutputClosed,
        OutputError,
        OutputRefused,
        PluginError,
        RulesError,
        SourceError,
        UnknownValueError,
    )
    from falcohost.events import (
        Batch,
        Described,
        EarlyLoader,
        Event,
        HasActor,
        HasOwnTime,
        HasResources,
        HasSubject,
        MarkedSource,
        MeasuredSource,
        Partial,
        Plan,
        PreparedCache,
        RecordSource,
        Source,
        SourceLoader,
        Viewed,
        WritingSource,
    )
    from falcohost.fields import Arg, ArgKind, Compare, Field, FieldType
    from falcohost.hookspecs import EventParam, Output, OutputSpec, RetriedProblem, SourceSpec, StandsFor, hookimpl
    from falcohost.specs import CommandSpec, ConfigKey, DriverSpec, DropPolicy
    from falcohost.stats import SourceStats, TypeCount
    from falcohost.subject import ProcessSubject, ResourceSubject, Subject, UserSubject

__all__ = [
    "AddressTaken",
    "Alert",
    "AlertFormat",
    "Arg",
    "ArgKind",
    "Batch",
    "CommandSpec",
    "Compare",
    "ConfigError",
    "ConfigKey",
    "Described",
    "DriverSpec",
    "DropPolicy",
    "EarlyLoader",
    "Event",
    "EventParam",
    "FalcohostError",
    "Field",
    "FieldType",
    "HasActor",
    "HasOwnTime",
    "HasResources",
    "HasSubject",
    "MarkedSource",
    "MeasuredSource",
    "Output",
    "OutputClosed",
    "OutputError",
    "OutputRefused",
    "OutputSpec",
    "Partial",
    "Plan",
    "PluginError",
    "PreparedCache",
    "Priority",
    "ProcessSubject",
    "RecordSource",
    "ResourceSubject",
    "RetriedProblem",
    "RuleMetadata",
    "RulesError",
    "Source",
    "SourceError",
    "SourceLoader",
    "SourceSpec",
    "SourceStats",
    "StandsFor",
    "Subject",
    "TypeCount",
    "UnknownValueError",
    "UserSubject",
    "Viewed",
    "WritingSource",
    "hookimpl",
]

#: The modules with the public names, those that import the fewest others first.
_HOMES = ("errors", "subject", "stats", "fields", "alert", "events", "specs", "hookspecs")

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Return a public name, and keep it."""
        if name in __all__:
            for home in _HOMES:
                module = import_module(f"falcohost.{home}")
                if hasattr(module, name):
                    globals()[name] = getattr(module, name)
                    return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
