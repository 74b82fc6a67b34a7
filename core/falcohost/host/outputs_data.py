"""What the process of outputs and other subscribers gets, as plain data, in a memfd that no other process reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from falcohost.engine.alerts import JsonOptions
from falcohost.environment import selected, without_base
from falcohost.errors import ConfigError
from falcohost.host.plugins import PluginData, Plugins, load_data, plugin_data
from falcohost.host.sealed import read_sealed, sealed
from falcohost.host.worker_data import as_bytes, as_texts
from falcohost.outputs.redaction_settings import Redaction
from falcohost.subscribers.selection import Selection

if TYPE_CHECKING:
    from falcohost.host.config import Config
    from falcohost.host.config.outputs import OutputConfig
    from falcohost.host.config.rules import AlertsConfig


class OutputData(msgspec.Struct, frozen=True):
    """One output.

    :ivar kind: what it is: ``file``, the name of a plugin's.
    :ivar block: its settings as JSON.
    :ivar selection: the alerts that it gets.
    :ivar format: the form of alerts.
    :ivar redact: secrets are replaced.
    """

    kind: str
    block: bytes
    selection: Selection
    format: str
    redact: bool

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return its settings."""
        settings: Mapping[str, Any] = json.loads(self.block)
        return settings


class OutputsData(msgspec.Struct, frozen=True):
    """Everything that outputs and other subscribers need.

    :ivar plugins: the plugins to load: those that offer an enabled output, or a subscriber.
    :ivar environment: the environment variables that the configuration names for these plugins.
    :ivar static: the values of the fields ``static.*``.
    :ivar outputs: the enabled outputs by their names.
    :ivar buffered: gather lines for up to a second.
    :ivar timeout: seconds after which a blocked output is reported.
    :ivar redaction: which secrets are replaced, and how.
    :ivar json: the keys of alerts in JSON.
    :ivar hostname: the name of this host in alerts.
    :ivar iso8601: write times in alerts as ISO 8601.
    :ivar base64: write buffers in base64.
    """

    plugins: list[PluginData]
    environment: Mapping[bytes, bytes]
    static: Mapping[bytes, bytes]
    outputs: Mapping[str, OutputData]
    buffered: bool
    timeout: float
    redaction: Redaction
    json: JsonOptions
    hostname: str
    iso8601: bool
    base64: bool


def outputs_data(
    names: list[str], config: Config, plugins: Plugins, json_options: JsonOptions, hostname: str
) -> OutputsData:
    """Return the data of the outputs *names* and of all subscribers.

    :raises ConfigError: a setting cannot be plain data.
    """
    kinds = {config.outputs.enabled[name].kind for name in names}
    used = [p for p in plugins.loaded if p.subscribers or any(spec.name in kinds for spec in p.outputs)]
    variables = [name for plugin in used for name in config.plugins.environment(plugins.blocks(plugin))]
    return OutputsData(
        plugins=[plugin_data(plugin, plugin.settings) for plugin in used],
        environment=as_bytes(selected(os.environ, variables)),
        static=as_bytes(plugins.static),
        outputs={name: _output(config.outputs.enabled[name], config) for name in names},
        buffered=config.outputs.buffered,
        timeout=config.outputs.timeout,
        redaction=config.outputs.redaction,
        json=json_options,
        hostname=hostname,
        iso8601=config.alerts.iso_8601,
        base64=config.alerts.base64,
    )


def _output(output: OutputConfig, config: Config) -> OutputData:
    try:
        block = json.dumps(output.block).encode()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{output.where} is no plain data: {error}") from error
    return OutputData(output.kind, block, output.selection, format_of(output, config.alerts), output.redact)


def format_of(output: OutputConfig, alerts: AlertsConfig) -> str:
    """Return the form of alerts of an output."""
    return output.format or ("json" if alerts.json else "text")


def load_for_outputs(data: OutputsData) -> Plugins:
    """Load the plugins in *data*, with the environment that they need.

    :raises PluginError: one cannot be loaded.
    """
    os.environ.update(without_base(as_texts(data.environment)))
    return load_data(data.plugins, as_texts(data.static), ("outputs", "subscribers"))


def seal_outputs(data: OutputsData) -> int:
    """Return the descriptor of a sealed memfd with *data*."""
    return sealed("falcohost outputs", _encode(data))


def unseal_outputs(descriptor: int) -> OutputsData:
    """Return what :func:`seal_outputs` wrote.

    :raises ValueError: it is something else.
    """
    return _decoder.decode(read_sealed(descriptor))


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(OutputsData)
