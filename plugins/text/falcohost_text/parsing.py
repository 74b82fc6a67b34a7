"""Parses lines with a source's patterns: RE2 over bytes, so that no line can make a match slow or unreadable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from falcohost import ConfigError
from falcohost.jsonlog import Refused, whole_record
from falcohost_text.exported import members
from falcohost_text.formats import MESSAGES, Format

#: What the groups of a pattern matched.
Groups: TypeAlias = dict[str, bytes]

#: Returns the groups of a line; None if it does not have the form.
Parse: TypeAlias = Callable[[bytes], "Groups | None"]

#: Groups of the journal's members.
_JOURNAL = {
    "_HOSTNAME": "host",
    "SYSLOG_IDENTIFIER": "program",
    "_PID": "pid",
    "MESSAGE": "message",
    "PRIORITY": "priority",
    "__REALTIME_TIMESTAMP": "time",
    "_SYSTEMD_UNIT": "unit",
    "_UID": "uid",
    "_EXE": "exe",
}


def compiled(pattern: str, *, over_lines: bool = False) -> Any:
    """Return the compiled *pattern*; it matches bytes, whatever their encoding.

    :param over_lines: a dot also matches the end of a line.
    :raises ConfigError: RE2 does not accept it.
    """
    import re2  # takes long to import, and is only needed for a source that is opened or checked

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.dot_nl = over_lines
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise ConfigError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None


def named_groups(pattern: Any) -> list[tuple[str, int]]:
    """Return the named groups of a compiled pattern, with their numbers, in order."""
    groups = ((name.decode() if isinstance(name, bytes) else name, at) for name, at in pattern.groupindex.items())
    return sorted(groups, key=lambda group: group[1])


def parser(form: Format, *, over_lines: bool = False) -> Parse:
    """Return the function that parses lines of the format *form*, or records of several lines."""
    patterns = [compiled(one, over_lines=over_lines) for one in form.patterns]
    parse = _by_patterns(patterns, form.absent)
    if form.is_journal or form.is_export:
        parse = _journal if form.is_journal else _exported
    if not form.has_messages:
        return parse
    messages = {
        program.encode(): [
            (action.encode(), _by_patterns([compiled(pattern)], b"")) for action, pattern in patterns.items()
        ]
        for program, patterns in MESSAGES.items()
    }

    def with_message(line: bytes) -> Groups | None:
        groups = parse(line)
        if groups is not None and (patterns := messages.get(groups.get("program", b""))):
            groups.update(_message(patterns, groups.get("message", b"")))
        return groups

    return with_message


def _by_patterns(patterns: list[Any], absent: bytes) -> Parse:
    searches = [(pattern.search, named_groups(pattern)) for pattern in patterns]

    def parse(line: bytes) -> Groups | None:
        for search, groups in searches:
            match = search(line)
            if match is not None:
                return {name: value for name, at in groups if (value := match[at]) is not None and value != absent}
        return None

    return parse if patterns else lambda line: {}


def _message(patterns: Iterable[tuple[bytes, Parse]], message: bytes) -> Groups:
    for action, parse in patterns:
        groups = parse(message)
        if groups is not None:
            return {"action": action, **groups}
    return {}


def _journal(line: bytes) -> Groups | None:
    try:
        record = whole_record(line)
    except Refused:
        return None
    return _of_journal({name: value for name in (*_JOURNAL, "_COMM") if (value := _member(record, name)) is not None})


def _exported(entry: bytes) -> Groups | None:
    return _of_journal({name.decode("ascii", "replace"): value for name, value in members(entry).items()})


def _of_journal(found: dict[str, bytes]) -> Groups | None:
    if "__REALTIME_TIMESTAMP" not in found:
        return None
    if "_COMM" in found:
        found.setdefault("SYSLOG_IDENTIFIER", found["_COMM"])
    groups = {group: found[member] for member, group in _JOURNAL.items() if member in found}
    if not groups.get("priority", b"0").isdigit():
        del groups["priority"]
    return groups


def _member(record: Mapping[str, Any], name: str) -> bytes | None:
    """Return a member of a journal's record, which is an array of bytes if it is not UTF-8, or of several values."""
    value = record.get(name)
    if isinstance(value, list) and all(type(byte) is int and 0 <= byte < 256 for byte in value):
        return bytes(value)
    if isinstance(value, list):
        value = next((item for item in reversed(value) if isinstance(item, str)), None)
    return value.encode("utf-8", "replace") if isinstance(value, str) else None
