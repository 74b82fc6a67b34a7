"""The rules of one source as bytes, for its worker: at its start, and for a reload."""

from __future__ import annotations

import msgspec

from falcohost.engine.codec.decode import ruleset as decode_ruleset
from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.codec.rows import RulesetRow
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Ruleset
from falcohost.events import Plan
from falcohost.host.catalogs import catalogs
from falcohost.host.plugins import Plugins
from falcohost.pipeline.rules import Rules


def encode_rules(ruleset: Ruleset, source: str) -> bytes:
    """Return the enabled rules of *source* as bytes."""
    return _encode(ruleset_row(Ruleset(ruleset.enabled(source))))


def decode_rules(data: bytes, source: str, plugins: Plugins, *, first: bool) -> Rules:
    """Return the rules that :func:`encode_rules` encoded.

    :raises ValueError: *data* is not a ruleset for the fields of *plugins*.
    """
    ruleset = decode_ruleset(_decoder.decode(data), catalogs(plugins))
    return Rules.compiled(source, ruleset.enabled(source), first=first)


def decode_plan(data: bytes, source: str, plugins: Plugins) -> Plan:
    """Return the plan of the rules that :func:`encode_rules` encoded.

    :raises ValueError: *data* is not a ruleset for the fields of *plugins*.
    """
    return make_plan(source, decode_ruleset(_decoder.decode(data), catalogs(plugins)).enabled(source))


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(RulesetRow)
