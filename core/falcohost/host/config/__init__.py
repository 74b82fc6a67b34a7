"""The configuration: Falco's ``falco.yaml`` or falcohost's own, parsed into one small frozen object per consumer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falcohost.errors import ConfigError
from falcohost.host.config import overrides
from falcohost.host.config.capture import CaptureConfig, read_capture
from falcohost.host.config.document import Document, empty_document, include_files, read_document
from falcohost.host.config.for_plugins import ForPlugins
from falcohost.host.config.health import HealthConfig, read_health
from falcohost.host.config.internal import InternalConfig, read_internal
from falcohost.host.config.keys import key_tree, without_known
from falcohost.host.config.outputs import OutputsConfig, read_outputs
from falcohost.host.config.reader import Reader
from falcohost.host.config.response import ResponseConfig, read_response
from falcohost.host.config.rules import AlertsConfig, RulesConfig, read_alerts, read_rules
from falcohost.host.config.sections import (
    PluginsConfig,
    StateConfig,
    TrustConfig,
    read_log,
    read_nice,
    read_only_logs,
    read_pipeline,
    read_plugins,
    read_source_timeout,
    read_state,
    read_static_fields,
    read_trust,
    read_uids,
    read_watch_interval,
)
from falcohost.log import LogConfig
from falcohost.pipeline.settings import PipelineConfig

#: Configuration files that are tried if none is named; the first that exists is read.
DEFAULT_FILES = ("/etc/falcohost/falcohost.yaml", "/etc/falco/falco.yaml")

#: The configuration if there is no file, as options.
BUILT_IN = (
    "stdout_output.enabled=true",
    "append_output[].suggested_output=true",
    "log_stderr=true",
    "log_syslog=false",
)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. Pass on only the part that is needed, not this object.

    :ivar document: the unparsed files, for messages and ``--support``.
    :ivar static: the values of the fields ``static.*``.
    :ivar watch_interval: seconds between two checks of files that may change.
    :ivar source_timeout: seconds after which a source that does not come back is reported; 0: never.
    :ivar only_logs: system calls that are forbidden are only logged.
    :ivar nice: the precedence that the agent takes (nice(1)).
    :ivar uids: the users of which each process of the agent gets one.
    :ivar others: values of keys that are not falcohost's own but plugins', as plain data.
    """

    document: Document
    log: LogConfig
    plugins: PluginsConfig
    rules: RulesConfig
    alerts: AlertsConfig
    outputs: OutputsConfig
    state: StateConfig
    pipeline: PipelineConfig
    static: Mapping[str, str]
    watch_interval: float
    source_timeout: float
    nice: int
    uids: range
    only_logs: bool
    trust: TrustConfig
    health: HealthConfig
    internal: InternalConfig
    response: ResponseConfig
    capture: CaptureConfig
    others: Mapping[str, Any]

    @property
    def for_plugins(self) -> ForPlugins:
        """Return the part of the configuration for plugins."""
        named = frozenset({*self.plugins.names, *self.plugins.blocks, *self.outputs.kinds})
        return ForPlugins(self.plugins.settings, self.static, named, trusted=self.trust.files, root=self.document.root)


def find_config(path: str | None) -> str | None:
    """Return the file to read: *path*, or the first of :data:`DEFAULT_FILES` that exists, or None.

    :raises ConfigError: *path* does not exist, or this user may not look for the others.
    """
    if path is not None:
        try:
            Path(path).stat()
        except OSError as error:
            why = "" if isinstance(error, FileNotFoundError) else f": {error.strerror}"
            raise ConfigError(f"Could not find configuration file at {path}{why}") from None
        return path
    try:
        return next((file for file in DEFAULT_FILES if Path(file).exists()), None)
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration file {error.filename}: {error.strerror}") from None


def load_config(path: str | None = None, options: Sequence[str] = ()) -> Config:
    """Read *path* (or the default file, or the built-in configuration) and apply the *options* ``key=value`` to it.

    :raises ConfigError: a file, an option or a value in them is wrong.
    """
    file = find_config(path)
    document = read_document(file) if file is not None else _built_in()
    for option in filter(overrides.names_include, options):
        overrides.apply_option(document, option)
    include_files(document)
    for option in options:
        overrides.apply_option(document, option)
    return parse(document)


def _built_in() -> Document:
    document = empty_document("built-in configuration")
    for option in BUILT_IN:
        overrides.apply_option(document, option)
    return document


def parse(document: Document) -> Config:
    """Return the parsed *document*.

    :raises ConfigError: a value has the wrong type.
    """
    reader = Reader(document.root)
    return Config(
        document=document,
        log=read_log(reader),
        plugins=read_plugins(reader),
        rules=read_rules(reader),
        alerts=read_alerts(reader),
        outputs=read_outputs(reader),
        state=read_state(reader),
        pipeline=read_pipeline(reader),
        static=read_static_fields(reader),
        watch_interval=read_watch_interval(reader),
        source_timeout=read_source_timeout(reader),
        nice=read_nice(reader),
        uids=read_uids(reader),
        only_logs=read_only_logs(reader),
        trust=read_trust(reader),
        health=read_health(reader),
        internal=read_internal(reader),
        response=read_response(reader),
        capture=read_capture(reader),
        others=without_known(document.root, key_tree()),
    )
