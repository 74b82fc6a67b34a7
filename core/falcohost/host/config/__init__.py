"""The configuration: Falco's ``falco.yaml`` and ours, parsed once into small frozen objects, one per consumer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falcohost.errors import ConfigError
from falcohost.host.config import overrides
from falcohost.host.config.document import Document, include_files, read_document, read_text
from falcohost.host.config.for_plugins import ForPlugins
from falcohost.host.config.keys import key_tree, without_known
from falcohost.host.config.reader import Reader
from falcohost.host.config.rules import AlertsConfig, RulesConfig, read_alerts, read_rules
from falcohost.host.config.sections import (
    OutputsConfig,
    PluginsConfig,
    StateConfig,
    read_log,
    read_outputs,
    read_pipeline,
    read_plugins,
    read_state,
)
from falcohost.log import LogConfig
from falcohost.pipeline.settings import PipelineConfig

#: Where a configuration is looked for when none is named; the first that exists is read.
DEFAULT_FILES = ("/etc/falcohost/falcohost.yaml", "/etc/falco/falco.yaml")

#: The configuration of a machine that has none.
BUILT_IN = """
stdout_output: {enabled: true}
append_output: [{suggested_output: true}]
log_stderr: true
log_syslog: false
"""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; pass on the part that is needed, not this.

    :ivar document: the files as they are, for messages and ``--support``.
    :ivar others: what is not falcohost's own, as plain data: what the keys of plugins are set to.
    """

    document: Document
    log: LogConfig
    plugins: PluginsConfig
    rules: RulesConfig
    alerts: AlertsConfig
    outputs: OutputsConfig
    state: StateConfig
    pipeline: PipelineConfig
    others: Mapping[str, Any]

    @property
    def for_plugins(self) -> ForPlugins:
        """Return what plugins are told of it."""
        return ForPlugins(self.plugins.settings, self.document.root)


def find_config(path: str | None) -> str | None:
    """Return the file to read: *path*, or the first of :data:`DEFAULT_FILES`, or None where there is none.

    :raises ConfigError: *path* is not there.
    """
    if path is not None:
        if not Path(path).exists():
            raise ConfigError(f"Could not find configuration file at {path}")
        return path
    return next((file for file in DEFAULT_FILES if Path(file).exists()), None)


def load_config(path: str | None = None, options: Sequence[str] = ()) -> Config:
    """Read *path* (or the default, or the built-in configuration) and set the *options* ``key=value`` over it.

    :raises ConfigError: a file, an option or a value in them is wrong.
    """
    file = find_config(path)
    document = read_document(file) if file is not None else read_text(BUILT_IN, "built-in configuration")
    for option in filter(overrides.names_include, options):
        overrides.apply_option(document, option)
    include_files(document)
    for option in options:
        overrides.apply_option(document, option)
    return parse(document)


def parse(document: Document) -> Config:
    """Return the parts of *document*.

    :raises ConfigError: a value is of the wrong kind.
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
        others=without_known(document.root, key_tree()),
    )
