"""Adds the configured text and fields to the outputs of rules (``append_output``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from falcohost.engine.catalog import Catalog
    from falcohost.rules.definitions import RuleDef

_CONTAINER_INFO = "%container.info"


class AppendOutput(Struct, frozen=True):
    """One entry: adds to the output of the rules of *source*, named *rule*, with all *tags*; an empty one matches all.

    :ivar extra_output: text that is appended, with fields.
    :ivar extra_fields: (name, format) of fields added to ``output_fields``; format None: the field of that name.
    :ivar suggested: fields that plugins suggest are appended.
    """

    source: str = ""
    rule: str = ""
    tags: tuple[str, ...] = ()
    extra_output: str = ""
    extra_fields: tuple[tuple[str, str | None], ...] = ()
    suggested: bool = False

    def matches(self, rule: RuleDef) -> bool:
        """Return whether the entry applies to *rule*."""
        named = self.source in ("", rule.source) and self.rule in ("", rule.name)
        return named and (not self.tags or set(self.tags) <= set(rule.tags))


class RuleOutput(Struct, frozen=True):
    """The whole output of a rule.

    :ivar fields: name and format of fields for JSON alone; format None: the field of that name.
    :ivar had_container_info: ``%container.info`` was removed from it.
    """

    text: str
    fields: Mapping[str, str | None]
    had_container_info: bool = False


def whole_output(rule: RuleDef, extras: Sequence[AppendOutput], catalog: Catalog) -> RuleOutput:
    """Return the output of *rule* with the additions of *extras*."""
    matching = [extra for extra in extras if extra.matches(rule)]
    text = " ".join((rule.output.value, *(added for extra in matching for added in _texts(extra, catalog))))
    fields = {name: form for extra in matching for name, form in extra.extra_fields}
    return RuleOutput(text.replace(_CONTAINER_INFO, ""), fields, _CONTAINER_INFO in text)


def _texts(extra: AppendOutput, catalog: Catalog) -> Iterable[str]:
    if extra.extra_output:
        yield extra.extra_output
    if extra.suggested:
        yield from catalog.suggested
