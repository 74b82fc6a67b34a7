"""Writes the tables in docs/plugins.md, between their marks: hooks, specs, types of fields, public modules.

script/docs runs it, and tests/test_docs.py compares, so the page is never out of date.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from falcohost import FieldType, hookspecs
from falcohost.api import MODULES

PAGE = Path(__file__).resolve().parent / "plugins.md"
MARKS = re.compile(r"(<!-- ([\w ]+): written by script/docs -->\n).*?(?=<!-- end of \2 -->)", re.DOTALL)

_NO_DEFAULT = (dataclasses.MISSING, msgspec.NODEFAULT)

#: What a value of each type is.
MEANINGS = {
    FieldType.CHARBUF: "text",
    FieldType.FSPATH: "a path",
    FieldType.FSRELPATH: "a path, relative or absolute",
    FieldType.BYTEBUF: "bytes",
    FieldType.BOOL: "true or false",
    **{kind: "a whole number" for kind in FieldType if "INT" in kind.value},
    FieldType.DOUBLE: "a number",
    FieldType.RELTIME: "a duration in nanoseconds",
    FieldType.ABSTIME: "nanoseconds since the epoch",
    FieldType.PORT: "a port number",
    FieldType.IPADDR: "an address",
    FieldType.IPNET: "an address, compared with networks",
}


def renewed(text: str) -> str:
    """Return the page *text* with current tables."""
    return MARKS.sub(lambda match: f"{match[1]}\n{chr(10).join(_named(match[2]))}\n\n", text)


def _named(name: str) -> Iterator[str]:
    if name == "hooks":
        return _table(("hook", "returns", "status", "what"), hooks())
    if name == "types of fields":
        return _table(("type", "Python type", "value"), types())
    if name == "public modules":
        return _table(("module", "status", "what"), modules())
    return _table(("attribute", "default", "what"), attributes(name.removeprefix("attributes of ")))


def hooks() -> Iterator[tuple[str, ...]]:
    """Yield a row for each hook, in the order in which they are called."""
    for name, hook in vars(hookspecs).items():
        if name.startswith("falcohost_"):
            first, _, _ = inspect.cleandoc(hook.__doc__).partition("\n\n")
            status = "provisional" if "rovisional" in first else "stable"
            first = re.sub(r" \(provisional\)| Provisional\.", "", " ".join(first.split()))
            item = re.search(r"Iterable\[(\w+)\]", hook.__annotations__["return"])
            yield f"[`{name}`](#{name})", f"`{item[1] if item else ''}`", status, code(first)


def attributes(name: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each attribute of the public class *name*."""
    one = next(getattr(module, name) for module in _modules() if hasattr(module, name))
    told = described(one)
    fields = dataclasses.fields(one) if dataclasses.is_dataclass(one) else msgspec.structs.fields(one)
    for attribute in fields:
        yield f"`{attribute.name}`", default(attribute), code(told.get(attribute.name, ""))


def described(one: type) -> dict[str, str]:
    """Return the descriptions of attributes in the docstring of a class."""
    found = re.findall(r"^:ivar (\w+): (.*?)(?=^:|\Z)", inspect.cleandoc(one.__doc__ or ""), re.DOTALL | re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def default(attribute: dataclasses.Field[object] | msgspec.structs.FieldInfo) -> str:
    """Return the default of an attribute."""
    if attribute.default in _NO_DEFAULT:
        return "required" if attribute.default_factory in _NO_DEFAULT else "empty"
    if isinstance(attribute.default, msgspec.Struct):
        return "empty"
    if callable(attribute.default):
        return "nothing"
    return "empty" if attribute.default in ("", (), frozenset()) else f"`{attribute.default}`"


def types() -> Iterator[tuple[str, ...]]:
    """Yield a row for each type of fields."""
    for one in FieldType:
        yield f"`{one.value}`", " or ".join(f"`{kind.__name__}`" for kind in one.python), MEANINGS[one]


def modules() -> Iterator[tuple[str, ...]]:
    """Yield a row for each public module."""
    for name, status in MODULES.items():
        first = (importlib.import_module(name).__doc__ or "").partition("\n")[0]
        yield f"`{name}`", status, code(first)


def _modules() -> Iterator[object]:
    return map(importlib.import_module, MODULES)


def code(text: str) -> str:
    """Return *text* of a docstring as Markdown for a table cell."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return text.replace("|", "\\|").replace("<", "&lt;") if "`" not in text else text.replace("|", "\\|")


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(list(heads))}"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
