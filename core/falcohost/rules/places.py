"""Positions in rules files, and the chain of locations that leads to an item.

Positions are counted in characters from 0, as the YAML parser does; Falco's reports count bytes, so
:meth:`RulesFile.in_bytes` converts them when a report is written.
"""

from __future__ import annotations

from msgspec import Struct

from falcohost.lang.tree import Pos


class Place(Struct, frozen=True):
    """A place in a text: *offset*, *line* and *column* from 0."""

    offset: int = 0
    line: int = 0
    column: int = 0


START = Place()


class RulesFile(Struct, frozen=True):
    """A rules file: its *name* as configured, with U+FFFD for what is not UTF-8, and its *text*."""

    name: str
    text: str

    def in_bytes(self, place: Place) -> Place:
        """Return *place* counted in bytes of UTF-8."""
        if self.text.isascii():
            return place
        line = self.text[place.offset - place.column : place.offset]
        return Place(len(self.text[: place.offset].encode()), place.line, len(line.encode()))


class Location(Struct, frozen=True):
    """One link of a chain: an item of *kind* (``rule``, ``exception values``), called *name*, at *place*.

    :ivar where: the file's name, or the beginning of the condition in quotes.
    """

    kind: str
    name: str
    where: str
    place: Place


class Context(Struct, frozen=True):
    """The chain of locations, outermost first, of something in *file*.

    :ivar condition: the text that the last location is in, if that is not the file.
    """

    file: RulesFile
    locations: tuple[Location, ...]
    condition: str | None = None

    @classmethod
    def of_file(cls, file: RulesFile) -> Context:
        """Return the context of the whole of *file*."""
        return cls(file, (Location("rules content", "", file.name, START),))

    def at(self, kind: str, place: Place, name: str = "") -> Context:
        """Return the context of an item inside this context."""
        return Context(self.file, (*self.locations, Location(kind, name, self.file.name, place)), self.condition)

    def in_condition(self, condition: str, pos: Pos | None) -> Context:
        """Return the context of *pos* in *condition*, which begins here.

        As in Falco, the position is the sum of both, and *pos* counts bytes from 1; None is the condition as a whole.
        """
        base = self.locations[-1].place
        place = base if pos is None else Place(base.offset + pos.offset, base.line + pos.line, base.column + pos.column)
        location = Location("condition expression", "", _beginning(condition), place)
        return Context(self.file, (*self.locations, location), condition)

    def named(self, kind: str) -> str | None:
        """Return the name of the location of *kind*, if there is one."""
        return next((location.name for location in self.locations if location.kind == kind), None)


def in_bytes(condition: str, pos: Pos) -> Pos:
    """Return *pos* in *condition* counted in bytes of UTF-8."""
    if condition.isascii():
        return pos
    line = condition[max(pos.offset - pos.column + 1, 0) : pos.offset]
    return Pos(len(condition[: pos.offset].encode()), pos.line, len(line.encode()) + 1)


def _beginning(condition: str) -> str:
    """Return the first bytes of *condition* in quotes, as Falco names a condition."""
    encoded = condition.encode()
    text = encoded[:17].decode(errors="replace") + "..." if len(encoded) > 20 else condition
    return '"' + text.replace("\n", " ").replace("\r", " ") + '"'
