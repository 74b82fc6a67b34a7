"""Checks the condition of a silence against the rule that it is about."""

from __future__ import annotations

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import exact_rule, load_configured
from falcohost.engine.catalog import TypeCheckError
from falcohost.engine.typecheck import check
from falcohost.errors import ConfigError
from falcohost.lang.parser import parse
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.store.where import Where, WhereError, encoded


def where_of(flags: Flags, name: str, text: str) -> Where | None:
    """Return the condition *text* over the alerts of the rule *name*; None: it is empty.

    :raises RulesError: there is no such rule.
    :raises ConfigError: it is not a condition over the fields of the rule's output.
    """
    loaded = load_configured(flags)
    rule = exact_rule(loaded.outcome, name)
    if not text.strip():
        return None
    try:
        expr = check(parse(text), loaded.catalogs[rule.source]).expr
        return encoded(expr, rule.output.plain)
    except (ConditionSyntaxError, TypeCheckError) as error:
        hint = getattr(error, "hint", None)
        more = f"; {hint}" if hint else ""
        raise ConfigError(f"--where: {error.message}{more} (character {error.pos.offset + 1})") from None
    except WhereError as error:
        raise ConfigError(f"--where: {error}") from None
