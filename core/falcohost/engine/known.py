"""Returns the known parts of values that are not known completely, so that outputs can show them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TypeVar

from falcohost.engine.ir import operand_fields
from falcohost.engine.substitution import in_operand
from falcohost.fields import Field

T = TypeVar("T")


def known(operand: T) -> T:
    """Return *operand* over what is known of the values of its fields."""
    refs = [ref for ref in operand_fields(operand) if ref.field.known is not None]
    return in_operand(operand, {ref: replace(ref, field=_known(ref.field)) for ref in refs}) if refs else operand


@functools.cache
def _known(field: Field) -> Field:
    return replace(field, get=field.known, known=None)
