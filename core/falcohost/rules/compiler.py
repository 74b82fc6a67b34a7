"""Compiles the collected rules: expands lists, turns conditions into IR and outputs into templates.

A rule that cannot be compiled does not stop the others; each failure is added to the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from falcohost.engine.catalog import Catalog
from falcohost.lang.tree import Node
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.codes import WarningCode
from falcohost.rules.collector import Collector
from falcohost.rules.conditions import BlamedElsewhere, ConditionReader
from falcohost.rules.lists import expand_items
from falcohost.rules.pace import paced
from falcohost.rules.results import FileResult, LoadFailure
from falcohost.rules.rule_compiler import CompiledRule, RuleCompiler, Universes


@dataclass(slots=True)
class Compiled:
    """The result of the last compilation.

    :ivar lists: the items of each list, with nested lists expanded.
    :ivar macros: the tree of each macro, with nested macros expanded.
    :ivar used: names of the lists and of the macros that are used.
    """

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    macros: Mapping[str, Node] = field(default_factory=dict)
    rules: Sequence[CompiledRule] = ()
    used: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Compiler:
    """Compiles the content of a collector, again after each file added to it.

    :param catalogs: the fields of each source.
    :param universes: the event types of each source.
    :param extras: the configured additions to outputs.
    :param lists: lists that items of lists may name although no file defines them.
    """

    def __init__(
        self,
        catalogs: Mapping[str, Catalog],
        universes: Universes,
        extras: Sequence[AppendOutput],
        lists: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        self._lists = lists
        self._conditions = ConditionReader()
        self._rules = RuleCompiler(catalogs, universes, extras, self._conditions)

    def compile(self, collector: Collector, result: FileResult) -> Compiled:
        """Compile the content of *collector*; errors and warnings go to *result*."""
        items, used_lists = expand_items(collector.lists, self._lists)
        broken = collector.broken["macro"] - collector.macros.keys()
        self._conditions.begin(items, collector.lists, collector.macros, broken)
        self._parse_macros(collector, result)
        self._resolve_macros(collector, result)
        rules = [
            self._rules.compile(rule)
            for rule in paced("Compiling rules", collector.rules.values())
            if not rule.unknown_source
        ]
        for rule in rules:
            result.errors += rule.errors
            result.warnings += rule.warnings
        used = {
            "list": frozenset(used_lists | self._conditions.used_lists),
            "macro": frozenset(self._conditions.used_macros),
        }
        if result.ok:
            _warn_of_unused(collector, used, result)
        return Compiled(items, dict(self._conditions.trees), [rule for rule in rules if rule.rule], used)

    def _parse_macros(self, collector: Collector, result: FileResult) -> None:
        for macro in collector.macros.values():
            try:
                parsed = self._conditions.parse(("macro", macro.name), macro.condition, macro.condition_context)
            except LoadFailure as failure:
                result.fail(failure)
                self._conditions.failed_macros.add(macro.name)
            else:
                self._conditions.add_macro(macro.name, parsed)

    def _resolve_macros(self, collector: Collector, result: FileResult) -> None:
        for macro in collector.macros.values():
            parsed = self._conditions.origins.parsed.get(macro.name)
            if parsed is None:
                continue
            try:
                resolved = self._conditions.resolve(("macro", macro.name), parsed, macro.context, before=macro.touched)
            except LoadFailure as failure:
                result.fail(failure)
            except BlamedElsewhere:
                pass
            else:
                self._conditions.trees[macro.name] = resolved.expansion.tree
                continue
            self._conditions.failed_macros.add(macro.name)
            del self._conditions.trees[macro.name]


def _warn_of_unused(collector: Collector, used: Mapping[str, frozenset[str]], result: FileResult) -> None:
    for macro in collector.macros.values():
        if macro.name not in used["macro"]:
            message = "Macro not referred to by any other rule/macro"
            result.warn(WarningCode.LOAD_UNUSED_MACRO, message, macro.context)
    for found in collector.lists.values():
        if found.name not in used["list"]:
            message = "List not referred to by any other rule/macro"
            result.warn(WarningCode.LOAD_UNUSED_LIST, message, found.context)
