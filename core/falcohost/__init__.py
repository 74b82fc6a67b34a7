"""falcohost: a plugin host for security events, with a rule engine compatible with Falco's rule language.

These are the public names. :mod:`falcohost.api` lists the other modules that a plugin may import.
"""

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
    Event,
    HasActor,
    HasResources,
    HasSubject,
    MarkedSource,
    MeasuredSource,
    Partial,
    Plan,
    Source,
    SourceLoader,
    Viewed,
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
    "Event",
    "EventParam",
    "FalcohostError",
    "Field",
    "FieldType",
    "HasActor",
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
    "Priority",
    "ProcessSubject",
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
    "hookimpl",
]
