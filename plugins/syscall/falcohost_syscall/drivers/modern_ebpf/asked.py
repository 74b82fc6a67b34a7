"""What the rules ask of the probe, as plain data: so the process that loads the probe never has the rules.

It is found out where the rules are read, with the accounts of that moment.
"""

from __future__ import annotations

import logging
import os
import struct
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from falcohost import Plan
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf import parts, wanted, written
from falcohost_syscall.drivers.modern_ebpf.at_first import SHARES, parted, shares
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.drivers.modern_ebpf.written import Written
from falcohost_syscall.fields.field import Need
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.processes.users import Stamp, Users, stamps
from falcohost_syscall.pushdown.joint import Joint, joint, together
from falcohost_syscall.pushdown.needs import needs
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.pushdown.present import present
from falcohost_syscall.watched.paths import watched_paths

_log = logging.getLogger("falcohost")


class Asked(msgspec.Struct, frozen=True):
    """What to collect.

    :ivar types: the event types.
    :ivar conditions: the necessary conditions of those that have one.
    :ivar options: what the probe sends besides.
    :ivar watched: the files to watch by inode.
    :ivar present: what of each event type is collected only of events that pass (``ASKS_…``).
    :ivar joint: the conditions that filters of several event types share.
    :ivar accounts: the state of the files with accounts, if it depends on them.
    """

    types: list[str]
    conditions: dict[str, Condition]
    options: Options
    watched: list[bytes]
    present: dict[str, int]
    joint: list[Joint] = []
    accounts: list[Stamp] | None = None

    @property
    def filtered(self) -> dict[str, Condition]:
        """The conditions for filters: joint ones for event types that have such."""
        return together(self.conditions, self.joint)


class Compiled(NamedTuple):
    """Filters that are compiled already.

    :ivar first: those with which a start begins, in shares made at the same time; empty: they are not compiled.
    :ivar later: those that come after that; None: there are none, or they are not compiled.
    """

    first: Sequence[Written] = ()
    later: Written | None = None


def ask(config: Config, plan: Plan, *, compiled: bool = False) -> bytes:
    """Return what *plan* asks for; *compiled*: and behind that the filters of a start, and those that come later."""
    found = stamps()  # first, so that a change meanwhile is noticed
    chosen = config.base.choose(plan)
    every = not config.process_context
    users = Users()
    needed = conditions(chosen, users, all_processes=every) if config.pushdown else {}
    collected = wanted.collected(chosen, needed, all_processes=every)
    paths = watched_paths(config.watched, chosen) if config.all_names else frozenset()
    options = wanted.options(chosen, needed, all_processes=every)
    asked = Asked(
        sorted(collected),
        {name: condition for name, condition in sorted(needed.items()) if name in collected},
        options._replace(watched=bool(paths), requested=not config.all_names),
        sorted(map(os.fsencode, paths)),
        {name: bits for name in sorted(collected) if (bits := present(chosen, BY_NAME[name]))},
        joint(chosen, users, {name: condition for name, condition in needed.items() if name in collected}),
        found if Need.ACCOUNTS in needs(chosen) else None,
    )
    said = zlib.compress(_encode(asked))  # the loader keeps it
    takes = _encode_parts(sorted(_parts(config, chosen)))
    return _SIZES.pack(len(takes), len(said)) + takes + said + (_compile(asked) if compiled else b"")


def _compile(asked: Asked) -> bytes:
    first, later = parted(asked.filtered)
    shared = [written.write(share) for share in shares(first, SHARES)]
    return _encode_filters((shared, written.write(later, begun=first.keys()) if later else b""))


def _parts(config: Config, plan: Plan) -> frozenset[str]:
    """Return the parts of the probe that *plan* takes (:mod:`.parts`), whatever accounts there are.

    Else a new account could make a part needed of which no loader knows that begins with what is asked for now.
    """
    every = not config.process_context
    types = wanted.collected(plan, {}, all_processes=every)
    hooks, asks = wanted.hooks(types), {name: present(plan, BY_NAME[name]) for name in types}
    calls = wanted.calls(types, only_successful=config.only_successful, hooks=hooks, present=asks)
    requests = wanted.requests(types, only_successful=config.only_successful)
    moments = wanted.moments(types, present=asks)
    return parts.needed(calls, requests, moments, wanted.options(plan, {}, all_processes=every), hooks)


def read(data: bytes) -> Asked:
    """Return what :func:`ask` encoded, without filters.

    :raises ValueError: it is something else.
    """
    inflate = zlib.decompressobj()
    try:
        said = inflate.decompress(data[slice(*_ends(data))], _MOST)
    except zlib.error as error:
        raise ValueError(f"damaged: {error}") from error
    if not inflate.eof:
        raise ValueError("it ends early, or is too long")
    return _decode(said)


def takes(data: bytes) -> frozenset[str]:
    """Return the parts of the probe that it takes to collect what :func:`ask` encoded.

    :raises ValueError: it is something else.
    """
    begin, _ = _ends(data)
    found = frozenset(_decode_parts(data[_SIZES.size : begin]))
    if unknown := found - parts.ALL:
        raise ValueError(f"unknown parts: {', '.join(sorted(unknown))}")
    return found


def alone(data: bytes) -> bytes:
    """Return what :func:`ask` returned as it is without filters."""
    return data[: _ends(data)[1]]


def compiled(data: bytes) -> Compiled:
    """Return the filters behind what :func:`ask` encoded, if there are any that can be used."""
    try:
        if not (behind := data[_ends(data)[1] :]):
            return Compiled()
        first, later = _decode_filters(behind)
        return Compiled([one for share in first if (one := written.read(share)) is not None], written.read(later))
    except ValueError as error:
        _log.debug("Filters that were kept are compiled anew: %s", error)
        return Compiled()


def _ends(data: bytes) -> tuple[int, int]:
    """Return where the parts that it takes end, and where the rest does that is not filters."""
    if len(data) < _SIZES.size:
        raise ValueError("it is too short")
    first, second = _SIZES.unpack_from(data)
    return _SIZES.size + first, _SIZES.size + first + second


#: How long the parts are that it takes, and what is asked for, before them.
_SIZES: Final = struct.Struct("=II")
#: Most bytes of what is asked for; with the shipped rules it is a hundredth of that.
_MOST: Final = 64 << 20
_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_decode: Final = msgspec.msgpack.Decoder(Asked).decode
_encode_parts: Final = msgspec.msgpack.Encoder().encode
_decode_parts: Final = msgspec.msgpack.Decoder(list[str]).decode
_encode_filters: Final = msgspec.msgpack.Encoder().encode
_decode_filters: Final = msgspec.msgpack.Decoder(tuple[list[bytes], bytes]).decode
