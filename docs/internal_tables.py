"""Writes the table in docs/internal_alerts.md, between its marks, from the table in the code.

script/docs runs it, and tests/test_docs.py compares, so the page is never out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from falcohost.host.internal_alerts import ALERTS

PAGE = Path(__file__).resolve().parent / "internal_alerts.md"
_NAME = "internal alerts"


def renewed(text: str) -> str:
    """Return the page *text* with the current table."""
    lines = "\n".join(table())
    new = f"<!-- {_NAME}: written by script/docs -->\n\n{lines}\n\n<!-- end of {_NAME} -->"
    old = f"<!-- {_NAME}: written by script/docs -->\n(?s:.*?)<!-- end of {_NAME} -->"
    return re.sub(old, new.replace("\\", r"\\"), text)


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| rule | priority | raised when | switched by | default |"
    yield "|---|---|---|---|---|"
    for one in ALERTS:
        default = "on" if one.default else "off"
        yield f"| `{one.rule}` | {one.priority.label} | {one.when} | `{one.key}` | {default} |"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
