"""Reads a secret for a server from the settings, a file, systemd's credentials or the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from falcohost.credentials import credential
from falcohost.errors import SourceError
from falcohost.regular import SMALL, read_regular


def find_secret(
    plugin: str, what: str, *, given: str, file: str, variable: str, environment: Mapping[str, str] = os.environ
) -> tuple[str, str]:
    """Return *what* (``the API token``) and where it was found: in *file*, else in *given*, else under *variable*.

    That is the name of a credential of systemd, and of an environment variable. Without a secret the text is empty.

    :raises SourceError: the file cannot be read.
    """
    if file:
        return _content(plugin, what, file), file
    if given.strip():
        return given.strip(), "the configuration"
    if (credentials := credential(variable, environment)) is not None:
        return _content(plugin, what, str(credentials)), str(credentials)
    return environment.get(variable, "").strip(), variable


def read_secret(
    plugin: str, what: str, *, given: str, file: str, variable: str, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Return the secret of :func:`find_secret` if it can be sent in a header; None if there is none.

    :raises SourceError: the file cannot be read, or what was found cannot be sent.
    """
    text, where = find_secret(plugin, what, given=given, file=file, variable=variable, environment=environment)
    if not (text.isascii() and text.isprintable()):
        raise SourceError(
            f"{plugin}: {what} in {where} has characters that are not allowed in it; check that it is the right one"
        )
    return text or None


def _content(plugin: str, what: str, file: str) -> str:
    try:
        text = read_regular(file, SMALL).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise SourceError(f"{plugin}: {what} cannot be read from {file}: {reason}") from error
    if not text.strip():
        raise SourceError(f"{plugin}: {what} cannot be read from {file}: the file is empty")
    return text.strip()
