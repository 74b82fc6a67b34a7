"""Chooses the enabled outputs and other subscribers, and makes a runner for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from falcohost.alert import AlertFormat
from falcohost.engine.alerts import INTERNAL, AlertMaker, JsonOptions
from falcohost.engine.buffers import show_as_base64
from falcohost.errors import ConfigError, FalcohostError, OutputError, PluginError
from falcohost.hookspecs import Output, OutputSpec
from falcohost.host.outputs_data import OutputsData, format_of
from falcohost.host.plugins import Plugins
from falcohost.outputs import BUILT_IN
from falcohost.outputs.formats import make_format
from falcohost.outputs.redaction_settings import Redaction
from falcohost.subscriber import SubscriberSpec
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import RunnerStore, ToOutput

if TYPE_CHECKING:
    from falcohost.host.config import Config
    from falcohost.host.config.outputs import OutputsConfig
    from falcohost.host.config.rules import AlertsConfig
    from falcohost.outputs.redaction import Redactor
    from falcohost.subscribers.consumer import Consumer

#: What outputs are asked for, in words.
_HAS = {"files": "writes to", "connects": "connects to"}


def enabled_outputs(config: OutputsConfig, offered: Mapping[str, OutputSpec]) -> dict[str, OutputSpec]:
    """Return the spec of each enabled output by its name; *offered*: those of plugins.

    :raises ConfigError: none is enabled, one in ``outputs:`` is of an unknown type, or a plugin offers one with the
        name of falcohost's own.
    """
    if both := BUILT_IN.keys() & offered.keys():
        raise ConfigError(f"a plugin offers the output '{min(both)}', a name of falcohost's own")
    known = BUILT_IN | dict(offered)
    for name, one in config.enabled.items():
        if one.kind not in known and one.kind != name:
            from falcohost.host.config.outputs import kind_unknown  # where the configuration is read

            raise kind_unknown(one, known)
    enabled = {name: known[one.kind] for name, one in config.enabled.items() if one.kind in known}
    if not enabled:
        raise ConfigError("No output configured, please make sure at least one output is configured and enabled.")
    return enabled


def check_names(plugins: Plugins, config: OutputsConfig) -> None:
    """Check that no two of outputs, subscribers and sources have one name, since the store keeps marks by name.

    :raises PluginError: a subscriber has the name of another.
    :raises ConfigError: an output in ``outputs:`` has.
    """
    others = {INTERNAL, *BUILT_IN, *plugins.outputs(), *plugins.sources()}
    for name, one in config.enabled.items():
        if name != one.kind and name in {*others, *plugins.subscribers()}:
            raise ConfigError(f"{one.where}: '{name}' is the name of a source, a subscriber or an output's type")
    if both := {*others, *config.enabled} & plugins.subscribers().keys():
        raise PluginError(f"a plugin offers the subscriber '{min(both)}', the name of a source or an output")


def files_of(outputs: Iterable[str], config: OutputsConfig, plugins: Plugins) -> list[str]:
    """Return the files that the supervisor opens for *outputs* and for the subscribers of *plugins*.

    :raises OutputError: an output or a subscriber cannot say which.
    """
    return _asked("files", outputs, config, plugins)


def connects_of(outputs: Iterable[str], config: OutputsConfig, plugins: Plugins) -> list[str]:
    """Return the addresses to which *outputs* and the subscribers of *plugins* connect.

    :raises OutputError: an output or a subscriber cannot say which.
    """
    return _asked("connects", outputs, config, plugins)


def _asked(what: str, outputs: Iterable[str], config: OutputsConfig, plugins: Plugins) -> list[str]:
    known = BUILT_IN | plugins.outputs()
    specs: list[tuple[OutputSpec | SubscriberSpec, Mapping[str, Any]]] = [
        *((known[config.enabled[name].kind], config.enabled[name].block) for name in outputs),
        *((spec, plugin.settings) for plugin in plugins.loaded for spec in plugin.subscribers),
    ]
    found: list[str] = []
    for spec, settings in specs:
        try:
            ask: Callable[[Mapping[str, Any]], Iterable[str]] | None = getattr(spec, what)
            found += map(str, ask(settings)) if ask is not None else ()
        except FalcohostError:
            raise
        except Exception as error:
            raise OutputError(
                f"'{spec.name}' cannot say what it {_HAS[what]}: {type(error).__name__}: {error}"
            ) from error
    return list(dict.fromkeys(found))


def open_subscribers(
    data: OutputsData, plugins: Plugins, store: RunnerStore, maker: AlertMaker, *, unbuffered: bool
) -> Subscribers:
    """Return a runner for each output and each of the subscribers of *plugins*, not yet started.

    :raises OutputError: an output cannot be opened.
    :raises PluginError: a subscriber cannot be made.
    """
    show_as_base64(data.base64)
    known = BUILT_IN | plugins.outputs()
    buffered = data.buffered and not unbuffered
    redactor = make_redactor(data.redaction) if any(one.redact for one in data.outputs.values()) else None
    return Subscribers(
        [
            Runner(
                name,
                ToOutput(
                    make_output(known[one.kind], one.settings, make_format(one.format, data.json)),
                    one.selection,
                    redactor.all if redactor is not None and one.redact else None,
                ),
                store,
                buffered=buffered,
            )
            for name, one in data.outputs.items()
        ],
        [
            Runner(spec.name, make_consumer(spec, plugin.settings, store, maker), store, kind="subscriber")
            for plugin in plugins.loaded
            for spec in plugin.subscribers
        ],
        store,
        timeout=data.timeout,
    )


def make_redactor(redaction: Redaction) -> Redactor:
    """Return what replaces secrets in alerts."""
    from falcohost.outputs.redaction import Redactor  # RE2 and what it reads take memory

    return Redactor(redaction)


def alert_format(name: str, config: Config) -> AlertFormat:
    """Return the form of alerts of the output *name*."""
    return make_format(format_of(config.outputs.enabled[name], config.alerts), json_options(config.alerts))


def json_options(config: AlertsConfig) -> JsonOptions:
    """Return what alerts in JSON have."""
    return JsonOptions(
        output=config.with_output,
        message=config.with_message,
        output_fields=config.with_fields,
        tags=config.with_tags,
        with_id=config.with_id,
        subjects=config.with_subjects,
        condition_fields=config.with_condition_fields,
    )


def make_output(spec: OutputSpec, block: Mapping[str, Any], form: AlertFormat) -> Output:
    """Return the output of *spec*, whose block in the configuration is *block*.

    :raises OutputError: it cannot be opened.
    """
    try:
        return spec.make(block, form)
    except FalcohostError:
        raise
    except Exception as error:
        raise OutputError(f"the output '{spec.name}' cannot be opened: {type(error).__name__}: {error}") from error


def make_consumer(spec: SubscriberSpec, settings: Mapping[str, Any], store: RunnerStore, maker: AlertMaker) -> Consumer:
    """Return the consumer for the subscriber of *spec*.

    :raises PluginError: the subscriber cannot be made.
    """
    from falcohost.subscribers.consumer import Consumer  # most agents have none but outputs

    try:
        return Consumer(spec, settings, store.subscribe(spec.name).state, maker)
    except FalcohostError:
        raise
    except Exception as error:
        raise PluginError(f"the subscriber '{spec.name}' cannot be made: {type(error).__name__}: {error}") from error
