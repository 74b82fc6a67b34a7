"""Describes the loaded rules, for ``-L`` and ``-l RULE``: as an object for JSON, or as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from falcohost.engine.catalog import Catalog
from falcohost.engine.texts import printable, printable_lines
from falcohost.errors import RulesError
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.lang.parser import parse
from falcohost.lang.printer import to_text
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import Node
from falcohost.rules.definitions import Entry, ExceptionDef, ListDef, MacroDef, RuleDef
from falcohost.rules.details import (
    ConditionDetails,
    condition_details,
    condition_event_types,
    output_names,
    type_fields,
)
from falcohost.rules.loader import LoadOutcome
from falcohost.rules.rule_compiler import CompiledRule

_INDENT, _WIDTH = 51, 110


@dataclass(frozen=True, slots=True)
class PluginUse:
    """The sources and fields of the plugin *name*, which tell whether a rule uses it.

    :ivar sources: the event sources that it opens.
    :ivar fields: by event source, the names of its fields.
    """

    name: str
    sources: frozenset[str] = frozenset()
    fields: Mapping[str, frozenset[str]] | None = None


class Describer:
    """Describes the rules of *outcome*.

    :param event_types: by source, all values that ``evt.type`` can have.
    :param actions: by rule, what is done about its alerts; rules without actions are described as Falco does.
    """

    def __init__(
        self,
        outcome: LoadOutcome,
        catalogs: Mapping[str, Catalog],
        event_types: Mapping[str, frozenset[str]],
        plugins: Iterable[PluginUse] = (),
        actions: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._collector = outcome.collector
        self._compiled = outcome.compiled
        self._catalogs = catalogs
        self._event_types = event_types
        self._plugins = tuple(plugins)
        self._actions = actions

    def everything(self) -> dict[str, object]:
        """Return the description of all rules, macros and lists; the caller sorts the keys."""
        return {
            "required_engine_version": str(self._collector.engine_version),
            "required_plugin_versions": [
                {
                    "name": first.name,
                    "version": first.version,
                    "alternatives": [{"name": other.name, "version": other.version} for other in others],
                }
                for first, *others in self._collector.plugin_requirements
            ],
            "rules": [self._rule(rule) for rule in self._compiled.rules],
            "macros": [self._macro(macro) for macro in self._collector.macros.values()],
            "lists": [self._list(found) for found in self._collector.lists.values()],
        }

    def rule(self, name: str) -> dict[str, object]:
        """Return the description of the rule *name*.

        :raises RulesError: it is not loaded.
        """
        for rule in self._compiled.rules:
            if rule.definition.name == name:
                return {"rules": [self._rule(rule)]}
        raise RulesError(f'Rule "{name}" is not loaded')

    def _rule(self, compiled: CompiledRule) -> dict[str, object]:
        rule, output = compiled.definition, compiled.output
        assert compiled.tree is not None
        written = self._details(rule.condition.value)
        whole = condition_details(compiled.tree, self._collector.macros, self._collector.lists)
        formats = [form or f"%{name}" for name, form in output.fields.items()]
        fields = [*formats, *output_names(output.text, self._catalogs[rule.source])]
        details: dict[str, object] = {
            "macros": sorted(written.macros),
            "lists": sorted(written.lists),
            "condition_operators": sorted(whole.operators),
            "condition_fields": sorted(whole.fields),
            "output_fields": fields,
            "exception_fields": sorted(compiled.exception_fields),
            "exception_names": sorted({exception.name for exception in rule.exceptions}),
            "exception_operators": sorted(_operators(rule.exceptions)),
            "events": self._events(compiled, rule.source),
            "condition_compiled": to_text(compiled.tree),
            "output_compiled": output.text,
            "plugins": self._used_plugins(rule.source, {*whole.fields, *fields}),
        }
        formatted = {name: form for name, form in output.fields.items() if form is not None}
        if formatted:
            details["extra_output_formatted_fields"] = formatted
        if actions := self._actions.get(rule.name):
            details["actions"] = list(actions)
        return {"info": _rule_info(rule), "details": details}

    def _events(self, compiled: CompiledRule, source: str) -> list[str]:
        if source != DEFAULT_SOURCE:
            return ["asyncevent", "pluginevent"]
        assert compiled.tree is not None
        return self._own_events(compiled.tree)

    @property
    def _universe(self) -> frozenset[str]:
        return self._event_types.get(DEFAULT_SOURCE, frozenset())

    def _own_events(self, tree: Node) -> list[str]:
        names = type_fields(self._catalogs.get(DEFAULT_SOURCE))
        return sorted(condition_event_types(tree, self._universe, names) | {"asyncevent"})

    def _macro(self, macro: MacroDef) -> dict[str, object]:
        tree = self._compiled.macros[macro.name]
        written = self._details(macro.condition.value)
        whole = condition_details(tree, self._collector.macros, self._collector.lists)
        return {
            "info": {"name": macro.name, "condition": macro.condition.value},
            "details": {
                "used": macro.name in self._compiled.used["macro"],
                "macros": sorted(written.macros),
                "lists": sorted(written.lists),
                "condition_operators": sorted(whole.operators),
                "condition_fields": sorted(whole.fields),
                "events": self._own_events(tree),
                "condition_compiled": to_text(tree),
                "plugins": [],
            },
        }

    def _list(self, found: ListDef) -> dict[str, object]:
        """Return the description of a list; an item missing after the expansion was the name of a list."""
        items = self._compiled.lists[found.name]
        return {
            "info": {"name": found.name, "items": [item for item in found.items if item in items]},
            "details": {
                "used": found.name in self._compiled.used["list"],
                "lists": sorted({item for item in found.items if item not in items}),
                "items_compiled": list(items),
                "plugins": [],
            },
        }

    def _details(self, condition: str) -> ConditionDetails:
        """Return the names in *condition* as it was written, before lists are replaced."""
        try:
            tree = parse(condition)
        except ConditionSyntaxError:
            return ConditionDetails()
        return condition_details(tree, self._collector.macros, self._collector.lists)

    def _used_plugins(self, source: str, fields: Iterable[str]) -> list[str]:
        names = {field.partition("[")[0] for field in fields}
        return sorted(
            plugin.name
            for plugin in self._plugins
            if source in plugin.sources or names & (plugin.fields or {}).get(source, frozenset())
        )


def _rule_info(rule: RuleDef) -> dict[str, object]:
    return {
        "name": rule.name,
        "condition": rule.condition.value,
        "priority": rule.priority.label,
        "output": rule.output.value,
        "description": rule.description,
        "enabled": rule.enabled,
        "source": rule.source,
        "capture": rule.capture,
        "capture_duration": rule.capture_duration,
        "tags": list(rule.tags),
    }


def _operators(exceptions: Sequence[ExceptionDef]) -> set[str]:
    def leaves(entry: Entry) -> Iterable[str]:
        return (leaf for item in entry.items for leaf in leaves(item)) if entry.is_list else (entry.item,)

    return {operator for exception in exceptions for operator in leaves(exception.comps)}


def description_table(description: Mapping[str, object]) -> str:
    """Return the table of rules and their descriptions that ``-L`` prints without ``json_output``."""
    lines = [_row("Rule", "Description"), _row("----", "-----------")]
    rules = description["rules"]
    assert isinstance(rules, list)
    for rule in rules:
        lines.append(_row(printable(rule["info"]["name"]), printable_lines(_wrapped(rule["info"]["description"]))))
        if actions := rule["details"].get("actions"):
            lines.append(_row("", printable_lines(_wrapped(f"Actions: {', '.join(actions)}"))))
        lines.append("")
    return "\n".join(lines)


def _row(left: str, right: str) -> str:
    return f"{left:<50} {right}"


def _wrapped(text: str) -> str:
    """Return *text* in lines of 59 characters, with a blank after each word and all lines but the first indented."""
    lines, length = [""], 0
    for word in text.split():
        if length + len(word) + 1 > _WIDTH - _INDENT:
            lines.append(" " * _INDENT)
            length = 0
        lines[-1] += word + " "
        length += len(word) + 1
    return "\n".join(lines)
