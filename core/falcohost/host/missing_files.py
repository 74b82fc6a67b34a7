"""What is raised where files that are named do not exist."""

from __future__ import annotations

from collections.abc import Sequence

from falcohost.errors import RulesError


class MissingFiles(RulesError):
    """Configured files do not exist.

    :ivar paths: the missing files.
    """

    def __init__(self, text: str, paths: Sequence[str]) -> None:
        super().__init__(text)
        self.paths = tuple(paths)
