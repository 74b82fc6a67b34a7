"""Every error that falcohost raises for people to read.

FalcohostError
├── ConfigError      a configuration file, an option or a key is wrong
├── RulesError       rules files were refused; carries the load results
├── PluginError      a plugin is missing, broken or clashes with another
├── SourceError      an event source cannot be opened or has failed
│   └── AddressTaken somebody else listens on its address
├── OutputError      an output cannot be opened or did not accept alerts
│   └── OutputClosed nobody reads any more, and nobody will
└── StateError       the state directory cannot be used

The text of each is a whole sentence that says what is wrong, where, and what would mend it; the command line prints
it behind ``Error: `` and exits 1. Anything else that reaches the user as a traceback is a bug.
"""

from __future__ import annotations

from typing import ClassVar


class FalcohostError(Exception):
    """Base of all errors that are meant to be read by the user.

    :cvar exit_status: with which the command line ends; a subclass may have another.
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
    """Somebody else listens on the address of an event source.

    :ivar port: of that address.
    """

    def __init__(self, text: str, port: int) -> None:
        super().__init__(text)
        self.port = port


class OutputError(FalcohostError):
    """An output cannot be opened, or did not accept what it was given."""


class OutputClosed(OutputError):
    """Nobody reads an output any more, and nobody will: the host does not try again."""


class StateError(FalcohostError):
    """The directory in which alerts and cursors are kept cannot be used."""
