"""What each part of falcohost wants of the configuration: one small frozen object per consumer, read once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from falcohost.alert import Priority
from falcohost.errors import ConfigError
from falcohost.host.config.reader import Reader
from falcohost.log import LEVELS, LogConfig
from falcohost.pipeline.settings import FoldConfig, PipelineConfig
from falcohost.store.limits import Limits

#: Seconds for which an alert that stands for several may be held back.
LONGEST_WINDOW = 3600

#: Seconds that a stop may take, in which what waits for a lookup has to be decided.
STOP = 3


@dataclass(frozen=True, slots=True)
class OutputsConfig:
    """Which outputs there are.

    :ivar blocks: the block of each enabled output by its name (``stdout``, ``file``, a plugin's).
    :ivar buffered: lines may be gathered for up to a second.
    :ivar timeout: seconds after which an output that does not come back is reported.
    """

    blocks: Mapping[str, Mapping[str, Any]]
    buffered: bool
    timeout: float


@dataclass(frozen=True, slots=True)
class PluginBlock:
    """One entry of ``plugins:``. *settings* is its ``init_config``, with ``open_params`` beside it."""

    name: str
    library_path: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PluginsConfig:
    """Which plugins to load beside those that are always there.

    :ivar names: the plugins that are to be loaded, in order.
    :ivar blocks: the settings of plugins by name, also of those that are not to be loaded.
    """

    names: tuple[str, ...] = ()
    blocks: Mapping[str, PluginBlock] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Mapping[str, Any]]:
        """Return the settings in the blocks, by the names of plugins."""
        return {name: block.settings for name, block in self.blocks.items()}


@dataclass(frozen=True, slots=True)
class StateConfig:
    """Where alerts and cursors are kept (*directory*; empty: the default place), and how much of them."""

    directory: str
    limits: Limits


def read_log(reader: Reader) -> LogConfig:
    """Return the logging's part of the configuration."""
    level = reader.choice("log_level", "Unknown log level {}; it is one of " + ", ".join(LEVELS))
    iso = reader.boolean("time_format_iso_8601")
    return LogConfig(reader.boolean("log_stderr"), reader.boolean("log_syslog"), level, iso)


def read_outputs(reader: Reader) -> OutputsConfig:
    """Return the enabled outputs. Where no output has a block at all, it is stdout.

    :raises ConfigError: the file output has no filename.
    """
    keys = [key for key in reader.names() if key.endswith("_output") and key not in ("json_output", "append_output")]
    blocks: dict[str, Mapping[str, Any]] = {}
    for key in keys:
        section = reader.section(key)
        if section.boolean("enabled"):
            blocks[key.removesuffix("_output")] = section.all_data()
    if not keys:
        blocks["stdout"] = {"enabled": True}
    if "file" in blocks:
        section = reader.section("file_output")
        if not section.text("filename"):
            raise section.error("filename", "has to be set where the file output is enabled")
        blocks["file"] = {"filename": section.text("filename"), "keep_alive": section.boolean("keep_alive")}
    return OutputsConfig(
        blocks,
        reader.boolean("buffered_outputs"),
        reader.integer("output_timeout") / 1000,
    )


def read_state(reader: Reader) -> StateConfig:
    """Return where the state is, and how much is kept there: ``falcohost.state_dir``, ``falcohost.alerts``."""
    ours = reader.section("falcohost")
    alerts = ours.section("alerts")
    limits = Limits(
        days=alerts.integer("max_age_days", at_least=1),
        megabytes=alerts.integer("max_size_mb", at_least=1),
    )
    return StateConfig(ours.text("state_dir"), limits)


def read_pipeline(reader: Reader) -> PipelineConfig:
    """Return ``falcohost.fold`` and ``falcohost.lookups``.

    :raises ConfigError: a time is none that passes, or is too long.
    """
    section = reader.section("falcohost").section("lookups")
    wait = section.number("wait")
    if not 0 < wait < STOP:
        raise section.error(
            "wait", f"has to be more than 0 and less than {STOP} seconds, which a stop may take, not {wait}"
        )
    return PipelineConfig(_fold(reader), wait)


def _fold(reader: Reader) -> FoldConfig:
    section = reader.section("falcohost").section("fold")
    window = section.number("window")
    if not 0 < window <= LONGEST_WINDOW:
        raise section.error("window", f"has to be more than 0 and at most {LONGEST_WINDOW} seconds, not {window}")
    after = section.integer("after", at_least=1)
    return FoldConfig(section.boolean("enabled"), after, window)


def read_plugins(reader: Reader) -> PluginsConfig:
    """Return the plugins to load: those of ``load_plugins``, or all in ``plugins`` where that key is not there.

    :raises ConfigError: a block without a name.
    """
    blocks: dict[str, PluginBlock] = {}
    for section in reader.sections("plugins"):
        block = _plugin_block(section)
        blocks[block.name] = block
    names = reader.texts("load_plugins") if reader.has("load_plugins") else tuple(blocks)
    return PluginsConfig(tuple(dict.fromkeys(names)), blocks)


def _plugin_block(section: Reader) -> PluginBlock:
    name = section.text("name")
    if not name:
        raise section.error("name", "is missing: a plugin's block names its plugin")
    settings = _init_config(section)
    params = section.texts("open_params")
    if any(params):
        settings["open_params"] = params[0] if len(params) == 1 else list(params)
    return PluginBlock(name, section.text("library_path"), settings)


def _init_config(section: Reader) -> dict[str, Any]:
    """Return ``init_config`` as a mapping; a text is JSON, or else stands under its own name."""
    config = section.data("init_config")
    if isinstance(config, str) and config.lstrip().startswith("{"):
        try:
            config = json.loads(config)
        except ValueError as error:
            raise section.error("init_config", f"is no valid JSON: {error}") from error
    if config is None or config == "":
        return {}
    return dict(config) if isinstance(config, dict) else {"init_config": config}


def priority(name: str) -> Priority | None:
    """Return the priority that *name* says in any case, or None; ``info`` is ``informational``."""
    name = "informational" if name.lower() == "info" else name.lower()
    return Priority[name.upper()] if name.upper() in Priority.__members__ else None


def read_priority(reader: Reader) -> Priority:
    """Return the least severe priority whose rules are enabled.

    :raises ConfigError: there is no such priority.
    """
    name = reader.text("priority")
    found = priority(name)
    if found is None:
        names = ", ".join(member.name.lower() for member in Priority)
        raise ConfigError(f'{reader.where("priority")}: Unknown priority "{name}"--must be one of {names}')
    return found
