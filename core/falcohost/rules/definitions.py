"""The definitions of a rules file as they were read: lists, macros, rules, changes to rules, and requirements.

Nothing is compiled here. The collector keeps the current state of each name in these objects, and replaces them when
later items append or override.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from falcohost.alert import Priority
from falcohost.engine.ruleset import BoundAction
from falcohost.rules.places import Context
from falcohost.rules.texts import Scalar, SourceText
from falcohost.rules.versions import Version


class EngineRequirement(Struct, frozen=True, kw_only=True):
    """``required_engine_version``."""

    version: Version
    context: Context


class PluginVersion(Struct, frozen=True):
    """A plugin and its version, required or present."""

    name: str
    version: str


class PluginRequirement(Struct, frozen=True, kw_only=True):
    """One entry of ``required_plugin_versions``: the plugin, then its alternatives."""

    alternatives: tuple[PluginVersion, ...]
    context: Context


class ListDef(Struct, frozen=True, kw_only=True):
    """A list. *append*: the item adds to the existing list of that name.

    :ivar index: when the name was first defined; *touched*: when it was last defined or appended to.
    """

    name: str
    items: tuple[str, ...]
    context: Context
    append: bool = False
    index: int = 0
    touched: int = 0


class MacroDef(Struct, frozen=True, kw_only=True):
    """A macro; see :class:`ListDef`."""

    name: str
    condition: SourceText
    context: Context
    condition_context: Context
    append: bool = False
    index: int = 0
    touched: int = 0


class Entry(Struct, frozen=True):
    """A part of an exception that is a string or a list: a field, an operator, a value."""

    item: str = ""
    items: tuple[Entry, ...] = ()
    is_list: bool = False
    scalar: Scalar | None = None

    @property
    def given(self) -> bool:
        """Return whether it has any content."""
        return bool(self.items) if self.is_list else bool(self.item)


class ExceptionDef(Struct, frozen=True, kw_only=True):
    """An exception of a rule."""

    name: str
    fields: Entry
    comps: Entry
    values: tuple[Entry, ...]
    context: Context


class RuleDef(Struct, frozen=True, kw_only=True):
    """A complete rule."""

    name: str
    condition: SourceText
    output: SourceText
    description: str
    priority: Priority
    source: str
    context: Context
    condition_context: Context
    output_context: Context
    enabled: bool = True
    tags: tuple[str, ...] = ()
    exceptions: tuple[ExceptionDef, ...] = ()
    actions: tuple[BoundAction, ...] = ()
    warn_evttypes: bool = True
    skip_if_unknown_filter: bool = False
    capture: bool = False
    capture_duration: int = 0
    unknown_source: bool = False
    index: int = 0
    touched: int = 0


class RuleUpdate(Struct, frozen=True, kw_only=True):
    """A change to an existing rule; None keeps the property as it is.

    :ivar append: add to the properties; else replace them.
    """

    name: str
    append: bool
    context: Context
    source: str = ""
    condition: SourceText | None = None
    output: SourceText | None = None
    description: str | None = None
    priority: Priority | None = None
    enabled: bool | None = None
    tags: tuple[str, ...] | None = None
    exceptions: tuple[ExceptionDef, ...] | None = None
    warn_evttypes: bool | None = None
    skip_if_unknown_filter: bool | None = None
    capture: bool | None = None
    capture_duration: int | None = None

    @property
    def empty(self) -> bool:
        """Return whether it changes nothing."""
        changes = (self.condition, self.output, self.description, self.priority, self.enabled, self.tags)
        others = (self.exceptions, self.warn_evttypes, self.skip_if_unknown_filter, self.capture, self.capture_duration)
        return all(change is None for change in (*changes, *others))


class EnableDef(Struct, frozen=True, kw_only=True):
    """An item with only ``enabled``: switches an existing rule on or off."""

    name: str
    enabled: bool
    context: Context


Definition: TypeAlias = EngineRequirement | PluginRequirement | ListDef | MacroDef | RuleDef | RuleUpdate | EnableDef
