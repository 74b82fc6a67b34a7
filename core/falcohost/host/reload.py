"""New rules for an agent that runs: compiled in the supervisor, handed to the workers, taken over between two batches.

Only rules change in this way. Whatever else is new in the configuration needs a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from falcohost.engine.codec.decode import ruleset as decode_ruleset
from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.codec.rows import RulesetRow
from falcohost.engine.ruleset import Ruleset
from falcohost.host.catalogs import catalogs
from falcohost.host.config import Config
from falcohost.host.plugins import Plugins
from falcohost.host.task import Task
from falcohost.pipeline.rules import Rules


@dataclass(frozen=True, slots=True)
class NewRules:
    """What the supervisor goes over to.

    :ivar tasks: each source's task, with its new rules.
    :ivar encoded: the same rules as the workers are told of them.
    :ivar first: only the first rule that an event matches counts.
    :ivar names: the names of all rules, in order.
    """

    tasks: Mapping[str, Task]
    encoded: Mapping[str, bytes]
    first: bool
    names: Sequence[str]
    files: tuple[str, ...]


def only_rules_differ(old: Config, new: Config) -> bool:
    """Return whether *new* says the same as *old* about everything but rules."""
    return replace(new, document=old.document, rules=old.rules) == old


def encode_rules(ruleset: Ruleset, source: str) -> bytes:
    """Return the enabled rules of *source* as bytes."""
    return _encode(ruleset_row(Ruleset(ruleset.enabled(source))))


def decode_rules(data: bytes, source: str, plugins: Plugins, *, first: bool) -> Rules:
    """Return what :func:`encode_rules` has written.

    :raises ValueError: *data* is no ruleset over the fields of *plugins*.
    """
    ruleset = decode_ruleset(_decoder.decode(data), catalogs(plugins))
    return Rules.compiled(source, ruleset.enabled(source), first=first)


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(RulesetRow)
