"""The techniques of MITRE ATT&CK for Enterprise, and why system calls and audit logs do not show some of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

#: The version of ATT&CK of the file beside this one.
VERSION = "18"
DOMAIN = "enterprise-attack"

_HERE = Path(__file__).parent


class Technique(Struct, frozen=True):
    """A technique, or a part of one (``T1059.004``).

    :ivar tactics: as ATT&CK writes them: ``defense-evasion``.
    :ivar platforms: ``Linux``, ``Containers``, ``IaaS`` …
    """

    number: str
    name: str
    tactics: tuple[str, ...]
    platforms: frozenset[str]

    @property
    def parent(self) -> str | None:
        """Return the number of the technique of which it is a part."""
        number, dot, _ = self.number.partition(".")
        return number if dot else None


@functools.cache
def techniques() -> Mapping[str, Technique]:
    """Return all techniques by number."""
    rows = (line.split("\t") for line in _lines("techniques.tsv"))
    return {
        number: Technique(number, name, tuple(tactics.split(",")), frozenset(platforms.split(",")))
        for number, name, tactics, platforms in rows
    }


@functools.cache
def unseen() -> Mapping[str, str]:
    """Return by number why a technique is not shown by system calls and audit logs."""
    found = {}
    for line in _lines("unseen.tsv"):
        reason, numbers = line.split("\t")
        for number in numbers.split():
            bare = number.rstrip("*")
            found[bare] = reason
            if number.endswith("*"):
                found |= {one: reason for one in techniques() if one.startswith(f"{bare}.")}
    return found


def _lines(name: str) -> Iterator[str]:
    text = (_HERE / name).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line and not line.startswith("#"))
