"""The operator ``regex``: RE2 in POSIX syntax over the whole value, as in Falco; Perl's classes are accepted too.

Attackers choose the values, so never match with a backtracking engine here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcohost.engine.texts import valid
from falcohost.engine.values import ValueTextError


def regex(pattern: str) -> Callable[[str], bool]:
    """Return a predicate: the whole value matches *pattern*.

    :raises ValueTextError: RE2 does not accept *pattern*.
    """
    fullmatch = _compile(pattern, perl_classes=True).fullmatch

    def matches(value: str) -> bool:
        try:
            data = value.encode()
        except UnicodeEncodeError:
            data = valid(value).encode()
        return fullmatch(data) is not None

    return matches


def check_regex(pattern: str) -> bool:
    """Return whether Falco accepts *pattern* too; it refuses Perl's classes.

    :raises ValueTextError: RE2 does not accept *pattern* at all.
    """
    try:
        _compile(pattern, perl_classes=False)
    except ValueTextError:
        _compile(pattern, perl_classes=True)
        return False
    return True


def _compile(pattern: str, *, perl_classes: bool) -> Any:
    import re2  # only where a rule has such an operator

    options = re2.Options()
    options.posix_syntax = True
    options.longest_match = True
    options.never_capture = True
    options.log_errors = False
    options.perl_classes = perl_classes
    try:
        return re2.compile(valid(pattern).encode(), options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueTextError(f"invalid regex pattern: {text}") from None
