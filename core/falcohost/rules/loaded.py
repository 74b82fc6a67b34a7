"""The options and the result of loading rules; :mod:`falcohost.rules.loader` does the loading.

A module of its own, since a start from the cache does not need the compiler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from falcohost.alert import Priority
from falcohost.engine.ruleset import Ruleset
from falcohost.engine.texts import valid
from falcohost.errors import RulesError
from falcohost.regular import MIB, read_regular
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.encodings import yaml_text
from falcohost.rules.places import RulesFile
from falcohost.rules.results import FileResult
from falcohost.rules.selection import Selection

#: Maximum size of a rules file in bytes.
LARGEST = 64 * MIB

#: The key in ``install_hints`` for sources that nothing is known of.
ANY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """The options of loading.

    :ivar event_types: by source, all values that ``evt.type`` can have.
    :ivar costly: by source and event type, what rules cost that name it (:attr:`falcohost.SourceSpec.costly`).
    :ivar plugins: the versions of the Falco plugins that installed plugins replace, by name.
    :ivar lists: lists that items of lists may name although no file defines them; a file that does so goes first.
    :ivar install_hints: by the name of a missing source or Falco plugin, how to install it.
    """

    append_output: Sequence[AppendOutput] = ()
    selections: Sequence[Selection] = ()
    minimum_priority: Priority = Priority.DEBUG
    event_types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    costly: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)
    install_hints: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of loading.

    :ivar results: one for each file, in order.
    :ivar unmet: the message about a required plugin that is missing or too old, if there is one.
    :ivar ruleset: the rules that could be compiled; to be used only if :attr:`ok`.
    """

    results: tuple[FileResult, ...]
    unmet: str | None
    ruleset: Ruleset

    @property
    def ok(self) -> bool:
        """Return whether every file was accepted and every requirement is met."""
        return self.unmet is None and all(result.ok for result in self.results)

    def check(self) -> None:
        """Raise an error unless the rules are fit for use.

        :raises RulesError: a requirement is not met, or a file was refused; the message is for people.
        """
        from falcohost.rules.people import for_people

        if self.unmet is not None:
            raise RulesError(self.unmet)
        if not self.ok:
            raise RulesError("\n\n".join(for_people(result) for result in self.results if not result.ok))


def read_file(name: str) -> RulesFile:
    """Return the rules file *name*.

    :raises RulesError: it cannot be read, is not a regular file, or is larger than :data:`LARGEST`.
    """
    try:
        content = read_regular(name, LARGEST)
    except OSError as error:
        raise RulesError(f"Could not open file {name} for reading: {error.strerror}") from None
    return RulesFile(valid(name), yaml_text(content, errors="replace"))
