"""Descriptions of what a plugin offers besides sources and outputs: configuration keys, drivers, commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from falcohost.helpers import HelperSpec

if TYPE_CHECKING:
    import click

#: Types of a key's value; ``list`` is a list of strings, ``object`` is anything that YAML can hold.
KeyType: TypeAlias = "type[bool] | type[int] | type[float] | type[str] | type[list[str]] | type[object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKey:
    """A configuration key. The plugin finds the value in its settings at the same path: ``settings["shop"]["url"]``.

    :ivar key: its path from the top, with dots (``shop.url``). A plugin's keys begin with the plugin's name.
    :ivar type: ``bool``, ``int``, ``float``, ``str``, ``list`` (of strings) or ``object`` (anything). A value of
        another type is refused, with file and line.
    :ivar default: the value if the key is not set.
    :ivar help: what it does, in Markdown, for the reference.
    :ivar shown_default: text for the reference where the default is not a single value.
    :ivar choices: the allowed values of a string.
    :ivar check: returns a sentence if a value is not valid, else None.
    :ivar secret: never show the value, neither in messages nor in ``--support``.
    :ivar effect: False for a Falco key that falcohost accepts but ignores; a message at start-up names it.
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
    """How to handle events that a source loses.

    When the share of a second's events that were lost exceeds *threshold*, the actions run if the token bucket has a
    token. Every loss is counted and logged in any case.

    :ivar what: name of the loss in messages and in the alert's rule (``syscall event drop``).
    :ivar events: plural of what is lost (``system calls``).
    :ivar threshold: share of a second's events, from 0 to 1.
    :ivar actions: any of ``log``, ``alert``, ``exit`` and ``ignore``.
    :ivar key: configuration key of the actions, for messages.
    :ivar rate: tokens per second.
    :ivar burst: size of the token bucket.
    :ivar simulate: act as if an event were lost every second.
    :ivar fields: called with the numbers lost by cause; returns additional output fields for the alert.
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

    :ivar name: the value of the key *chosen_by* that selects it (``modern_ebpf``).
    :ivar description: one line that ends with a full stop.
    :ivar chosen_by: the configuration key that selects the driver (``engine.kind``), a key of the source's plugin.
    :ivar make: makes the driver; the source's plugin defines the arguments. That plugin finds the drivers that its keys
        can select in ``settings["drivers"]``, a mapping from name to spec.
    :ivar check: what the driver needs, for ``falcohost doctor``; works like :attr:`falcohost.SourceSpec.check`.
    :ivar capabilities: what the driver keeps once it is open; works like :attr:`falcohost.SourceSpec.capabilities`.
    :ivar helpers: works like :attr:`falcohost.SourceSpec.helpers`.
    :ivar load: makes what prepares in another process what the driver reads; works like
        :attr:`falcohost.SourceSpec.load`.
    :ivar ask: what the rules ask of that; works like :attr:`falcohost.SourceSpec.ask`.
    :ivar asked_with: works like :attr:`falcohost.SourceSpec.asked_with`.
    :ivar load_capabilities: works like :attr:`falcohost.SourceSpec.load_capabilities`.
    :ivar sentinel: works like :attr:`falcohost.SourceSpec.sentinel`.
    :ivar modules: works like :attr:`falcohost.SourceSpec.modules`.
    """

    name: str
    description: str
    chosen_by: str
    make: Callable[..., Any]
    check: Callable[[Mapping[str, Any]], Iterable[tuple[str, str | None]]] | None = None
    capabilities: frozenset[str] | None = None
    helpers: tuple[HelperSpec, ...] = ()
    load: Callable[[Mapping[str, Any]], Any] | None = None
    ask: Callable[[Mapping[str, Any], Any], bytes | None] | None = None
    asked_with: Callable[[Mapping[str, Any]], object] | None = None
    load_capabilities: frozenset[str] | None = None
    sentinel: str = ""
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A subcommand of ``falcohost``. Provisional.

    :ivar name: its name on the command line: ``falcohost <name>``.
    :ivar help: its line in the list of commands.
    :ivar make: called with the plugin's settings when the command is used; returns the click command. Import what the
        command needs in there, so that other commands start faster.
    """

    name: str
    help: str
    make: Callable[[Mapping[str, Any]], click.Command]
