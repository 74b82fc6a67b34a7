"""Versions of the engine and of plugins, and which version satisfies which requirement."""

from __future__ import annotations

import re
from typing import NamedTuple

_VERSION = re.compile(r"\s*\+?(\d+)\.\s*\+?(\d+)\.\s*\+?(\d+)", re.ASCII)


class Version(NamedTuple):
    """``major.minor.patch``; anything after it is ignored."""

    major: int = 0
    minor: int = 0
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def will_do_for(self, wanted: Version) -> bool:
        """Return whether this version satisfies the requirement *wanted*: the same major version, and not older."""
        return self.major == wanted.major and self >= wanted


#: The version of the rules language that falcohost speaks: Falco 0.44.
ENGINE_VERSION = Version(0, 62, 0)


def parse_version(text: str) -> Version | None:
    """Return the version at the beginning of *text*, or None."""
    match = _VERSION.match(text)
    return Version(*(min(int(part[:12]), 2**32 - 1) for part in match.groups())) if match else None
