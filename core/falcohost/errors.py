"""Errors that falcohost raises for people to read.

FalcohostError
├── ConfigError      a configuration file, an option or a key is wrong
├── RulesError       rules files were refused
├── PluginError      a plugin is missing, broken or clashes with another
├── SourceError      an event source cannot be opened or has failed
│   └── AddressTaken its address is in use
├── OutputError      an output cannot be opened or did not accept alerts
│   ├── OutputRefused its receiver will never accept some alerts
│   ├── OutputLost   it cannot work in this process any more
│   └── OutputClosed its reader is gone for good
└── StateError       the state directory cannot be used

Apart from these stands UnknownValueError, which nobody reads: a getter says with it that a value cannot be known.

The text of each is a whole sentence that says what is wrong, where, and how to fix it. The command line prints it
after ``Error: `` and exits with status 1. A traceback that reaches the user is a bug.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class FalcohostError(Exception):
    """Base of all errors that the user reads.

    :cvar exit_status: exit status of the command line; a subclass may set another.
    """

    exit_status: ClassVar[int] = 1


class ConfigError(FalcohostError):
    """A configuration file, an option on the command line or a key in either is wrong."""


class RulesError(FalcohostError):
    """Rules files were refused; the text is what Falco prints for them."""


class PluginError(FalcohostError):
    """A plugin is missing, cannot be imported, raises, or claims a name that another one has."""


class SourceError(FalcohostError):
    """An event source cannot be opened, or failed while it was read."""


class AddressTaken(SourceError):
    """The address that an event source listens on is in use.

    :ivar port: the port of that address.
    """

    def __init__(self, text: str, port: int) -> None:
        super().__init__(text)
        self.port = port


class OutputError(FalcohostError):
    """An output cannot be opened, or did not accept the alerts.

    :ivar progressed: it has accepted some of them that it had not before; the host tries again soon.
    """

    progressed = False


class OutputRefused(OutputError):
    """An output's receiver will never accept some alerts of a delivery; it has accepted all others.

    The host parks these: they are kept for ``falcohost store resend``, and the next alerts are delivered.

    :ivar refused: why, by the alert's index in the delivery.
    """

    def __init__(self, refused: Mapping[int, str]) -> None:
        super().__init__(next(iter(refused.values()), "refused"))
        self.refused = dict(refused)


class OutputLost(OutputError):
    """An output needs rights that its process has given up: the host replaces the process."""


class OutputClosed(OutputError):
    """The reader of an output is gone for good (a closed pipe): the host does not try again."""


class StateError(FalcohostError):
    """The directory in which alerts and cursors are kept cannot be used."""


class UnknownValueError(Exception):
    """A field has a value that is not known, or only its beginning is: what hangs on it is undecided."""
