"""Exit status 2 for errors, for commands whose status 1 says that something was found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from falcohost.errors import FalcohostError

#: As of diff(1) and grep(1): trouble, as against a difference.
TROUBLE = 2


class Trouble(FalcohostError):
    """An error of a command whose exit status 1 means something else."""

    exit_status = TROUBLE


@contextlib.contextmanager
def as_trouble() -> Iterator[None]:
    """Raise errors that people read as :class:`Trouble`, with the same text."""
    try:
        yield
    except FalcohostError as error:
        raise Trouble(str(error)) from error
