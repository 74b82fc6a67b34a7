"""Credentials of a service of systemd (systemd.exec(5), ``LoadCredential=``): files that no other user can read.

They are better than environment variables, which stay readable in ``/proc`` and are inherited.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: The environment variable with the folder of the service's credentials.
VARIABLE = "CREDENTIALS_DIRECTORY"


def credential(name: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file of the credential *name*, or None if there is none; environment variables have the same names."""
    folder = environment.get(VARIABLE, "")
    if not folder or not name or "/" in name:
        return None
    file = Path(folder, name)
    return file if os.path.lexists(file) else None
