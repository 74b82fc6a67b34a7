"""What a worker gets to run its source, as plain data: the settings that the source needs, and its rules.

The reader writes it into a sealed memfd, the worker reads it there. No other process does, so that the secrets in it
are in no other process's memory.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from falcohost.helpers import HelperSpec
from falcohost.host.capturing.data import CaptureData
from falcohost.host.functions import name_of
from falcohost.host.plugins import PluginData, Plugins, needed_by, plugin_data
from falcohost.host.sealed import check_sealed, read_sealed, sealed
from falcohost.pipeline.settings import PipelineConfig

_Part = TypeVar("_Part")


class WorkerData(msgspec.Struct, frozen=True):
    """Everything that a worker needs to run one source.

    :ivar only_log: system calls that are forbidden are only logged.
    :ivar loads: the source has a loader.
    :ivar helpers: the helpers to start.
    :ivar plugins: the plugins to load, with their settings: the source's own, and those that add something to it.
    :ivar environment: the environment variables that the source needs, beside those that every process has.
    :ivar programs: names of those that programs get which the source starts.
    :ivar static: the values of the fields ``static.*``.
    :ivar rules: the enabled rules of the source, encoded by :mod:`falcohost.host.encoded_rules`.
    :ivar asked: what the rules ask of the source's loader; *patterns*: they may take RE2.
    :ivar first: report only the first rule that an event matches.
    :ivar hostname: the name of this host in alerts.
    :ivar iso8601: write times in alerts as ISO 8601.
    :ivar base64: write buffers in base64.
    :ivar actions: the names of the rules that cause actions; None: nobody takes any.
    :ivar capture: how captures are recorded; None: none are.
    :ivar once: somebody waits for the source, so that it gives up what fails for long.
    """

    source: str
    only_log: bool
    loads: bool
    helpers: list[HelperSpec]
    plugins: list[PluginData]
    environment: Mapping[bytes, bytes]
    programs: tuple[str, ...]
    static: Mapping[bytes, bytes]
    rules: bytes
    asked: bytes
    first: bool
    pipeline: PipelineConfig
    hostname: str
    iso8601: bool
    base64: bool
    once: bool = False
    loading: Loading | None = None
    actions: tuple[str, ...] | None = None
    capture: CaptureData | None = None
    patterns: bool = False


class Loading(msgspec.Struct, frozen=True):
    """How a loader begins. With it the loader need not register plugins and ask their hooks: 2 MB.

    :ivar function: returns what prepares everything, ``module:name``; it is marked (:mod:`falcohost.by_name`).
    :ivar capabilities: what the loader keeps.
    :ivar settings: the settings that the function gets, as JSON.
    """

    function: str
    capabilities: list[str]
    settings: bytes


def plugins_for(source: str, plugins: Plugins) -> list[PluginData]:
    """Return the plugins that the worker of *source* loads, each with the settings that it needs for that.

    :raises ConfigError: a setting cannot be plain data.
    """
    owner, trim = plugins.owner(source), plugins.sources()[source].settings
    found = []
    for one in needed_by(source, plugins):
        settings = trim(one.settings) if one is owner and trim is not None else one.settings
        others = {stand.name for stand in one.stands_for} - {*plugins.blocks(one)}
        found.append(plugin_data(one, {key: value for key, value in settings.items() if key not in others}))
    return found


def loading_for(source: str, plugins: Plugins, needed: Iterable[PluginData]) -> Loading | None:
    """Return how the loader of *source* begins; None: it has to ask the plugins that are *needed*."""
    owner, spec = plugins.owner(source), plugins.sources()[source]
    capabilities = frozenset(spec.load_capabilities or ())
    name = None if spec.load is None else name_of(spec.load, "load", capabilities)
    if name is None or any(one.drivers for one in needed_by(source, plugins) if one is not owner):
        return None
    (settings,) = (one.settings for one in needed if one.name == owner.name)
    return Loading(name, sorted(capabilities), settings)


def as_bytes(texts: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return *texts* as bytes, which may be no UTF-8, since they come from the command line or the environment."""
    return {os.fsencode(name): os.fsencode(value) for name, value in texts.items()}


def as_texts(data: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return what :func:`as_bytes` got."""
    return {os.fsdecode(name): os.fsdecode(value) for name, value in data.items()}


def seal(data: WorkerData) -> int:
    """Return the descriptor of a sealed memfd with *data*."""
    return sealed(f"falcohost {data.source}", _encode(data))


def seal_early(data: LoaderData) -> int:
    """Return the descriptor of a sealed memfd with *data*, for :func:`unseal_for_loader`."""
    return sealed(f"falcohost {data.source} loader", _encode(data))


def peek(descriptor: int) -> Beginning:
    """Return the beginning of what :func:`seal` wrote, and have nothing else of it in memory.

    :raises ValueError: it is something else.
    """
    return _part(descriptor, _peek)


def unseal_for_loader(descriptor: int) -> LoaderData:
    """Return what a loader needs of what :func:`seal` wrote, and have nothing else of it in memory.

    :raises ValueError: it is something else.
    """
    return _part(descriptor, _decode_for_loader)


def _part(descriptor: int, decode: Callable[[mmap.mmap], _Part]) -> _Part:
    check_sealed(descriptor)
    with mmap.mmap(descriptor, 0, mmap.MAP_PRIVATE, mmap.PROT_READ) as content:
        return decode(content)


class Beginning(msgspec.Struct, frozen=True):
    """What a worker has to know of its :class:`WorkerData` before it loads anything."""

    only_log: bool
    loads: bool
    helpers: list[HelperSpec]


class LoaderData(msgspec.Struct, frozen=True):
    """What the loader of a source needs of its :class:`WorkerData`: not the rules.

    Before the rules are read, *asked* is empty.

    :ivar keeps: what is prepared ahead is kept. Where is not the reader's to say, which could have written there.
    """

    source: str
    only_log: bool
    plugins: list[PluginData]
    environment: Mapping[bytes, bytes]
    programs: tuple[str, ...]
    static: Mapping[bytes, bytes]
    asked: bytes
    loading: Loading | None = None
    patterns: bool = False
    keeps: bool = False


def unseal(descriptor: int) -> WorkerData:
    """Return what :func:`seal` wrote.

    :raises ValueError: it is something else.
    """
    return _decoder.decode(read_sealed(descriptor))


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(WorkerData)
_peek = msgspec.msgpack.Decoder(Beginning).decode
_decode_for_loader = msgspec.msgpack.Decoder(LoaderData).decode
