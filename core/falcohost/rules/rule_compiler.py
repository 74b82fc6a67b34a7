"""Compiles one rule: adds its exceptions, and checks condition and output against the fields of its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import Expr
from falcohost.engine.remarks import DEPRECATED_FIELDS, Remark, tree_remarks
from falcohost.engine.ruleset import Rule
from falcohost.engine.template import Template
from falcohost.engine.typecheck import TypeChecker
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.lang.tree import Node
from falcohost.rules.append_output import AppendOutput, RuleOutput, whole_output
from falcohost.rules.codes import ErrorCode, WarningCode
from falcohost.rules.conditions import BlamedElsewhere, ConditionReader, Resolved
from falcohost.rules.decode import did_you_mean
from falcohost.rules.definitions import RuleDef
from falcohost.rules.exceptions import with_exceptions
from falcohost.rules.origins import enclosing_check
from falcohost.rules.places import Context
from falcohost.rules.results import LoadFailure, Problem
from falcohost.rules.texts import SourceText
from falcohost.rules.unreachable import never_fires, never_matches, too_many_event_types
from falcohost.rules.wording import said

_CONTAINER_INFO = (
    "%container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. The container plugin will "
    "automatically add required fields to the output message."
)


@dataclass(slots=True)
class CompiledRule:
    """The result of compiling a rule.

    :ivar rule: None if there is an error, or if the rule is skipped because a field is unknown.
    :ivar tree: the condition with exceptions added, and with lists and macros expanded.
    :ivar exception_fields: fields of the exceptions that have values.
    :ivar never: why the rule can never fire; "" if it may.
    :ivar costs: why it costs much, for each event type that does.
    """

    definition: RuleDef
    output: RuleOutput
    exception_fields: frozenset[str] = frozenset()
    rule: Rule | None = None
    tree: Node | None = None
    never: str = ""
    costs: tuple[str, ...] = ()
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def warn(self, code: WarningCode, message: str, context: Context, *, about: str | None = None) -> None:
        """Add a warning; *about* is the deprecated field."""
        self.warnings.append(Problem(code=code, message=message, context=context, field=about))


class _LeftOut(Exception):
    """The rule is skipped: it uses something unknown, and it has ``skip-if-unknown-filter``."""


@dataclass(frozen=True, slots=True)
class _Spliced:
    """The condition of *rule* with its exceptions; kept, so that equal conditions are the same object."""

    rule: RuleDef
    condition: SourceText
    fields: frozenset[str]


class Universes(NamedTuple):
    """The event types of sources.

    :ivar types: by source, all values that ``evt.type`` can have, if they are known.
    :ivar costly: by source and event type, what rules cost that name it.
    """

    types: Mapping[str, frozenset[str]]
    costly: Mapping[str, Mapping[str, str]]


class RuleCompiler:
    """Compiles rules, and reuses the result as long as no part of the rule changes."""

    def __init__(
        self,
        catalogs: Mapping[str, Catalog],
        universes: Universes,
        extras: Sequence[AppendOutput],
        conditions: ConditionReader,
    ) -> None:
        self._catalogs = catalogs
        self._checkers = {source: TypeChecker(catalog) for source, catalog in catalogs.items()}
        self._universes, self._costly = universes
        self._extras = extras
        self._conditions = conditions
        self._spliced: dict[str, _Spliced] = {}
        self._done: dict[str, tuple[Resolved, CompiledRule]] = {}
        self._templates: dict[tuple[str, str, tuple[str | tuple[str, str], ...]], Template] = {}

    def compile(self, rule: RuleDef) -> CompiledRule:
        """Compile *rule* with the current lists and macros."""
        catalog = self._catalogs[rule.source]
        compiled = CompiledRule(rule, whole_output(rule, self._extras, catalog))
        try:
            spliced = self._splice(rule)
        except LoadFailure as failure:
            compiled.errors.append(failure.problem)
            return compiled
        compiled.exception_fields = spliced.fields
        found = self._condition(spliced)
        if isinstance(found, Resolved):
            resolved, old = self._done.get(rule.name, (None, None))
            if old is not None and resolved is found and old.definition is rule:
                return old
        with suppress(_LeftOut):
            self._finish(compiled, spliced, found, catalog)
        if isinstance(found, Resolved):
            self._done[rule.name] = (found, compiled)
        return compiled

    def _splice(self, rule: RuleDef) -> _Spliced:
        old = self._spliced.get(rule.name)
        if old is not None and old.rule is rule:
            return old
        condition, fields = with_exceptions(rule.condition, rule.exceptions)
        self._spliced[rule.name] = _Spliced(rule, condition, frozenset(fields))
        return self._spliced[rule.name]

    def _condition(self, spliced: _Spliced) -> Resolved | LoadFailure | BlamedElsewhere:
        """Return the condition with lists and macros expanded, or why that failed."""
        rule, key = spliced.rule, ("rule", spliced.rule.name)
        try:
            parsed = self._conditions.parse(key, spliced.condition, rule.condition_context)
            return self._conditions.resolve(key, parsed, rule.context)
        except (LoadFailure, BlamedElsewhere) as failure:
            return failure

    def _finish(
        self,
        compiled: CompiledRule,
        spliced: _Spliced,
        found: Resolved | LoadFailure | BlamedElsewhere,
        catalog: Catalog,
    ) -> None:
        template = self._template(compiled, catalog)
        if isinstance(found, LoadFailure):
            compiled.errors.append(found.problem)
        if not isinstance(found, Resolved):
            return
        expr = self._expr(compiled, spliced, found)
        compiled.tree = found.expansion.tree
        if template is None or expr is None:
            return
        rule = compiled.definition
        compiled.rule = Rule(
            name=rule.name,
            source=rule.source,
            priority=rule.priority,
            tags=rule.tags,
            description=rule.description,
            condition=expr,
            output=template,
            event_types=event_types(expr, self._universes.get(rule.source)),
            enabled=rule.enabled,
            file=rule.context.file.name,
            exceptions=tuple(exception.name for exception in rule.exceptions),
            actions=rule.actions,
            capture=rule.capture,
            capture_duration=rule.capture_duration,
        )
        self._warn(compiled, compiled.rule)

    def _warn(self, compiled: CompiledRule, rule: Rule) -> None:
        """Warn of a rule that can never fire, or that costs much."""
        place = compiled.definition.condition_context
        compiled.never = never_fires(rule.condition, rule.event_types, self._universes.get(rule.source))
        if compiled.never:
            compiled.warn(WarningCode.LOAD_COMPILE_CONDITION, f"the rule can never fire: {compiled.never}", place)
            return
        costly = self._costly.get(rule.source, {})
        for name in sorted(costly.keys() & (rule.event_types or frozenset())):
            compiled.costs += (f"{name} {costly[name]}",)
            compiled.warn(WarningCode.LOAD_COMPILE_CONDITION, f"the rule costs much: {name} {costly[name]}", place)

    def _template(self, compiled: CompiledRule, catalog: Catalog) -> Template | None:
        rule, output = compiled.definition, compiled.output
        if output.had_container_info:
            compiled.warn(WarningCode.LOAD_DEPRECATED_ITEM, _CONTAINER_INFO, rule.context)
        extra = [name if form is None else (name, form) for name, form in output.fields.items()]
        try:
            template = self._parsed(output.text, tuple(extra), catalog)
        except TypeCheckError as error:
            self._forgive(compiled, error, rule.output_context)
            spot = rule.output.locate(error.pos.offset)
            compiled.errors.append(
                Problem(
                    code=ErrorCode.LOAD_ERR_COMPILE_OUTPUT,
                    message=error.message,
                    context=rule.output_context,
                    said=said(error.message),
                    spot=spot,
                    hint=error.hint,
                )
            )
            return None
        formats = (f"%{name}" if form is None else form for name, form in output.fields.items())
        for text in (output.text, *formats):
            for name in DEPRECATED_FIELDS:
                if name in text:
                    message = f"usage of deprecated field '{name}' has been detected in the rule output"
                    compiled.warn(WarningCode.LOAD_DEPRECATED_ITEM, message, rule.output_context, about=name)
        return template

    def _parsed(self, text: str, extra: tuple[str | tuple[str, str], ...], catalog: Catalog) -> Template:
        """Return the template *text*; rules with the same output share it.

        :raises TypeCheckError: the template is malformed, or a field is unknown.
        """
        key = catalog.source, text, extra
        found = self._templates.get(key)
        if found is None:
            found = self._templates[key] = Template.parse(text, catalog, extra_fields=extra)
        return found

    def _expr(self, compiled: CompiledRule, spliced: _Spliced, found: Resolved) -> Expr | None:
        rule, text = compiled.definition, spliced.condition.value
        tree = found.expansion.tree
        try:
            checked = self._checkers[rule.source].check(tree)
        except TypeCheckError as error:
            for remark in tree_remarks(tree):
                compiled.warnings.append(self._remark(remark, found, text, rule.condition_context))
            begin = self._conditions.origins.in_bytes(found.parsed, enclosing_check(tree, error.pos))
            where = rule.condition_context.in_condition(text, begin)
            self._forgive(compiled, error, where)
            compiled.errors.append(self._condition_problem(error, found, where, rule.source))
            return None
        for remark in checked.warnings:
            compiled.warnings.append(self._remark(remark, found, text, rule.condition_context))
        if any(remark.field == "evt.dir" for remark in checked.warnings) and never_matches(tree):
            message = "the condition needs 'evt.dir = >', which is never true: events are sent when calls return"
            where = rule.condition_context.in_condition(text, None)
            compiled.warn(WarningCode.LOAD_COMPILE_CONDITION, message, where)
        if rule.source == DEFAULT_SOURCE and rule.warn_evttypes and too_many_event_types(checked.expr):
            message = "Rule matches too many evt.type values. This has a significant performance penalty."
            compiled.warn(WarningCode.LOAD_NO_EVTTYPE, message, rule.context)
        return checked.expr

    def _forgive(self, compiled: CompiledRule, error: TypeCheckError, where: Context) -> None:
        """Skip the rule with a warning, if *error* is that something is unknown and the rule allows it."""
        if error.unknown and compiled.definition.skip_if_unknown_filter:
            compiled.warn(WarningCode.LOAD_UNKNOWN_FILTER, error.message, where)
            raise _LeftOut

    def _condition_problem(self, error: TypeCheckError, found: Resolved, where: Context, source: str) -> Problem:
        spot, via = self._conditions.origins.find(found.parsed, error.pos)
        return Problem(
            code=ErrorCode.LOAD_ERR_COMPILE_CONDITION,
            message=error.message,
            context=where,
            said=said(error.message),
            spot=spot,
            via=via,
            hint=error.hint or self._near_event_type(error.message, source),
        )

    def _near_event_type(self, message: str, source: str) -> str | None:
        _, unknown, name = message.partition("unknown event type ")
        return did_you_mean(name, self._universes.get(source, ())) if unknown else None

    def _remark(self, remark: Remark, found: Resolved, text: str, context: Context) -> Problem:
        """Return the warning for *remark*; for fields and ``<NA>`` Falco does not say where in the condition."""
        code = WarningCode[remark.code]
        precise = code is WarningCode.LOAD_COMPILE_CONDITION
        place = self._conditions.origins.in_bytes(found.parsed, remark.pos) if precise else None
        spot, via = self._conditions.origins.find(found.parsed, remark.pos)
        return Problem(
            code=code,
            message=remark.message,
            context=context.in_condition(text, place),
            spot=spot,
            via=via,
            field=remark.field,
        )
