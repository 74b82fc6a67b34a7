"""A secret that a plugin shows to a server: from its settings, a file or the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from falcohost.errors import SourceError


def read_secret(
    plugin: str, what: str, *, given: str, file: str, variable: str, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Return *what* (``the API token``): the content of *file*, else *given*, else the environment's *variable*.

    None where all of them are empty.

    :raises SourceError: the file cannot be read, or what it holds cannot be sent in a header.
    """
    where, text = (file, _content(plugin, what, file)) if file else ("the configuration", given)
    if not text:
        where, text = variable, environment.get(variable, "")
    text = text.strip()
    if not (text.isascii() and text.isprintable()):
        raise SourceError(f"{plugin}: {what} in {where} has characters that cannot be part of it; is it the right one?")
    return text or None


def _content(plugin: str, what: str, file: str) -> str:
    try:
        text = Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SourceError(f"{plugin}: {what} cannot be read from {file}: {reason}") from error
    if not text.strip():
        raise SourceError(f"{plugin}: {what} cannot be read from {file}: the file is empty")
    return text
