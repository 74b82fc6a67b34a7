"""The result of loading a rules file: one object, from which the text, the JSON and the form for people are written.

Errors are collected. A step that cannot go on raises :class:`LoadFailure`; its caller adds it to the result and
continues with the next item.
"""

from __future__ import annotations

from msgspec import Struct, field

from falcohost.rules.codes import ErrorCode, WarningCode
from falcohost.rules.places import Context, Place, RulesFile


class Spot(Struct, frozen=True):
    """The place in a file where a problem is shown."""

    file: RulesFile
    place: Place


class Problem(Struct, frozen=True, kw_only=True):
    """One error or warning.

    :ivar message: Falco's message.
    :ivar context: Falco's chain of locations.
    :ivar said: our message for people, if it differs.
    :ivar spot: the exact place, if it is known better than by the last location of *context*.
    :ivar via: lines that say through which macros and lists the place is reached.
    :ivar hint: how to fix it.
    :ivar field: the deprecated field that this is about.
    """

    code: ErrorCode | WarningCode
    message: str
    context: Context
    said: str | None = None
    spot: Spot | None = None
    via: tuple[str, ...] = ()
    hint: str | None = None
    field: str | None = None


class LoadFailure(Exception):
    """A step of loading cannot go on; carries the error."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        context: Context,
        *,
        said: str | None = None,
        spot: Spot | None = None,
        via: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = Problem(code=code, message=message, context=context, said=said, spot=spot, via=via, hint=hint)


class FileResult(Struct):
    """The result of loading the file *name*.

    :ivar schema: the result of the schema check of each document: ``ok``, or what failed; empty without a check.
    """

    name: str
    file: RulesFile
    schema: list[str] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Return whether the file was accepted."""
        return not self.errors

    @property
    def schema_status(self) -> str:
        """Return the result of the schema check in one line: ``ok``, ``none`` or the first failure."""
        return self.schema[0] if self.schema else "none"

    def fail(self, failure: LoadFailure) -> None:
        """Add the error of *failure*."""
        self.errors.append(failure.problem)

    def warn(self, code: WarningCode, message: str, context: Context, *, hint: str | None = None) -> None:
        """Add a warning."""
        self.warnings.append(Problem(code=code, message=message, context=context, hint=hint))
