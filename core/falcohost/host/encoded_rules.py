"""The rules of one source as bytes, for its worker: at its start, and for a reload."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from falcohost.engine.codec.decode import ruleset as decode_ruleset
from falcohost.engine.codec.rows import RulesetRow
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule, Ruleset
from falcohost.events import Plan
from falcohost.host.catalogs import catalogs
from falcohost.host.plugins import Plugins
from falcohost.pipeline.rules import Rules


def encode_rules(ruleset: Ruleset, source: str) -> bytes:
    """Return the enabled rules of *source* as bytes."""
    return _encoded(Ruleset(ruleset.enabled(source)))


def encode_all(rules: Iterable[Rule]) -> bytes:
    """Return *rules* as bytes, whatever their source, and whether or not they are enabled."""
    return _encoded(Ruleset(tuple(rules)))


def _encoded(ruleset: Ruleset) -> bytes:
    from falcohost.engine.codec.encode import ruleset_row  # only the process that reads rules encodes any

    return _encode(ruleset_row(ruleset))


def decode_rules(data: bytes, source: str, plugins: Plugins, *, first: bool, also: bytes = b"") -> Rules:
    """Return the rules that :func:`encode_rules` encoded.

    :param also: further such rules: what they ask for is collected, and they match nothing.
    :raises ValueError: *data* is not a ruleset for the fields of *plugins*.
    """
    found = decode_enabled(data, source, plugins)
    return Rules.compiled(source, found, first=first, collected=decode_enabled(also, source, plugins) if also else ())


def decode_plan(data: bytes, source: str, plugins: Plugins, also: bytes = b"") -> Plan:
    """Return the plan of the rules that :func:`encode_rules` encoded, and of those in *also*.

    :raises ValueError: *data* is not a ruleset for the fields of *plugins*.
    """
    more = decode_enabled(also, source, plugins) if also else ()
    return make_plan(source, (*decode_enabled(data, source, plugins), *more))


def decode_enabled(data: bytes, source: str, plugins: Plugins) -> tuple[Rule, ...]:
    """Return the rules that :func:`encode_rules` encoded, as such.

    :raises ValueError: *data* is not a ruleset for the fields of *plugins*.
    """
    return decode_ruleset(_decoder.decode(data), catalogs(plugins)).enabled(source)


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(RulesetRow)
