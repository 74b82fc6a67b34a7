"""The capabilities that an agent of root needs to have its processes under users of their own, whatever it watches."""

from __future__ import annotations

import os
from typing import Final

from falcohost.host.confine.capabilities import CAPABILITIES, permitted_capabilities

#: To change users and groups, and to end processes of other users.
_NEEDED: Final = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL")


def rights_problem() -> str | None:
    """Return what this process lacks; None: nothing, or it is not root's, and all processes share its user."""
    if os.geteuid() != 0:
        return None
    permitted = permitted_capabilities()
    lacks = [name for name in _NEEDED if CAPABILITIES.index(name) not in permitted]
    if not lacks:
        return None
    options = " ".join(f"--cap-add {name.removeprefix('CAP_')}" for name in lacks)
    return (
        f"falcohost runs as root, but without {', '.join(lacks)}: it cannot give its processes users of their own, and "
        f"end them; allow that (in a container: {options}), or run it as another user"
    )
