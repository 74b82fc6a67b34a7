"""The limit of open files, which an agent raises if it can: its parts hold many descriptors of the kernel."""

from __future__ import annotations

import resource

#: The files that a process of the agent may have open at least. With one source it has some 130 open, and twice as many
#: while it goes over to new rules.
NEEDED = 512

#: What they may have if they can: where calls are seen at functions of their own, each takes three
#: (:func:`falcohost.handed.room`).
WANTED = 4096


def open_files_problem() -> str | None:
    """Raise this process's limit where it is lower than an agent wants; return why it has too few, or None."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _suffices(soft, WANTED):
        return None
    wanted = WANTED if _suffices(hard, WANTED) else max(hard, NEEDED)
    try:
        # To raise the hard limit takes CAP_SYS_RESOURCE.
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard if _suffices(hard, wanted) else wanted))
    except (OSError, ValueError):
        if _suffices(soft, NEEDED):
            return None
        how = f"raise it with 'ulimit -n {NEEDED}', or with LimitNOFILE= in the unit of a service"
        return f"only {hard:,} files may be open at once, and falcohost needs {NEEDED:,}; {how}"
    return None


def _suffices(limit: int, wanted: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= wanted
