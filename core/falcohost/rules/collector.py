"""Collects lists, macros and rules: the current state of each, as items define, append to and override it.

The order matters: a name keeps the position of its first definition, and the moment of its last change decides which
macros and lists can use each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from falcohost.rules.codes import ErrorCode, WarningCode
from falcohost.rules.decode import did_you_mean
from falcohost.rules.definitions import (
    Definition,
    EnableDef,
    EngineRequirement,
    ExceptionDef,
    ListDef,
    MacroDef,
    PluginRequirement,
    PluginVersion,
    RuleDef,
    RuleUpdate,
)
from falcohost.rules.exceptions import FieldCheck, checked
from falcohost.rules.loaded import ANY
from falcohost.rules.places import Context
from falcohost.rules.results import FileResult, LoadFailure
from falcohost.rules.texts import SourceText
from falcohost.rules.versions import ENGINE_VERSION, Version, parse_version

_NO_LIST = "List uses 'append' or 'override.items: append' but no list by that name already exists"
_NO_MACRO = "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists"
_NO_RULE_TO_APPEND = "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists"
_NO_RULE_TO_REPLACE = "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists"
_NO_RULE_TO_ENABLE = "Rule has 'enabled' key but no rule by that name already exists"

#: Returns the check of fields of a source, or None if nothing provides that source.
FieldChecks = Callable[[str], FieldCheck | None]


def _refused(message: str, context: Context, *, hint: str | None = None) -> LoadFailure:
    return LoadFailure(ErrorCode.LOAD_ERR_VALIDATE, message, context, hint=hint)


class Collector:
    """Takes definitions one by one.

    :param field_checks: tells whether a source is known, and checks the fields of its exceptions.
    :param sources: the names of the sources that are known.
    :param source_hints: for an unknown source, how to get it.

    :ivar broken: names of the refused items of each kind, so that items that use them get no error of their own.
    """

    def __init__(self, field_checks: FieldChecks, sources: Iterable[str], source_hints: Mapping[str, str]) -> None:
        self._field_checks = field_checks
        self._sources = tuple(sources)
        self._source_hints = source_hints
        self._clock = 0
        self.lists: dict[str, ListDef] = {}
        self.macros: dict[str, MacroDef] = {}
        self.rules: dict[str, RuleDef] = {}
        self.engine_version = Version()
        self.plugin_requirements: list[tuple[PluginVersion, ...]] = []
        self.broken: dict[str, set[str]] = {"list": set(), "macro": set(), "rule": set()}

    def take(self, definition: Definition, result: FileResult) -> None:
        """Apply *definition*; warnings go to *result*.

        :raises LoadFailure: it cannot be applied.
        """
        match definition:
            case ListDef():
                self._take_list(definition)
            case MacroDef():
                self._take_macro(definition)
            case RuleDef():
                self._define_rule(definition, result)
            case RuleUpdate():
                self._update_rule(definition)
            case EnableDef():
                self._enable_rule(definition)
            case EngineRequirement():
                self._require_engine(definition)
            case PluginRequirement() if result.ok:
                # Falco stops reading at an error, so a requirement that it has not seen must not hide the error.
                self._require_plugin(definition)

    def give_up(self, context: Context) -> None:
        """Remember that the item at *context* was refused."""
        for kind, names in self.broken.items():
            name = context.named(kind)
            if name is not None:
                names.add(name)

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _take_list(self, new: ListDef) -> None:
        old = self.lists.get(new.name)
        if new.append and old is None:
            self._check_missing("list", new.name, self.lists, _NO_LIST, new.context)
            return
        now = self._tick()
        if old is None:
            self.lists[new.name] = replace(new, index=now, touched=now)
        elif new.append:
            self.lists[new.name] = replace(old, items=old.items + new.items, touched=now)
        else:
            self.lists[new.name] = replace(new, index=old.index, touched=now)

    def _take_macro(self, new: MacroDef) -> None:
        old = self.macros.get(new.name)
        if new.append and old is None:
            self._check_missing("macro", new.name, self.macros, _NO_MACRO, new.context)
            return
        now = self._tick()
        if old is None:
            self.macros[new.name] = replace(new, index=now, touched=now)
        elif new.append:
            self.macros[new.name] = replace(old, condition=old.condition.plus(new.condition), touched=now)
        else:
            self.macros[new.name] = replace(new, index=old.index, touched=now)

    def _check_missing(self, kind: str, name: str, known: Mapping[str, object], message: str, context: Context) -> None:
        """Raise an error that *name* does not exist, unless its definition was refused."""
        if name not in self.broken[kind]:
            raise _refused(message, context, hint=did_you_mean(name, known))

    def _define_rule(self, new: RuleDef, result: FileResult) -> None:
        old = self._same_source(new.name, new.source, new.context)
        check = self._field_checks(new.source)
        if check is None:
            message = f"Unknown source {new.source}, skipping"
            hints = self._source_hints
            hint = hints.get(new.source) or did_you_mean(new.source, self._sources) or hints.get(ANY)
            result.warn(WarningCode.LOAD_UNKNOWN_SOURCE, message, new.context, hint=hint)
        exceptions = []
        for exception in new.exceptions:
            if not exception.fields.given:
                message = "Rule exception item must have fields property with a list of fields"
                raise _refused(message, exception.context)
            exceptions.append(checked(exception, check))
        now = self._tick()
        self.rules[new.name] = replace(
            new,
            exceptions=tuple(exceptions),
            unknown_source=check is None,
            index=old.index if old else now,
            touched=now,
        )

    def _same_source(self, name: str, source: str, context: Context) -> RuleDef | None:
        old = self.rules.get(name)
        if old is not None and source and old.source != source:
            raise _refused("Rule has been re-defined with a different source", context)
        return old

    def _update_rule(self, update: RuleUpdate) -> None:
        old = self._same_source(update.name, update.source, update.context)
        if old is None:
            message = _NO_RULE_TO_APPEND if update.append else _NO_RULE_TO_REPLACE
            self._check_missing("rule", update.name, self.rules, message, update.context)
            return
        if update.empty:
            raise _refused("Appended rule must have exceptions or condition property", update.context)
        changed = self._appended(old, update) if update.append else _replaced(old, update)
        self.rules[update.name] = replace(changed, touched=self._tick())

    def _appended(self, old: RuleDef, update: RuleUpdate) -> RuleDef:
        description = old.description
        if update.description is not None:
            description = f"{description} {update.description}"
        return replace(
            old,
            condition=_joined(old.condition, update.condition),
            output=_joined(old.output, update.output),
            description=description,
            tags=tuple(sorted({*old.tags, *(update.tags or ())})),
            exceptions=self._appended_exceptions(old, update.exceptions or ()),
        )

    def _appended_exceptions(self, old: RuleDef, more: tuple[ExceptionDef, ...]) -> tuple[ExceptionDef, ...]:
        found = list(old.exceptions)
        check = None if old.unknown_source else self._field_checks(old.source)
        for exception in more:
            index = next((i for i, other in enumerate(found) if other.name == exception.name), None)
            if index is None:
                found.append(_new_exception(exception, check))
            else:
                found[index] = _with_values(found[index], exception)
        return tuple(found)

    def _enable_rule(self, switch: EnableDef) -> None:
        old = self.rules.get(switch.name)
        if old is None:
            self._check_missing("rule", switch.name, self.rules, _NO_RULE_TO_ENABLE, switch.context)
            return
        self.rules[switch.name] = replace(old, enabled=switch.enabled)

    def _require_engine(self, requirement: EngineRequirement) -> None:
        if not ENGINE_VERSION.will_do_for(requirement.version):
            message = f"Rules require engine version {requirement.version}, but engine version is {ENGINE_VERSION}"
            raise _refused(message, requirement.context)
        self.engine_version = max(self.engine_version, requirement.version)

    def _require_plugin(self, requirement: PluginRequirement) -> None:
        names: set[str] = set()
        for plugin in requirement.alternatives:
            if parse_version(plugin.version) is None:
                message = f"Invalid required version '{plugin.version}' for plugin '{plugin.name}'"
                raise _refused(message, requirement.context)
            if plugin.name in names:
                message = f"Defined multiple alternative version requirements for plugin '{plugin.name}'"
                raise _refused(message, requirement.context)
            names.add(plugin.name)
        self.plugin_requirements.append(requirement.alternatives)


def _joined(old: SourceText, more: SourceText | None) -> SourceText:
    return old if more is None else old.plus(more)


def _new_exception(exception: ExceptionDef, check: FieldCheck | None) -> ExceptionDef:
    if not exception.fields.given:
        message = "Rule exception must have fields property with a list of fields"
        raise _refused(message, exception.context)
    if not exception.values:
        message = "Rule exception must have values property with a list of values"
        raise _refused(message, exception.context)
    return checked(exception, check)


def _with_values(old: ExceptionDef, more: ExceptionDef) -> ExceptionDef:
    for what, entry in (("fields", more.fields), ("comps", more.comps)):
        if entry.given:
            message = f"Can not append exception {what} to existing exception, only values"
            raise _refused(message, more.context)
    return replace(old, values=old.values + more.values)


def _replaced(old: RuleDef, update: RuleUpdate) -> RuleDef:
    """Return *old* with the properties that *update* has. As in Falco, its exceptions are not checked."""
    changes: dict[str, Any] = {
        "condition": update.condition,
        "output": update.output,
        "description": update.description,
        "priority": update.priority,
        "enabled": update.enabled,
        "tags": update.tags,
        "exceptions": update.exceptions,
        "warn_evttypes": update.warn_evttypes,
        "skip_if_unknown_filter": update.skip_if_unknown_filter,
        "capture": update.capture,
        "capture_duration": update.capture_duration,
    }
    return replace(old, **{key: value for key, value in changes.items() if value is not None})
