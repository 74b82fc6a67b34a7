"""The part of a condition that depends on the folder of an opened file, and on its last name, whoever opens it.

The probe asks once for a folder whether files may be wanted there whatever their names, and then leaves out what is
opened there (bpf/folders.bpf.h): regular files that have one name, which begins with the folder's path and a slash, and
ends with a part without one, which is none that a rule asks for (:mod:`falcohost_syscall.facts.sieve`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.header import FLAGS_OF_FILE, RET
from falcohost_syscall.facts.sieve import OPS, LastName
from falcohost_syscall.filters.condition import (
    FALSE,
    TRUE,
    All,
    Bits,
    Condition,
    Literal,
    Point,
    Text,
    Within,
    all_of,
    any_of,
    literals,
)
from falcohost_syscall.filters.merge import merged
from falcohost_syscall.records.record import FD_FILE

#: The calls whose paths and flags are where the probe looks for them.
_CALLS: Final = frozenset({"open", "openat", "creat"})
#: The bits of flags that are the access mode.
_MODES: Final = 3
_FOLDER: Final = layout.view("folder", Point.OBJECT)
#: The last name, whatever the record says that it is.
_LAST: Final = layout.view("filename", Point.OBJECT)
_FLAGS: Final = layout.fact("flags", 4, Point.CALL).offset
_KIND: Final = layout.fact("kind", 1, Point.OBJECT).offset
_NAME: Final = layout.view("name", Point.OBJECT).offset
_DIRECTORY: Final = layout.view("directory", Point.OBJECT).offset
_FILENAME: Final = _LAST.offset
_PATH: Final = layout.view("path", Point.OBJECT).offset
_REAL: Final = layout.file_name("real").offset


def has_folders(row: Call) -> bool:
    """Return whether the probe may leave out whole folders of the calls of *row*."""
    return row.name in _CALLS


def of_folders(condition: Condition) -> Condition:
    """Return what holds of a folder, and of the flags of an open, if *condition* may hold of an open in that folder.

    Opens of files with one of the :func:`last_names` are left out of account.
    """
    return merged(_without_names(_of_folder(condition)))


def last_names(condition: Condition) -> frozenset[LastName]:
    """Return the tests of last names of which one passes where *condition* holds but not that of :func:`of_folders`."""
    tests = [literal.test for literal in literals(_of_folder(condition))]
    return frozenset(
        (test.op, one) for test in tests if isinstance(test, Text) and test.view == _LAST for one in test.constants
    )


def _without_names(condition: Condition) -> Condition:
    """Return *condition* of a file whose last name passes no test."""
    if isinstance(condition, Literal):
        return FALSE if isinstance(condition.test, Text) and condition.test.view == _LAST else condition
    join = all_of if isinstance(condition, All) else any_of
    return join(map(_without_names, condition.items))


def modes(condition: Condition) -> int:
    """Return the access modes (1 << ``os.O_RDONLY`` …) of the opens for which it pays to ask of a folder.

    It does not for those that are left out by their flags, and for those that may be wanted in every folder.
    """
    known, found = merged(_known_early(condition)), of_folders(condition)
    return sum(
        1 << mode for mode in range(_MODES + 1) if _with_mode(known, mode) != FALSE and _with_mode(found, mode) != TRUE
    )


def _known_early(condition: Condition) -> Condition:
    """Return what of *condition* depends on the flags and the result alone."""
    if not isinstance(condition, Literal):
        join = all_of if isinstance(condition, All) else any_of
        return join(map(_known_early, condition.items))
    return TRUE if isinstance(condition.test, Text) else _literal(condition)


def _with_mode(condition: Condition, mode: int) -> Condition:
    """Return *condition* for one access mode."""
    if not isinstance(condition, Literal):
        join = all_of if isinstance(condition, All) else any_of
        return join(_with_mode(item, mode) for item in condition.items)
    test = condition.test
    if isinstance(test, Within) and test.number.offset == _FLAGS and test.number.mask == _MODES:
        return _known(test, condition.negated, mode, mode)
    return condition


def _of_folder(condition: Condition) -> Condition:
    if isinstance(condition, Literal):
        return _literal(condition)
    join = all_of if isinstance(condition, All) else any_of
    return join(map(_of_folder, condition.items))


def _literal(literal: Literal) -> Condition:
    test, negated = literal.test, literal.negated
    if isinstance(test, Text):
        return _text(test, negated=negated)
    if not isinstance(test, (Within, Bits)) or test.number.keyed:
        return TRUE
    if test.number == FLAGS_OF_FILE:  # the probe has not looked for a folder if it set one of these
        return TRUE if negated else FALSE
    if test.number.offset == _FLAGS:
        return literal
    if isinstance(test, Within):
        if test.number.offset == _KIND:
            return _known(test, negated, FD_FILE, FD_FILE)
        if test.number == RET:
            return _known(test, negated, 0, RET.highest)
    return TRUE


def _known(test: Within, negated: bool, least: int, most: int) -> Condition:
    """Return whether a number between *least* and *most* passes: always, never, or (true, too) it depends."""
    if any(low <= least and most <= high for low, high in test.ranges):
        return FALSE if negated else TRUE
    if all(high < least or most < low for low, high in test.ranges):
        return TRUE if negated else FALSE
    return TRUE


def _text(test: Text, *, negated: bool) -> Condition:
    place, constants = test.view.offset, test.constants
    if place in (_NAME, _REAL):
        return _untrue(test.op, constants) if negated else _of_name(test.op, _rooted(test.op, constants))
    if place == _PATH and not negated:  # which may be the last name alone: that has no slash
        return _of_name(test.op, constants)
    if place == _FILENAME and not negated:
        return any_of(_last(test.op, constant) for constant in constants) if test.op != "exists" else TRUE
    if place == _DIRECTORY:
        # It has not the folder's last slash, so neither does what is in it certainly.
        if negated:
            return TRUE if any(one.endswith(b"/") for one in constants) else _untrue(test.op, constants)
        return _of_directory(test.op, constants)
    return TRUE


def _rooted(op: str, constants: Iterable[bytes]) -> list[bytes]:
    """Return *constants* without those that no name which begins with a slash passes."""
    return [one for one in constants if op not in ("=", "startswith") or one.startswith(b"/") or one == b""]


def _of_name(op: str, constants: Iterable[bytes]) -> Condition:
    """Return where the folder's path may begin a name that passes the test, and with which last names."""
    return TRUE if op == "exists" else any_of(_of_names(op, constant) for constant in constants)


