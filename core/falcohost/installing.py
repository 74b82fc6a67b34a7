"""Says how to install what an extra of falcohost brings, from where this falcohost was installed.

pip records that (``direct_url.json``, PEP 610): a checkout, a wheel, or, without a record, a package index.
"""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path

from falcohost.api import OURS


def how_to_install(extra: str) -> str:
    """Return the command that installs falcohost with *extra*."""
    place = _place()
    if place is None:
        return f"pip install {shlex.quote(f'{OURS}[{extra}]')}"
    path, option = place
    if path is None:
        return f"pip install '.[{extra}]' in a checkout of falcohost"
    return f"pip install {option}{shlex.quote(f'{path}[{extra}]')}"


def how_to_upgrade() -> str:
    """Return how to install a newer falcohost."""
    return f"pip install --upgrade {OURS}" if _place() is None else "install a newer falcohost"


@cache
def _place() -> tuple[Path | None, str] | None:
    """Return where falcohost was installed from, with pip's option for that; None: from a package index.

    The path is None if nothing is there any more.
    """
    from importlib.metadata import PackageNotFoundError, distribution  # large, and hardly needed

    try:
        record = distribution(OURS).read_text("direct_url.json")
    except PackageNotFoundError:
        return None, ""
    if record is None:
        return None
    try:
        found = json.loads(record)
        from urllib.parse import unquote, urlsplit  # where something is missing

        address = urlsplit(found["url"])
        path = Path(unquote(address.path)) if address.scheme == "file" else None
        editable = found.get("dir_info", {}).get("editable") is True
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, ""
    return (path if path is not None and path.exists() else None), "-e " if editable else ""
