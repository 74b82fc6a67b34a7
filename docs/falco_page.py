"""Writes docs/falco-compatibility.md: how each of Falco's fields of system calls compares, from the rows of the fields.

script/docs runs it, and plugins/syscall/tests/fields/test_compared.py compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.fields import Field
from falcohost_syscall.fields.compared import DIFFERS
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.fields.rows import FIELDS

PAGE = Path(__file__).resolve().parent / "falco-compatibility.md"
#: Fields of containers and Kubernetes are described in the plugin's README; a lookup has them.
ELSEWHERE = ("container.", "k8s.", "k8smeta.", "proc.is_container_")

_INTRODUCTION = """# Falco's fields

How the fields of system calls compare with those of Falco 0.44, field by field. `same` means the same values for the
same events; `differs` says in what; `absent` fields can be named, but no event has them. Rules that need an absent
field or an event that never comes get a warning when they are loaded, and `falcohost rules stats` lists them.

Fields of containers and Kubernetes are in the [README of the plugin](../plugins/syscall/README.md#fields).
The 25 of Falco's plugin `k8smeta` are [all there](../plugins/k8smeta/README.md#fields), but come from the API server:
no collector is asked, and what is configured about it (`collectorHostname`, `collectorPort`, `caPEMBundle`, `hostProc`,
`verbosity`) has no effect ([what differs](kubernetes.md#falcos-plugin)). How events
and their parameters differ is in
[Differences from Falco's events](../plugins/syscall/README.md#differences-from-falcos-events) there.

script/docs writes this page from the rows of the fields.

"""
_OWN = """
## Fields that Falco does not have

"""


def page() -> str:
    """Return the text of the page."""
    fields = {field.name: field for field in (*GENERIC_FIELDS, *FIELDS)}
    told = [fields[name] for name in sorted(fields) if not name.startswith(ELSEWHERE)]
    own = ", ".join(f"`{field.name}`" for field in told if _own(field))
    rows = "\n".join(_rows(field for field in told if not _own(field)))
    return f"{_INTRODUCTION}| field | | why |\n|---|---|---|\n{rows}\n{_OWN}{own}\n"


def _own(field: Field) -> bool:
    return isinstance(field, SyscallField) and field.own


def _rows(fields: Iterator[Field]) -> Iterator[str]:
    for field in fields:
        state, why = _state(field)
        yield f"| `{field.name}` | {state} | {why} |"


def _state(field: Field) -> tuple[str, str]:
    if field.absent:
        return "absent", field.description.removeprefix("Always absent: ").capitalize()
    differs = DIFFERS.get(field.name, "")
    return ("differs", differs) if differs else ("same", "")


if __name__ == "__main__":
    PAGE.write_text(page())