def _of_names(op: str, constant: bytes) -> Condition:
    above, below = constant[: (cut := constant.rfind(b"/") + 1)], constant[cut:]
    if not above:
        return _last(op, constant)
    if op in ("=", "startswith") and not constant.startswith(b"/"):
        return TRUE
    if op == "=":
        return all_of((_test("=", above), _last("=", below)))
    if op == "startswith":
        return any_of((_test("startswith", constant), all_of((_test("=", above), _last("startswith", below)))))
    if op == "endswith":
        return all_of((_test("endswith", above), _last("=", below)))
    if op == "contains":
        return any_of((_test("contains", constant), all_of((_test("endswith", above), _last("startswith", below)))))
    return _test("icontains", above) if op == "icontains" else TRUE


def _last(op: str, constant: bytes) -> Condition:
    """Return the test of a last name, or true where there is no such test."""
    return Literal(Text(_LAST, op, frozenset({constant}))) if op in OPS and constant else TRUE


def _of_directory(op: str, constants: frozenset[bytes]) -> Condition:
    """Return where the folder's path without its last slash, unless that is all of it, may pass the test."""
    if op == "=":
        return any_of(_test("=", one if one == b"/" else one + b"/") for one in constants)
    if op == "endswith":
        return any_of((_test("=", b"/"), *(_test("endswith", one + b"/") for one in constants)))
    if op in ("startswith", "contains", "icontains"):
        return _test(op, *constants)
    return TRUE


def _untrue(op: str, constants: Iterable[bytes]) -> Condition:
    """Return where not every name in the folder passes the test, which the negation needs."""
    if op not in ("startswith", "contains", "icontains"):
        return TRUE
    return Literal(Text(_FOLDER, op, frozenset(constants)), negated=True)


def _test(op: str, *constants: bytes) -> Condition:
    return Literal(Text(_FOLDER, op, frozenset(constants)))
