"""Writes the table of fields in each plugin's README, between its marks, from the rows that rules are checked with.

script/docs runs it, and tests/test_docs.py compares, so a README is never out of date.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from falcohost import ArgKind, Field
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.host.plugins import ask
from falcohost.lookups import LookupSpec
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.fields.rows import FIELDS as SYSCALL_FIELDS
from falcohost_text.formats import FORMATS

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- fields of {source}: written by script/docs -->"
END = "<!-- end of fields -->"
#: Settings of plugins whose sources depend on them.
SETTINGS = {
    "json": {"sources": [{"name": "json", "open_params": "FILE"}]},
    "tables": {
        "tables": {"asset": {"file": "/assets.csv", "match": "network", "columns": {"owner": "text", "groups": "list"}}}
    },
    "text": {"sources": [{"name": form, "open_params": "FILE", "format": form} for form in FORMATS]},
}
#: Marks fields that kernel filters can check.
IN_KERNEL = "▪"
ARGUMENTS = {ArgKind.NONE: "", ArgKind.INDEX: "[n]", ArgKind.KEY: "[key]", ArgKind.ANY: "[n or key]"}


def readmes() -> Iterator[tuple[Path, str]]:
    """Yield the path of each plugin's README, and its text with a current table."""
    for folder in sorted(path for path in (ROOT / "plugins").iterdir() if path.is_dir()):
        module = importlib.import_module(f"falcohost_{folder.name}.plugin")
        plugin = ask(folder.name, module, "falcohost", "0", SETTINGS.get(folder.name, {}))
        text = (folder / "README.md").read_text()
        for spec in plugin.sources:
            generic = GENERIC_FIELDS if spec is plugin.sources[0] else ()
            fields = (*generic, *plugin.fields.get(spec.name, ()))
            text = with_table(text, spec.name, {field.name: field for field in reversed(fields)}.values())
        for lookup in plugin.lookups:
            text = with_table(text, lookup.name, [*lookup.spec.fields, *_filled(lookup.spec)])
        yield folder / "README.md", text


def _filled(spec: LookupSpec) -> Iterator[Field]:
    """Yield the fields of system calls that a lookup fills."""
    yield from (field for field in SYSCALL_FIELDS if field.name in spec.fills)


def with_table(text: str, source: str, fields: Iterable[Field]) -> str:
    """Return *text* with the table between the marks of *source*, unchanged if there are none."""
    begin = BEGIN.format(source=source)
    pattern = re.compile(f"({re.escape(begin)}\n).*?(?={re.escape(END)})", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}\n{table(fields)}\n", text)


def table(fields: Iterable[Field]) -> str:
    """Return the table, sorted by name."""
    rows = ["| field | type | what it is |", "|---|---|---|"]
    for field in sorted(fields, key=lambda field: field.name):
        rows.append(f"| `{field.name}{argument(field)}` | {kind(field)} | {cell(field.description)}{mark(field)} |")
    return "\n".join(rows) + "\n"


def mark(field: Field) -> str:
    """Return the mark of a field that kernel filters can check, else nothing."""
    return f" {IN_KERNEL}" if isinstance(field, SyscallField) and field.fact is not None else ""


def argument(field: Field) -> str:
    """Return the argument as a rule writes it."""
    text = ".NAME" if field.dotted else ARGUMENTS[field.arg]
    return text if field.arg_required or not text else f"({text})"


def kind(field: Field) -> str:
    """Return the type, with restrictions of use."""
    notes = [
        "list" if field.is_list else "",
        "conditions only" if field.filter_only else "",
        "outputs only" if field.print_only else "",
        "deprecated" if field.deprecated else "",
    ]
    return ", ".join([field.type.value, *filter(None, notes)])


def cell(text: str) -> str:
    """Return *text* as Markdown for a table cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    for path, text in readmes():
        path.write_text(text)
