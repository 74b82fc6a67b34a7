"""Finds the encoding of a YAML file by its first bytes, as YAML 1.2.2, section 5.2, says; other encodings are UTF-8."""

from __future__ import annotations

import re

#: In this order; ``.`` is any byte. A file without a mark begins with an ASCII character.
_BEGINNINGS = (
    (rb"\0\0(\xfe\xff|\0.)", "utf-32-be"),
    (rb"(\xff\xfe|.\0)\0\0", "utf-32-le"),
    (rb"\xfe\xff|\0.", "utf-16-be"),
    (rb"\xff\xfe|.\0", "utf-16-le"),
)


def yaml_text(content: bytes, errors: str = "strict") -> str:
    """Return the text in *content*, without the byte order mark; *errors* as for :meth:`bytes.decode`.

    :raises UnicodeDecodeError: it is not text in its encoding.
    """
    return content.decode(encoding_of(content), errors).removeprefix("\ufeff")


def encoding_of(content: bytes) -> str:
    """Return the name of the encoding of *content*."""
    found = (name for pattern, name in _BEGINNINGS if re.match(pattern, content, re.DOTALL))
    return next(found, "utf-8")
