"""Confines the process that reads configuration, plugins and rules.

It stays root: it has to read what only root may read, and which files these are is known only when they are read. What
it cannot do is to change anything but its part of the rules cache, to run programs, to connect, and to reach other
processes.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from falcohost.host.confine import landlock, seccomp
from falcohost.host.confine.capabilities import become, close_the_way_back
from falcohost.needs import BENEATH, CODE, THREADS, WRITE
from falcohost.regular import is_there
from falcohost.rules.cache_files import rules_directory

#: What it keeps of root's rights: files may belong to anybody.
KEPT: Final = frozenset({"CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE"})

#: What it does: plugins' modules may do almost anything when they are imported.
CALLS: Final = frozenset({THREADS, WRITE, BENEATH, CODE})
#: It hands over what it has read in memfds.
ALSO: Final = "memfd_create"
#: What it does not do with files: Landlock restricts none of these calls (truncate not before Linux 6.2), and whoever
#: is root owns most files.
WITHOUT: Final = "chmod fchmod fchmodat fchmodat2 fchown truncate"


def confine_reader() -> None:
    """Confine this process for good, as far as the kernel can do it.

    What it may not do fails, and does not end it: a plugin that tries it is named and left out.
    """
    close_the_way_back()
    with contextlib.suppress(OSError):
        landlock.restrict(None, (Path(os.devnull), *_caches()), alone=False)
    become(None, KEPT)
    with contextlib.suppress(OSError):
        seccomp.restrict(CALLS, also=ALSO, without=WITHOUT, refuse=True)


def _caches() -> list[Path]:
    """Return where its part of the rules cache is, which is made now: the folder around it has others' files, too."""
    directory = rules_directory()
    if directory is None:
        return []
    with contextlib.suppress(OSError):  # then there is no cache
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [directory] if is_there(directory) else []
