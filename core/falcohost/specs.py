"""Specs of what a plugin offers beside sources and outputs: keys of the configuration, drivers, commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import click

#: What the value of a key can be; ``list`` is a list of texts, ``object`` whatever YAML can say.
KeyType: TypeAlias = "type[bool] | type[int] | type[float] | type[str] | type[list[str]] | type[object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKey:
    """A key of the configuration. The value is in the plugin's settings, at the same path: ``settings["shop"]["url"]``.

    :ivar key: its path from the top, with dots (``shop.url``). A plugin's keys begin with its own name.
    :ivar type: ``bool``, ``int``, ``float``, ``str``, ``list`` (of texts) or ``object`` (anything). A value of another
        type is refused with its place.
    :ivar default: the value where the key is not there.
    :ivar help: what it does, in Markdown, for the reference.
    :ivar shown_default: what the reference says where the default is not one value.
    :ivar choices: the values that a text can have.
    :ivar check: returns a sentence if a value cannot be, else None.
    :ivar secret: the value is never shown, neither by messages nor by ``--support``.
    :ivar effect: False for a key that is accepted because Falco has it, and does nothing; it is named at start-up.
    """

    key: str
    type: KeyType
    default: Any = None
    help: str = ""
    shown_default: str = ""
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None
    secret: bool = False
    effect: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPolicy:
    """What is done about events that a source has lost: a share above the threshold takes a token, which buys actions.

    Every loss is counted and logged in any case.

    :ivar what: names it in messages, and in the rule of the alert (``syscall event drop``).
    :ivar events: what was lost (``system calls``).
    :ivar threshold: a share of a second's events, from 0 to 1.
    :ivar actions: of ``log``, ``alert``, ``exit`` and ``ignore``.
    :ivar key: where the configuration has them, for messages.
    :ivar rate: tokens a second.
    :ivar burst: how many tokens there can be.
    :ivar simulate: acts as if an event were lost each second.
    :ivar fields: returns further output fields of the alert, given what was lost by cause.
    """

    what: str
    events: str
    threshold: float
    actions: tuple[str, ...]
    key: str
    rate: float
    burst: float
    simulate: bool = False
    fields: Callable[[Mapping[str, int]], Mapping[str, str]] = lambda dropped: {}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """A driver of a source that can have several. Provisional.

    :ivar name: the value of the key *chosen_by* that chooses it (``modern_ebpf``).
    :ivar description: one line that ends with a full stop.
    :ivar chosen_by: that key of the configuration (``engine.kind``), which is the source's plugin's.
    :ivar make: makes the driver; with which arguments, the source's plugin says. That plugin finds all drivers that its
        keys can choose in its settings, as ``settings["drivers"]``: a mapping from names to these.
    :ivar check: as that of the source's spec: what the driver needs, for ``falcohost doctor``.
    :ivar capabilities: as those of the source's spec: what the driver keeps once it is open.
    """

    name: str
    description: str
    chosen_by: str
    make: Callable[..., Any]
    check: Callable[[Mapping[str, Any]], Iterable[tuple[str, str | None]]] | None = None
    capabilities: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A command below ``falcohost``. Provisional.

    :ivar name: what is typed: ``falcohost <name>``.
    :ivar help: its line in the list of commands.
    :ivar make: called with the plugin's settings once the command is typed; returns the click command. What the command
        needs is imported there, so that others do not wait for it.
    """

    name: str
    help: str
    make: Callable[[Mapping[str, Any]], click.Command]
