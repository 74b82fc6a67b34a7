"""Writes the tables of metrics in docs/metrics.md, between their marks, from what exports them.

script/docs runs it, and tests/test_docs.py compares, so the page is never out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from falcohost.host.health import falco
from falcohost.host.health.exposition import FALCOS, OURS, plain
from falcohost.host.health.points import metrics

PAGE = Path(__file__).resolve().parent / "metrics.md"
_TABLE = "<!-- {name}: written by script/docs -->\n(?s:.*?)<!-- end of {name} -->"


def renewed(text: str) -> str:
    """Return the page *text* with current tables."""
    for name, table in {"metrics": own(), "metrics of Falco": falcos()}.items():
        lines = "\n".join(table)
        new = f"<!-- {name}: written by script/docs -->\n\n{lines}\n\n<!-- end of {name} -->"
        text = re.sub(_TABLE.format(name=name), new.replace("\\", r"\\"), text)
    return text


def own() -> Iterator[str]:
    """Yield the lines of the table of falcohost's own metrics."""
    yield from _row("metric", "type", "labels", "what it is", "switched off by")
    yield from _row(*["---"] * 5)
    for one in metrics():
        labels = ", ".join(f"`{label}`" for label in one.labels)
        key = f"`{one.key}`" if one.key else ""
        yield from _row(f"`{OURS}{one.name}`", _type(one.rises), labels, plain(one.help), key)


def falcos() -> Iterator[str]:
    """Yield the lines of the table of Falco's."""
    yield from _row("metric", "type", "what it is")
    yield from _row(*["---"] * 3)
    for name, what in falco.HELP.items():
        yield from _row(f"`{FALCOS}{name}`", _type(name in falco.COUNTERS), what)


def _type(rises: bool) -> str:
    return "counter" if rises else "gauge"


def _row(*cells: str) -> Iterable[str]:
    yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
