"""Which calls name files by paths, and which of their arguments say how a file is opened."""

from __future__ import annotations

from typing import Final

#: Calls that name a path beside a directory, and those of them that name two.
TWO_PATHS: Final = frozenset({"renameat", "renameat2", "linkat"})
AT_CALLS: Final = TWO_PATHS | {"symlinkat", "openat", "openat2", "unlinkat", "mkdirat", "fchmodat", "fchownat"}

#: Calls that open a file by its path, which Falco takes to have worked after any error but EPERM.
OPENS: Final = frozenset({"open", "openat", "openat2"})
#: Which argument has the flags of an open.
OPENS_WITH_FLAGS: Final = {"open": 1, "openat": 2, "openat2": 3, "open_by_handle_at": 2}
#: The bits of a mode by which a file may be executed.
EXEC_BITS: Final = 0o111
