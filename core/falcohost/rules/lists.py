"""Expands lists: the lists nested in other lists, and the names of lists in the text of conditions.

The replacement is textual and comes before parsing, once per list in the order of definition, as in Falco. So it
happens inside quotes too, and a name that an earlier list has inserted is replaced only if its list comes later.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from falcohost.lang.parser import MAX_LENGTH
from falcohost.rules.definitions import ListDef

_BLANKS = " \t\n\r"
_DELIMITERS = _BLANKS + "(),="
_WORD = re.compile(r"[^ \t\n\r(),=]+")

#: The most characters moved while one list is expanded in one condition; so hostile files cannot hang the loader.
_MAX_WORK = 500_000_000


class ExpansionTooLong(ValueError):
    """A condition grows too long when its lists are expanded."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement: from *begin* on, *removed* characters became *inserted* ones, the items of the list *name*.

    *begin* is an offset in the text as it was at that moment.
    """

    begin: int
    removed: int
    inserted: int
    name: str


@dataclass(frozen=True, slots=True)
class ListExpansion:
    """A condition with its lists expanded, and the replacements in order."""

    text: str
    edits: tuple[Edit, ...] = ()

    def origin(self, offset: int) -> tuple[int, str | None]:
        """Return the offset in the original text that *offset* comes from, and the list that inserted text there."""
        name = None
        for edit in reversed(self.edits):
            if offset >= edit.begin + edit.inserted:
                offset += edit.removed - edit.inserted
            elif offset >= edit.begin:
                offset, name = edit.begin, edit.name
        return offset, name


def quoted_if_needed(item: str) -> str:
    """Return *item* in double quotes if it has a blank and does not begin with a quote. Nothing is escaped."""
    return f'"{item}"' if " " in item and item[0] not in "\"'" else item


def expand_items(
    lists: Mapping[str, ListDef], given: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """Return the items of each list, with nested lists expanded one level deep, and the lists so used.

    A list can use those that were defined before it was last changed, and those *given* that no file defines.
    """
    expanded: dict[str, tuple[str, ...]] = {}
    used: set[str] = set()
    for found in lists.values():
        items: list[str] = []
        for item in found.items:
            inner = lists.get(item)
            if inner is not None and inner.index < found.touched:
                used.add(inner.name)
                items += inner.items
            elif inner is None and item in given:
                items += given[item]
            else:
                items.append(item)
        expanded[found.name] = tuple(items)
    return expanded, used


class ListExpander:
    """Replaces the names of lists in conditions by their items."""

    def __init__(self, lists: Mapping[str, tuple[str, ...]]) -> None:
        self._texts = {name: ", ".join(map(quoted_if_needed, items)) for name, items in lists.items()}
        self._order = {name: order for order, name in enumerate(lists)}
        self._names = tuple(lists)
        self._odd = [name for name in lists if not _WORD.fullmatch(name)]

    def expand(self, text: str) -> ListExpansion:
        """Return *text* with the names of lists replaced by their items.

        :raises ExpansionTooLong: the result is longer than the longest allowed condition.
        """
        todo = sorted(self._mentioned(text))
        if not todo:
            return ListExpansion(text)
        edits: list[Edit] = []
        while todo:
            order = todo.pop(0)
            name = self._names[order]
            text, done = _replace(text, name, self._texts[name])
            edits += done
            for later in self._mentioned(self._texts[name]) if done else ():
                if later > order and later not in todo:
                    insort(todo, later)
        return ListExpansion(text, tuple(edits))

    def _mentioned(self, text: str) -> Iterable[int]:
        """Return the lists, in their order, whose names may occur in *text*."""
        found = {self._order[word] for word in self._order.keys() & set(_WORD.findall(text))}
        return found | {self._order[name] for name in self._odd if name in text}


def _replace(text: str, name: str, items: str) -> tuple[str, list[Edit]]:
    """Replace *name* in *text* by *items*; without items, remove one neighbouring comma too."""
    count = text.count(name)
    size = len(text) + count * (len(items) + 2)
    if size > MAX_LENGTH or size * count > _MAX_WORK:
        raise ExpansionTooLong(f"condition is longer than {MAX_LENGTH} characters once list '{name}' is replaced")
    edits: list[Edit] = []
    begin = text.find(name)
    while begin >= 0:
        end = begin + len(name)
        if _delimited(text, begin, end):
            begin, end = _widened(text, begin, end, with_comma=not items)
            inserted = (" " if begin else "") + items + " "
            text = text[:begin] + inserted + text[end:]
            edits.append(Edit(begin, end - begin, len(inserted), name))
            begin += len(items) + 1
        begin = text.find(name, begin + 1)
    return text, edits


def _delimited(text: str, begin: int, end: int) -> bool:
    return (begin == 0 or text[begin - 1] in _DELIMITERS) and (end >= len(text) or text[end] in _DELIMITERS)


def _widened(text: str, begin: int, end: int, *, with_comma: bool) -> tuple[int, int]:
    """Extend the range by the blanks on both sides; if *with_comma*, by the comma on the left or else on the right."""
    while begin > 0 and text[begin - 1] in _BLANKS:
        begin -= 1
    while end < len(text) and text[end] in _BLANKS:
        end += 1
    if with_comma:
        if begin > 0 and text[begin - 1] == ",":
            begin -= 1
        elif end < len(text) and text[end] == ",":
            end += 1
    return begin, end
