"""Checks a condition that stands on the command line."""

from __future__ import annotations

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ir import Expr
from falcohost.engine.typecheck import check
from falcohost.errors import ConfigError
from falcohost.lang.parser import parse
from falcohost.lang.syntax import ConditionSyntaxError


def checked(what: str, text: str, catalog: Catalog) -> Expr:
    """Return the condition *text* over the fields of *catalog*; messages call it *what*.

    :raises ConfigError: it is not a condition over these fields.
    """
    try:
        return check(parse(text), catalog).expr
    except (ConditionSyntaxError, TypeCheckError) as error:
        hint = getattr(error, "hint", None)
        more = f"; {hint}" if hint else ""
        raise ConfigError(f"{what}: {error.message}{more} (character {error.pos.offset + 1})") from None
