"""Entries of the rules cache beside compiled rules: each says what it is, for which key, and has a digest of the rest.

Their files are trusted only as those of compiled rules are (:mod:`falcohost.rules.cache_files`). What cannot be kept,
or read, is worked out again.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from falcohost.digest import blake2b
from falcohost.rules import cache_files
from falcohost.rules.cache_files import ASKED, PREPARED, UntrustedFile

#: Length of a key in bytes, and that of a digest.
SIZE: Final = 32
#: What entries begin with, and what they are in words. The number changes with the format.
_KINDS: Final = {
    ASKED: (b"falcohost asked 1\n", "what rules ask for"),
    PREPARED: (b"falcohost prepared 1\n", "what loaders have prepared"),
}
_log = logging.getLogger(__name__)


def read(directory: Path, key: bytes, kind: str) -> bytes | None:
    """Return what was kept under *key*; None: there is nothing, or nothing that can be trusted."""
    magic, what = _KINDS[kind]
    try:
        data = cache_files.read(directory, key, kind)
    except FileNotFoundError:
        return None
    except (OSError, UntrustedFile) as error:
        _log.debug("The cache of %s is not read: %s", what, error)
        return None
    head = magic + key
    body = data[len(head) + SIZE :]
    if not data.startswith(head) or data[len(head) : len(head) + SIZE] != _digest(key, body):
        _log.debug("The cache of %s is not read: the entry is damaged, or another one's", what)
        return None
    return body


def write(directory: Path, key: bytes, body: bytes, kind: str) -> None:
    """Keep *body* under *key*, if that is possible."""
    magic, what = _KINDS[kind]
    try:
        cache_files.write(directory, key, magic + key + _digest(key, body) + body, kind)
    except (OSError, UntrustedFile) as error:
        _log.debug("The cache of %s is not written: %s", what, error)


def _digest(key: bytes, body: bytes) -> bytes:
    return blake2b(body, key=key, digest_size=SIZE).digest()
