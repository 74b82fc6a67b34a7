"""Turns the text of a condition into its tree: replaces lists, parses, and expands macros.

Results are kept and reused, since all rules are compiled again after each file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from falcohost.lang.parser import parse
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import NOWHERE, Node
from falcohost.rules import lists, macros
from falcohost.rules.codes import ErrorCode
from falcohost.rules.decode import did_you_mean
from falcohost.rules.definitions import ListDef, MacroDef
from falcohost.rules.lists import ListExpander
from falcohost.rules.origins import Origins, Parsed
from falcohost.rules.places import Context, in_bytes
from falcohost.rules.results import LoadFailure
from falcohost.rules.texts import SourceText
from falcohost.rules.wording import hint_for_syntax, said

_Key = tuple[str, str]

#: The most searches for similar names in one file: each costs time, and nobody reads more.
_MOST_HINTS = 100


class BlamedElsewhere(Exception):
    """A condition uses a macro that was refused; the error was reported at the macro's definition."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A condition with its macros expanded."""

    parsed: Parsed
    expansion: macros.MacroExpansion


class ConditionReader:
    """Turns conditions into trees with the current lists and macros.

    :ivar used_lists: the lists that conditions have named since the last :meth:`begin`.
    :ivar used_macros: the macros that have been expanded since then.
    :ivar failed_macros: the macros whose definitions have errors.
    """

    def __init__(self) -> None:
        self._expander = ListExpander({})
        self._defined: Mapping[str, MacroDef] = {}
        self._parsed: dict[_Key, Parsed] = {}
        self._resolved: dict[_Key, Resolved] = {}
        self.trees: dict[str, Node] = {}
        self.origins = Origins({}, {}, {})
        self.used_lists: set[str] = set()
        self.used_macros: set[str] = set()
        self.failed_macros: set[str] = set()
        self._hints = 0

    def begin(
        self,
        items: Mapping[str, tuple[str, ...]],
        lists: Mapping[str, ListDef],
        defined: Mapping[str, MacroDef],
        broken: set[str],
    ) -> None:
        """Start over with *lists* (*items*: with nested lists expanded) and macros; *broken* were refused."""
        self._expander = ListExpander(items)
        self._defined = defined
        self.origins = Origins(defined, lists, {})
        self.trees = {}
        self.used_lists, self.used_macros, self.failed_macros = set(), set(), set(broken)
        self._hints = 0

    def parse(self, key: _Key, source: SourceText, context: Context) -> Parsed:
        """Return the tree of *source*, a condition at *context*; *key* is the kind and name of its item.

        :raises LoadFailure: it is not a valid condition.
        """
        try:
            expansion = self._expander.expand(source.value)
        except lists.ExpansionTooLong as error:
            where = context.in_condition(source.value, NOWHERE)
            raise LoadFailure(ErrorCode.LOAD_ERR_COMPILE_CONDITION, str(error), where) from None
        self.used_lists.update(edit.name for edit in expansion.edits)
        old = self._parsed.get(key)
        if old is not None and old.source is source and old.expansion.text == expansion.text:
            return old
        try:
            tree = parse(expansion.text)
        except ConditionSyntaxError as error:
            raise self._syntax_failure(error, source, expansion, context) from None
        parsed = Parsed(source, expansion, tree)
        self._parsed[key] = parsed
        return parsed

    def add_macro(self, name: str, parsed: Parsed) -> None:
        """Let conditions use the macro *name*, whose own macros are not expanded yet."""
        self.trees[name] = parsed.tree
        self.origins.parsed[name] = parsed

    def resolve(self, key: _Key, parsed: Parsed, context: Context, *, before: int | None = None) -> Resolved:
        """Return *parsed* with macros expanded: those first defined *before* that moment, or all.

        :raises BlamedElsewhere: a macro was refused.
        :raises LoadFailure: a macro does not exist or uses itself, or the result is too big.
        """
        lookup = self.trees.get if before is None else self._lookup_before(before)
        old = self._resolved.get(key)
        if old is not None and old.parsed is parsed and old.expansion.is_current(lookup):
            self.used_macros |= old.expansion.used
            return old
        expansion = macros.expand_macros(parsed.tree, lookup)
        self._check(expansion, parsed, context)
        self.used_macros |= expansion.used
        resolved = Resolved(parsed, expansion)
        self._resolved[key] = resolved
        return resolved

    def _lookup_before(self, moment: int) -> macros.Lookup:
        def lookup(name: str) -> Node | None:
            macro = self._defined.get(name)
            return self.trees.get(name) if macro is not None and macro.index < moment else None

        return lookup

    def _check(self, expansion: macros.MacroExpansion, parsed: Parsed, context: Context) -> None:
        text = parsed.source.value
        if expansion.too_big:
            where = context.in_condition(text, NOWHERE)
            raise LoadFailure(ErrorCode.LOAD_ERR_COMPILE_CONDITION, expansion.too_big, where)
        for unresolved in expansion.unresolved:
            if unresolved.name in self.failed_macros:
                raise BlamedElsewhere
            message = unresolved.message or f"Undefined macro '{unresolved.name}' used in filter."
            spot, via = self.origins.find(parsed, unresolved.pos)
            raise LoadFailure(
                ErrorCode.LOAD_ERR_VALIDATE,
                message,
                context.in_condition(text, self.origins.in_bytes(parsed, unresolved.pos)),
                said=said(message),
                spot=spot,
                via=via,
                hint=self._macro_hint(unresolved),
            )

    def _macro_hint(self, unresolved: macros.Unresolved) -> str | None:
        if unresolved.message:
            return None
        if unresolved.name in self.trees:
            return "a macro sees only macros that were defined before it"
        self._hints += 1
        return did_you_mean(unresolved.name, self.trees) if self._hints <= _MOST_HINTS else None

    def _syntax_failure(
        self, error: ConditionSyntaxError, source: SourceText, expansion: lists.ListExpansion, context: Context
    ) -> LoadFailure:
        spot, via = self.origins.spot_in_text(source, expansion, error.pos.offset)
        return LoadFailure(
            ErrorCode.LOAD_ERR_COMPILE_CONDITION,
            error.message,
            context.in_condition(expansion.text, in_bytes(expansion.text, error.pos)),
            spot=spot,
            via=via,
            hint=hint_for_syntax(error.message),
        )
