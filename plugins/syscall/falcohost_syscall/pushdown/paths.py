"""What the kernel knows of ``fs.path.*``: the name of a file that is opened, and paths and texts as they were passed.

Paths that are made whole for calls that open no file are left to user space.
"""

from __future__ import annotations

from typing import Final

from falcohost.fields import Arg
from falcohost_syscall import fields_path
from falcohost_syscall.calls import Call
from falcohost_syscall.fields_path import OPENS, Read, Table
from falcohost_syscall.pushdown import descriptors, layout
from falcohost_syscall.pushdown.condition import Condition, Point, View, negate, within
from falcohost_syscall.pushdown.descriptors import RET
from falcohost_syscall.pushdown.kinds import Describe, Either, Fact, Untold, constant
from falcohost_syscall.pushdown.textual import Textual

#: By what user space reads: the text in the kernel that says the same.
_PASSED: Final[dict[Read, View]] = {
    fields_path.raw: layout.view("path", Point.MEMORY),
    fields_path.raw2: layout.view("path2", Point.MEMORY),
    fields_path.string: layout.view("str", Point.MEMORY),
}


def path(table: Table, *, raw: bool) -> Describe:
    """Describe a path of *table*, made whole or as it was passed."""

    def describe(row: Call, _: Arg) -> Fact | None:
        if row.name not in table:
            return constant(None)
        read = table[row.name][raw]
        if read is fields_path.opened:
            name = Textual(descriptors.name_view("name", row), _worked(row), rooted=True)
            return Either(descriptors.IS_NAMED, name, Untold())
        view = _PASSED.get(read)
        return None if view is None else Textual(view, _worked(row))

    return describe


def _worked(row: Call) -> Condition:
    return negate(within(RET, (-1, -1))) if row.name in OPENS else within(RET, (0, 0))
