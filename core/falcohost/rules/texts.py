"""Texts of conditions that know where in the files they come from.

A condition is assembled from several places: appended parts, exceptions, and YAML scalars, whose lines are folded and
quotes removed. To show an error at its true place, each text keeps its pieces, and each piece its scalar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from falcohost.rules.documents import ScalarNode, place_of
from falcohost.rules.places import Place, RulesFile
from falcohost.rules.results import Spot

_PROPERTIES = re.compile(r"(?:[!&]\S*\s+)*")
_CODES = {"x": 2, "u": 4, "U": 8}
_BLANK_ESCAPES = frozenset("nrtvf _NLP\n\r\t")


class Scalar(Struct, frozen=True):
    """A YAML scalar as written in *file*."""

    value: str
    file: RulesFile
    node: ScalarNode

    @property
    def place(self) -> Place:
        """Return where it begins."""
        return place_of(self.node)

    def locate(self, offset: int) -> Spot:
        """Return the place in the file of the character at *offset* of the value.

        Blanks are folded and escaped in many ways, so it is found by counting the other characters.
        """
        before = sum(not character.isspace() for character in self.value[:offset])
        last = self.node.start_mark.index
        for found, index in enumerate(self._solid()):
            last = index
            if found == before:
                return Spot(self.file, self._place(index))
        return Spot(self.file, self._place(last + 1))

    def without_comments(self) -> str:
        """Return the value with the comments in a block scalar (``>``, ``|``) replaced by blanks.

        A ``#`` after white space and outside quotes begins a comment; it ends with the line of the file.
        """
        if self.node.style not in ("|", ">") or "#" not in self.value:
            return self.value
        comments = set(self._comments())
        solid = (index for index in self._solid())
        kept = []
        for character in self.value:
            if not character.isspace() and next(solid, None) in comments:
                character = " "
            kept.append(character)
        return "".join(kept)

    def _place(self, index: int) -> Place:
        text = self.file.text
        return Place(index, text.count("\n", 0, index), index - text.rfind("\n", 0, index) - 1)

    def _bounds(self) -> tuple[int, int]:
        """Return where the value begins and ends in the file's text."""
        text, end = self.file.text, self.node.end_mark.index
        match = _PROPERTIES.match(text, self.node.start_mark.index)
        begin = match.end() if match else self.node.start_mark.index
        if self.node.style in ("|", ">"):
            header_end = text.find("\n", begin)
            return (header_end + 1 if header_end >= 0 else end), end
        if self.node.style in ('"', "'"):
            return begin + 1, end - 1
        return begin, end

    def _solid(self) -> Iterator[int]:
        """Yield the index in the file's text of each character of the value that is not blank."""
        text = self.file.text
        index, end = self._bounds()
        while index < end:
            width, solid = 1, not text[index].isspace()
            if self.node.style == '"' and text[index] == "\\":
                width, solid = _escape(text, index)
            elif self.node.style == "'" and text[index] == "'":
                width = 2
            if solid:
                yield index
            index += width

    def _comments(self) -> Iterator[int]:
        """Yield the indices of the characters of comments."""
        text = self.file.text
        index, end = self._bounds()
        quote = ""
        while index < end:
            character = text[index]
            if quote:
                quote = "" if character == quote and text[index - 1] != "\\" else quote
            elif character in "\"'":
                quote = character
            elif character == "#" and text[index - 1].isspace():
                line_end = text.find("\n", index)
                line_end = end if line_end < 0 else min(line_end, end)
                yield from range(index, line_end)
                index = line_end
                continue
            index += 1


def _escape(text: str, index: int) -> tuple[int, bool]:
    """Return the length of the escape at *index*, and whether it stands for a character that is not blank."""
    kind = text[index + 1 : index + 2]
    if kind in _CODES:
        digits = text[index + 2 : index + 2 + _CODES[kind]]
        return 2 + len(digits), not chr(int(digits, 16)).isspace()
    return 2, kind not in _BLANK_ESCAPES


class TextPiece(Struct, frozen=True):
    """A part of a text: the value of *scalar* from *offset* on, or generated text if *scalar* is None."""

    text: str
    scalar: Scalar | None = None
    offset: int = 0


class SourceText(Struct, frozen=True):
    """A text made of pieces."""

    pieces: tuple[TextPiece, ...]

    @property
    def value(self) -> str:
        """Return the whole text."""
        pieces = self.pieces
        return pieces[0].text if len(pieces) == 1 else "".join(piece.text for piece in pieces)

    @classmethod
    def of(cls, scalar: Scalar, *, condition: bool = False) -> SourceText:
        """Return the text of *scalar*; for a condition, without comments."""
        return cls((TextPiece(scalar.without_comments() if condition else scalar.value, scalar),))

    def plus(self, other: SourceText) -> SourceText:
        """Return this text followed by a blank and *other*."""
        return SourceText((*self.pieces, TextPiece(" "), *other.pieces))

    def part(self, begin: int, end: int) -> SourceText:
        """Return the characters from *begin* to *end* of a text that has one piece."""
        (piece,) = self.pieces
        return SourceText((TextPiece(piece.text[begin:end], piece.scalar, piece.offset + begin),))

    def locate(self, offset: int) -> Spot | None:
        """Return the place of the character at *offset* in its file; in generated text, of the next with a place."""
        begin, nearest = 0, None
        for piece in self.pieces:
            if piece.scalar is not None:
                inside = min(max(offset - begin, 0), len(piece.text))
                nearest = piece.scalar.locate(piece.offset + inside)
                if offset < begin + len(piece.text):
                    return nearest
            begin += len(piece.text)
        return nearest
