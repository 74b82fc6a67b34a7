"""New rules for a running agent: workers switch to them between two batches. And rules as bytes, for workers.

Only rules can be changed in this way. Any other change of the configuration needs a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from falcohost.engine.codec.decode import ruleset as decode_ruleset
from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.codec.rows import RulesetRow
from falcohost.engine.facts import Facts
from falcohost.engine.ruleset import Ruleset
from falcohost.host.catalogs import catalogs
from falcohost.host.config import Config
from falcohost.host.plugins import Plugins
from falcohost.host.stamps import Stamps
from falcohost.pipeline.rules import Rules


@dataclass(frozen=True, slots=True)
class ReloadedRules:
    """What the supervisor and the workers switch to.

    :ivar data: the memfd of each source's worker, with its new rules.
    :ivar facts: the facts of each source's new rules.
    :ivar names: the names of all rules, in order.
    :ivar read: the files to watch from now on, as they were read.
    """

    data: Mapping[str, int]
    facts: Mapping[str, Facts]
    names: Sequence[str]
    read: Stamps


def only_rules_differ(old: Config, new: Config) -> bool:
    """Return whether *new* and *old* are equal except for rules."""
    return replace(new, document=old.document, rules=old.rules) == old


def encode_rules(ruleset: Ruleset, source: str) -> bytes:
    """Return the enabled rules of *source* as bytes."""
    return _encode(ruleset_row(Ruleset(ruleset.enabled(source))))


def decode_rules(data: bytes, source: str, plugins: Plugins, *, first: bool) -> Rules:
    """Return the rules that :func:`encode_rules` encoded.

    :raises ValueError: *data* is not a ruleset for the fields of *plugins*.
    """
    ruleset = decode_ruleset(_decoder.decode(data), catalogs(plugins))
    return Rules.compiled(source, ruleset.enabled(source), first=first)


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(RulesetRow)
