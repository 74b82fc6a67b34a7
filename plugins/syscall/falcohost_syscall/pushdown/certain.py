"""Says what is certain of checks before anything has happened.

A call without a parameter never has a value of it, an event of a path had no error, and what has the name of a file is
one. So coverage does not ask for what no event can show.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from falcohost.ir import Check, Exists, FieldRef, predicate
from falcohost_syscall.calls.flags import TABLES
from falcohost_syscall.calls.rows import BY_NAME, Call, Param
from falcohost_syscall.facts.accounts import OfAccount
from falcohost_syscall.facts.kinds import check_bounds
from falcohost_syscall.fields.agent import can_be_about_agent
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.fields.rows import BY_FIELD_NAME
from falcohost_syscall.filters.condition import FALSE, TRUE
from falcohost_syscall.parameters import values
from falcohost_syscall.parameters.paths import OPENS
from falcohost_syscall.pushdown.decide import Known

#: Kinds of parameters whose texts are the names of a table or numbers.
_NAMED = frozenset({"enum", "flags", "mode", "open"})
_NUMBERS = frozenset({"i32", "i64", "u32", "u64", "hex", "oct"})
#: Fields that only a file has, and those of paths of calls that succeeded.
_OF_FILES = frozenset({"fd.filename"})
_OF_PATHS = frozenset({"fs.path.name", "fs.path.source", "fs.path.target"})

#: Calls that return 0 or an error.
_ZERO = frozenset({"unshare", "setns", "mount", "umount", "umount2", "chroot", "pivot_root", "socketpair"})
_ERRORS = tuple(-number for number in errno.errorcode)
#: Calls that copy a process with all namespaces.
_FORKS = frozenset({"fork", "vfork"})
#: Pairs of sockets that the kernel makes: of these families and types, each with the two flags or without.
_PAIRS = {
    "domain": ("AF_UNIX", "AF_LOCAL", "AF_TIPC"),
    "type": tuple(kind | flags for kind in range(1, 6) for flags in (0, 2048, 524288, 526336)),
}
#: The commands of bpf(2) that hand out what somebody else has loaded.
_HANDED_OUT = ("BPF_MAP_GET_FD_BY_ID", "BPF_PROG_GET_FD_BY_ID", "BPF_LINK_GET_FD_BY_ID", "BPF_OBJ_GET")


class Certain:
    """What is certain of checks of system calls."""

    def __init__(self) -> None:
        self._known: Known = {}

    def fixed(self, event_type: str, check: Check | Exists) -> bool | None:
        """Return what *check* is for each event of this type; None: that differs, or is not known."""
        row, ref = BY_NAME.get(event_type), check.left
        if row is None or not isinstance(ref, FieldRef) or not isinstance(ref.field, SyscallField):
            return None
        if ref.field.name == "evt.arg" and isinstance(check, Check) and _is_no_value(row, ref, check):
            return False
        if ref.field.name == "evt.agent_part" and not can_be_about_agent(row):
            return False
        if ref.field.name == "evt.rawres" and event_type in _ZERO and check == Check(ref, ">", 0):
            return False
        if event_type in _FORKS and ref.field.name == "evt.arg" and ref.arg == "flags" and _is_of_namespaces(check):
            return False
        fact = None if ref.field.fact is None else ref.field.fact(row, ref.arg)
        if fact is None or isinstance(fact, OfAccount):
            return None
        key = id(check), fact
        if key not in self._known:
            self._known[key] = check, check_bounds(check, fact)
        bounds = self._known[key][1]
        return False if bounds.over == FALSE else True if bounds.under == TRUE else None

    def implied(self, event_type: str, check: Check | Exists) -> Iterator[Check | Exists]:
        """Yield what else is true of each event of this type for which *check* is."""
        row, ref = BY_NAME.get(event_type), check.left
        if row is None or not isinstance(ref, FieldRef):
            return
        if ref.field.name in _OF_PATHS and event_type not in OPENS:
            yield Check(_ref("evt.rawres"), "=", 0)
        if event_type == "open_by_handle_at" and ref.field.name == "fd.name" and _is_no_name(check):
            yield Check(_ref("evt.rawres"), ">=", 0)
            yield Check(_ref("fd.num"), ">=", 0)
        if ref.field.name == "evt.agent_part" and row.opens:
            yield Check(_ref("evt.rawres"), ">=", 0)
            yield Check(_ref("fd.num"), ">=", 0)
        if (
            row.creates_fd
            and ref.field.name == "fd.num"
            and isinstance(check, Check)
            and (check.op, check.right) == (">=", 0)
        ):
            yield Check(_ref("evt.rawres"), ">=", 0)
        if (
            event_type in ("mount", "fsopen", "quotactl")
            and ref.field.name == "evt.arg"
            and ref.arg == "type"
            and _is_of_numbers(check)
        ):
            yield Check(_ref("evt.rawres"), "in", _ERRORS)
        if event_type == "bpf" and ref.field.name == "evt.agent_part":
            yield Check(_ref("evt.rawres"), ">=", 0)
            yield Check(FieldRef(BY_FIELD_NAME["evt.arg"], "cmd", "evt.arg.cmd"), "in", _HANDED_OUT)
        if event_type == "socketpair" and ref.field.name == "evt.rawres" and check == Check(ref, ">=", 0):
            for name, made in _PAIRS.items():
                yield Check(FieldRef(BY_FIELD_NAME["evt.arg"], name, f"evt.arg.{name}"), "in", made)
        if ref.field.name in _OF_FILES:
            yield Check(_ref("fd.type"), "=", "file")
            yield Check(_ref("fd.typechar"), "=", "f")
            if row.creates_fd:
                yield Check(_ref("fd.num"), ">=", 0)
                yield Check(_ref("evt.rawres"), ">=", 0)


def _is_of_namespaces(check: Check | Exists) -> bool:
    """Return whether *check* asks for flags with which a new process gets namespaces of its own."""
    right = (check.right if isinstance(check.right, tuple) else (check.right,)) if isinstance(check, Check) else ()
    return bool(right) and all(isinstance(one, str) and one.startswith("CLONE_NEW") for one in right)


def _is_of_numbers(check: Check | Exists) -> bool:
    """Return whether *check* asks for numbers; no file system is called so, and all kinds of quotas have names."""
    right = check.right if isinstance(check, Check) and check.op == "in" and isinstance(check.right, tuple) else ()
    return bool(right) and all(str(one).isdecimal() for one in right)


def _is_no_name(check: Check | Exists) -> bool:
    """Return whether *check* is false of a file without a name, as after a call that failed and was passed no path."""
    right = check.right if isinstance(check, Check) else ()
    return isinstance(check, Check) and isinstance(right, (str, tuple)) and not predicate(check)("")


def _is_no_value(row: Call, ref: FieldRef, check: Check) -> bool:
    """Return whether a parameter, which is a name of a table or a number, is none of the constants in any event."""
    param = values.find(row, ref.arg if isinstance(ref.arg, (int, str)) else "")
    constants = check.right if isinstance(check.right, tuple) else (check.right,)
    texts = [text for text in constants if isinstance(text, str) and text and not text[0].isdigit()]
    if param is None or check.modifier not in (None, "anyof") or len(texts) < len(constants):
        return False
    names = _names(param)
    if names is None:
        return False
    if check.op in ("=", "in"):
        return not any(text in names for text in texts)
    if check.op == "startswith":  # a negative number begins with a sign
        return not any(text.startswith("-") or name.startswith(text) for text in texts for name in (*names, ""))
    return check.op == "contains" and not any(text in name for text in texts for name in names)


def _names(param: Param) -> frozenset[str] | None:
    if param.kind in _NUMBERS:
        return frozenset()
    table = "open" if param.kind == "open" else param.table
    return None if param.kind not in _NAMED or table is None else frozenset(name for name, _ in TABLES[table].names)


def _ref(name: str) -> FieldRef:
    return FieldRef(BY_FIELD_NAME[name], None, name)
