"""falcohost: a plugin host for security events, with a rule engine compatible with Falco's rule language.

These are the public names; a plugin needs nothing else, and its tests use :mod:`falcohost.testing`.
"""

from falcohost.alert import Alert, Priority
from falcohost.errors import ConfigError, FalcohostError, OutputError, PluginError, RulesError, SourceError
from falcohost.events import Batch, Event, MeasuredSource, Plan, Source
from falcohost.fields import ArgKind, Compare, Field, FieldType
from falcohost.hookspecs import Output, OutputSpec, SourceSpec, StandsFor, hookimpl
from falcohost.stats import SourceStats, TypeCount

__all__ = [
    "Alert",
    "ArgKind",
    "Batch",
    "Compare",
    "ConfigError",
    "Event",
    "FalcohostError",
    "Field",
    "FieldType",
    "MeasuredSource",
    "Output",
    "OutputError",
    "OutputSpec",
    "Plan",
    "PluginError",
    "Priority",
    "RulesError",
    "Source",
    "SourceError",
    "SourceSpec",
    "SourceStats",
    "StandsFor",
    "TypeCount",
    "hookimpl",
]
