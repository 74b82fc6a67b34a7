"""Converts text from events: Falco compares and prints bytes, Python has str.

Bytes that are not UTF-8 are lone surrogates in a str (``surrogateescape``). Code that writes text out, or passes it to
RE2, has to convert it here first.
"""

from __future__ import annotations

import re

import msgspec

REPLACEMENT = "\ufffd"

_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr((plane << 16) + 0xFFFE) + chr((plane << 16) + 0xFFFF) for plane in range(17)
)
#: Line and paragraph separators, and the controls that change the direction of text (Unicode UAX 9).
_MISLEADING = "\u2028\u2029\u202a-\u202e\u2066-\u2069"
_MISLEADING_BYTES = re.compile(b"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
_UNPRINTABLE = re.compile(f"[\x00-\x1f\x7f-\x9f{_MISLEADING}{_NONCHARACTERS}]")


_as_json = msgspec.json.Encoder().encode


def text_bytes(text: str) -> bytes:
    """Return the bytes of *text*; surrogates become the original bytes again."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def bytes_text(data: bytes) -> str:
    """Return *data* as text; :func:`text_bytes` reverses this."""
    return data.decode("utf-8", "surrogateescape")


def ascii_lower(text: str) -> str:
    """Return *text* with A-Z in lower case, like tolower(3) in the C locale; other letters stay unchanged."""
    return text.lower() if text.isascii() else bytes_text(text_bytes(text).lower())


def ascii_upper(text: str) -> str:
    """Return *text* with a-z in upper case, like toupper(3) in the C locale; other letters stay unchanged."""
    return text.upper() if text.isascii() else bytes_text(text_bytes(text).upper())


def valid(text: str) -> str:
    """Return *text* with each maximal sequence that is not UTF-8 replaced by U+FFFD (Unicode 3.9)."""
    if text.isascii():  # which takes no time: Python knows it of each text
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text_bytes(text).decode("utf-8", "replace")
    return text


def is_plain(text: str) -> bool:
    """Return whether *text* is printable ASCII, in a third of the time of ``isprintable`` where it is long.

    JSON has two quotes more then, unless something needs an escape; of what is not printable only DEL needs none.
    """
    if not text.isascii():
        return False
    return (len(_as_json(text)) == len(text) + 2 and "\x7f" not in text) or text.isprintable()


def printable(text: str) -> str:
    """Return *text* for a line of output, with U+FFFD for what could forge another line or text on a terminal.

    That is invalid UTF-8, control characters, separators of lines, changes of direction, and non-characters.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(REPLACEMENT, valid(text))


def printable_lines(text: str, indent: str = "") -> str:
    """Return *text* for several lines of output: as :func:`printable`, but with its newlines and tabs.

    :param indent: precedes all lines but the first, so that none of them looks like a line of its own.
    """
    if text.isascii() and text.isprintable():
        return text
    lines = ("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
    return f"\n{indent}".join(lines)


def escaped_json(line: bytes) -> bytes:
    """Return *line*, which is JSON, with escapes for what could forge text where it is shown; its values stay the same.

    JSON itself escapes only the controls before the blank.
    """
    if line.isascii() and b"\x7f" not in line:
        return line
    return _MISLEADING_BYTES.sub(lambda match: b"\\u%04x" % ord(match[0].decode()), line)
