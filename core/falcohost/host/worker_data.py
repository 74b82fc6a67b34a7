"""What a worker gets to run its source, as plain data: the settings that the source needs, and its rules.

The loader writes it into a sealed memfd, the worker reads it there. No other process does, so that the secrets in it
are in no other process's memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from falcohost.errors import ConfigError
from falcohost.host.plugins import PluginData, Plugins, needed_by, plugin_data
from falcohost.host.sealed import read_sealed, sealed
from falcohost.pipeline.settings import PipelineConfig


class WorkerData(msgspec.Struct, frozen=True):
    """Everything that a worker needs to run one source.

    :ivar plugins: the plugins to load, with their settings: the source's own, and those that add something to it.
    :ivar static: the values of the fields ``static.*``.
    :ivar rules: the enabled rules of the source, encoded by :mod:`falcohost.host.reload`.
    :ivar first: report only the first rule that an event matches.
    :ivar hostname: the name of this host in alerts.
    :ivar iso8601: write times in alerts as ISO 8601.
    :ivar base64: write buffers in base64.
    :ivar once: somebody waits for the source, so that it gives up what fails for long.
    """

    source: str
    plugins: list[PluginData]
    static: Mapping[str, str]
    rules: bytes
    first: bool
    pipeline: PipelineConfig
    hostname: str
    iso8601: bool
    base64: bool
    once: bool = False


def plugins_for(source: str, plugins: Plugins) -> list[PluginData]:
    """Return the plugins that the worker of *source* loads, each with the settings that it needs for that."""
    owner, trim = plugins.owner(source), plugins.sources()[source].settings
    return [
        plugin_data(one, trim(one.settings) if one is owner and trim is not None else one.settings)
        for one in needed_by(source, plugins)
    ]


def seal(data: WorkerData) -> int:
    """Return the descriptor of a sealed memfd with *data*.

    :raises ConfigError: a setting cannot be passed on.
    """
    try:
        return sealed(f"falcohost {data.source}", _encode(data))
    except (TypeError, OverflowError) as error:
        raise ConfigError(f"the settings of '{data.source}' cannot be passed to its worker: {error}") from error


def unseal(descriptor: int) -> WorkerData:
    """Return what :func:`seal` wrote.

    :raises ValueError: it is something else.
    """
    return _decoder.decode(read_sealed(descriptor))


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(WorkerData)
