"""Opens files to which outputs and subscribers append (provisional).

In the agent these run without privileges, and the supervisor opens the files for them that they name in
``OutputSpec.files`` or ``SubscriberSpec.files``: also files that only root may open, and again after log rotation.
"""

from __future__ import annotations

from pathlib import Path

from falcohost import opening

__all__ = ["open_appending"]


def open_appending(filename: str | Path) -> int:
    """Return a descriptor of *filename*, open for appending; a missing file is created, for its owner alone.

    A FIFO without a reader is an error (ENXIO), and not waited for. A symbolic link is followed if root or the agent's
    user has made it.

    :raises OSError: it cannot be opened.
    """
    return opening.opened(str(filename))
