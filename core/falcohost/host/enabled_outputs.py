"""Which outputs are on, and a channel to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from falcohost.alert import Alert
from falcohost.engine.alerts import JsonOptions, encode_json
from falcohost.errors import ConfigError, FalcohostError, OutputError
from falcohost.hookspecs import Output, OutputSpec
from falcohost.host.config.keys import MISSING_OUTPUTS
from falcohost.host.config.rules import AlertsConfig
from falcohost.host.config.sections import OutputsConfig
from falcohost.log import log
from falcohost.outputs import built_in
from falcohost.outputs.channel import Channel
from falcohost.outputs.lines import encode_text
from falcohost.store.store import Store


def enabled_outputs(
    config: OutputsConfig, alerts: AlertsConfig, offered: Mapping[str, OutputSpec]
) -> dict[str, OutputSpec]:
    """Return the outputs that the configuration switches on, of ours and of those that plugins have *offered*.

    :raises ConfigError: none is on, or a plugin's has the name of one of ours.
    """
    ours = built_in(_encoder(alerts))
    if both := ours.keys() & offered.keys():
        raise ConfigError(f"a plugin offers the output '{min(both)}', which is falcohost's own")
    known = ours | dict(offered)
    for name in config.blocks:
        if name in MISSING_OUTPUTS and name not in known:
            log.warning("This version of falcohost has no %s output: %s_output is without effect", name, name)
    enabled = {name: known[name] for name in config.blocks if name in known}
    if not enabled:
        raise ConfigError("No output configured, please make sure at least one output is configured and enabled.")
    return enabled


def open_channels(
    specs: Mapping[str, OutputSpec], config: OutputsConfig, store: Store, *, unbuffered: bool
) -> list[Channel]:
    """Return a channel from *store* to each output, not yet started.

    :raises OutputError: an output cannot be opened.
    """
    buffered = config.buffered and not unbuffered
    return [Channel(name, _make(spec, config), store, buffered=buffered) for name, spec in specs.items()]


def _make(spec: OutputSpec, config: OutputsConfig) -> Output:
    try:
        return spec.make(config.blocks[spec.name])
    except FalcohostError:
        raise
    except Exception as error:
        raise OutputError(f"the output '{spec.name}' cannot be opened: {type(error).__name__}: {error}") from error


def _encoder(config: AlertsConfig) -> Callable[[Alert], bytes]:
    if not config.json:
        return encode_text
    options = JsonOptions(
        output=config.with_output, message=config.with_message, output_fields=config.with_fields, tags=config.with_tags
    )
    return lambda alert: encode_json(alert, options)
