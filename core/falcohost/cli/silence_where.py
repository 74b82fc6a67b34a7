"""Checks a silence against the rule that it is about, as the configuration has it, or else its stored alerts."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from falcohost.alert import Alert
from falcohost.cli.conditions import checked
from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import LoadedRules, exact_rule, load_configured
from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ir import FieldRef
from falcohost.errors import ConfigError, RulesError, StateError
from falcohost.lang.parser import parse_operand
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import FieldNode
from falcohost.store.history import History, Wanted, exactly
from falcohost.store.where import Where, WhereError
from falcohost.store.where_code import encoded


def where_of(flags: Flags, directory: Path, name: str, text: str) -> Where | None:
    """Return the condition *text* over the alerts of the rule *name*; None: it is empty.

    A rule that the configured files do not have is known from its last alert in *directory*: the agent that runs may
    have been started with another configuration.

    :raises RulesError: there is no such rule.
    :raises ConfigError: it is not a condition over the fields of the rule's output.
    """
    loaded = load_configured(flags)
    catalog, output = _found(loaded, directory, name)
    if not text.strip():
        return None
    try:
        return encoded(checked("--where", text, catalog), output)
    except WhereError as error:
        raise ConfigError(f"--where: {error}") from None


def _found(loaded: LoadedRules, directory: Path, name: str) -> tuple[Catalog, Sequence[FieldRef]]:
    """Return the fields of the source of the rule *name*, and those that its alerts show.

    :raises RulesError: neither the configured files nor the stored alerts have it.
    """
    stored: Alert | None = None
    names: list[str] = []
    with contextlib.suppress(StateError), contextlib.closing(History(directory)) as history:
        stored = next(history.alerts(Wanted(rule=exactly(name)), last=1), None)
        names = history.rules()
    try:
        rule = exact_rule(loaded.outcome, name, names)
    except RulesError:
        if stored is None or stored.source not in loaded.catalogs:
            raise
        catalog = loaded.catalogs[stored.source]
        return catalog, [ref for field in stored.fields if (ref := _ref(catalog, field)) is not None]
    return loaded.catalogs[rule.source], rule.output.plain


def _ref(catalog: Catalog, name: str) -> FieldRef | None:
    """Return the field *name* of an alert; None: it is not a field of the source."""
    try:
        node = parse_operand(name)
        return catalog.resolve(node.name, node.arg) if isinstance(node, FieldNode) else None
    except (ConditionSyntaxError, TypeCheckError):
        return None
