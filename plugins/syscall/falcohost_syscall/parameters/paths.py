"""Lists the calls that name files by paths, and the arguments that say how a file is opened."""

from __future__ import annotations

from typing import Final

#: Calls that name a path relative to a directory, and those that name two paths.
TWO_PATHS: Final = frozenset({"renameat", "renameat2", "linkat"})
AT_CALLS: Final = TWO_PATHS | {
    "symlinkat",
    "openat",
    "openat2",
    "unlinkat",
    "mkdirat",
    "fchmodat",
    "fchmodat2",
    "fchownat",
}

#: Calls that open a file by its path. Falco treats them as successful after every error except EPERM.
OPENS: Final = frozenset({"open", "openat", "openat2"})
#: The argument that holds the flags of an open.
OPENS_WITH_FLAGS: Final = {"open": 1, "openat": 2, "openat2": 3, "open_by_handle_at": 2}
#: The mode bits that allow execution.
EXEC_BITS: Final = 0o111
