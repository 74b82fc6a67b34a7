"""Writes the tables of counters in docs/stats.md, between their marks, from the declarations of the counters.

script/docs runs it, and tests/test_docs.py compares, so the page is never out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from falcohost.counters import Over, Shape, Unit, counters
from falcohost.host.numbers import ActionNumbers, Numbers, OutputNumbers, ProcessNumbers, ProgramNumbers, StoreNumbers

PAGE = Path(__file__).resolve().parent / "stats.md"
_TABLE = "<!-- {name}: written by script/docs -->\n(?s:.*?)<!-- end of {name} -->"
_OVER = {Over.SUM: "continues", Over.LAST: "starts over"}
_UNIT = {
    Unit.COUNT: "",
    Unit.SHARE: ", from 0 to 1",
    Unit.NANOSECONDS: ", in nanoseconds",
    Unit.SECONDS: ", in seconds",
    Unit.BYTES: ", in bytes",
}


def renewed(text: str) -> str:
    """Return the page *text* with current tables."""
    tables = {
        "columns": columns(),
        "keys": keys(),
        "keys of outputs": short_keys(OutputNumbers),
        "keys of the store": short_keys(StoreNumbers),
        "keys of actions": short_keys(ActionNumbers),
        "keys of processes": short_keys(ProcessNumbers),
        "keys of programs": short_keys(ProgramNumbers),
    }
    for name, table in tables.items():
        lines = "\n".join(table)
        new = f"<!-- {name}: written by script/docs -->\n\n{lines}\n\n<!-- end of {name} -->"
        text = re.sub(_TABLE.format(name=name), new.replace("\\", r"\\"), text)
    return text


def columns() -> Iterator[str]:
    """Yield the lines of the table of columns that ``falcohost stats`` prints."""
    tables = [(one.text, one.of) for one in counters(Numbers) if one.of is not None and one.text is not None]
    rows = [(str(head), str(one.text), one.help) for head, of in tables for one in counters(of) if one.text is not None]
    yield from _table(("table", "column", "what it counts"), rows)


def keys() -> Iterator[str]:
    """Yield the lines of the table of a source's numbers in JSON."""
    heads = ("key", "value", "after a restart")
    yield from _table(heads, _keys(Numbers, ""))


def short_keys(of: type) -> Iterator[str]:
    """Yield the lines of the table of numbers in JSON that no restart changes."""
    yield from _table(("key", "value"), (row[:2] for row in _keys(of, "")))


def _keys(of: type, path: str) -> Iterator[tuple[str, ...]]:
    for one in counters(of):
        if one.json is None:
            continue
        key = f"{path}{one.json}"
        by_name = ".NAME" if one.shape in (Shape.BY_NAME, Shape.ROWS) else ""
        yield f"`{key}{by_name}`", f"{one.help}{_UNIT[one.unit]}", _OVER[one.over]
        if one.of is not None and one.text is not None:
            yield from _keys(one.of, f"{key}.NAME.")


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(list(heads))}"
    for cells in dict.fromkeys(rows):
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
