"""The configuration of each part of falcohost: one small frozen object per consumer, read once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from falcohost.alert import Priority
from falcohost.engine.static_fields import NAME
from falcohost.errors import ConfigError
from falcohost.host.config.rates import read_rates
from falcohost.host.config.reader import Reader
from falcohost.host.config.tree import OPTION
from falcohost.log import LEVELS, LogConfig
from falcohost.pipeline.settings import FoldConfig, PipelineConfig
from falcohost.store.limits import Limits

#: Longest window of the fold, in seconds.
LONGEST_WINDOW = 3600

#: Seconds after which a source may count as stalled; sources come back each second.
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 5, 86400

#: Limits of the seconds between two checks of files.
SHORTEST_WATCH, LONGEST_WATCH = 0.1, 3600

#: The highest uid; the next one means "unchanged" in system calls.
HIGHEST_UID = 2**32 - 2

#: The highest precedence (setpriority(2)).
LOWEST_NICE = -20

#: Seconds that a stop may take; matches that wait for a lookup have to be decided before.
STOP = 3


class PluginBlock(Struct, frozen=True):
    """One entry of ``plugins:``.

    :ivar settings: its ``init_config`` plus ``open_params``.
    :ivar environment: names of environment variables for its workers, and for programs that they start.
    """

    name: str
    library_path: str
    settings: Mapping[str, Any]
    environment: tuple[str, ...] = ()


class PluginsConfig(Struct, frozen=True):
    """The plugins to load, in addition to the default ones.

    :ivar names: the plugins to load, in order.
    :ivar blocks: the settings of plugins by name, including those that are not loaded.
    """

    names: tuple[str, ...] = ()
    blocks: Mapping[str, PluginBlock] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Mapping[str, Any]]:
        """Return the settings of each block by the name of its plugin."""
        return {name: block.settings for name, block in self.blocks.items()}

    def environment(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the environment variables that are named in the blocks *names*."""
        return tuple(one for name in names if name in self.blocks for one in self.blocks[name].environment)


class StateConfig(Struct, frozen=True):
    """The state directory (empty: the default one), and the limits of the store."""

    directory: str
    limits: Limits


class TrustConfig(Struct, frozen=True):
    """Whether files are trusted that other users may change.

    :ivar files: rules files and plugins are.
    :ivar configuration: configuration files are, too.
    """

    files: bool = False
    configuration: bool = False


def read_log(reader: Reader) -> LogConfig:
    """Return the configuration of the log."""
    level = reader.choice("log_level", "Unknown log level {}; it has to be one of " + ", ".join(LEVELS))
    iso = reader.boolean("time_format_iso_8601")
    return LogConfig(reader.boolean("log_stderr"), reader.boolean("log_syslog"), level, iso)


def read_state(reader: Reader) -> StateConfig:
    """Return the configuration of the state: ``falcohost.state_dir`` and ``falcohost.alerts``."""
    ours = reader.section("falcohost")
    alerts = ours.section("alerts")
    limits = Limits(
        days=alerts.integer("max_age_days", at_least=1),
        megabytes=alerts.integer("max_size_mb", at_least=1),
        per_second=alerts.integer("max_per_second", at_least=100),
        rates=read_rates(ours),
    )
    return StateConfig(ours.text("state_dir"), limits)


def read_trust(reader: Reader) -> TrustConfig:
    """Return whether files are trusted that others may change, and whether the command line says so."""
    ours = reader.section("falcohost")
    trusts = ours.boolean("trust_files")
    return TrustConfig(trusts, trusts and ours.where("trust_files").file.startswith(OPTION))


def read_uids(reader: Reader) -> range:
    """Return the users of which each process of the agent gets one.

    :raises ConfigError: it is no range of user ids.
    """
    section = reader.section("falcohost")
    first, _, last = (part.strip() for part in section.text("uids").partition("-"))
    if first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= HIGHEST_UID:
        return range(int(first), int(last) + 1)
    raise section.error("uids", f"has to be a range such as 61184-65519, from 1 to {HIGHEST_UID}")


def read_nice(reader: Reader) -> int:
    """Return which precedence the agent takes.

    :raises ConfigError: it is none.
    """
    section = reader.section("falcohost")
    nice = section.integer("nice", at_least=LOWEST_NICE)
    if nice > 0:
        raise section.error("nice", f"has to be from {LOWEST_NICE} to 0, not {nice}")
    return nice


def read_only_logs(reader: Reader) -> bool:
    """Return whether forbidden system calls are only logged."""
    section = reader.section("falcohost")
    return section.choice("forbidden_calls", "falcohost.forbidden_calls has to be kill or log, not '{}'") == "log"


def read_watch_interval(reader: Reader) -> float:
    """Return the seconds between two checks of files that may change.

    :raises ConfigError: they are too few or too many.
    """
    section = reader.section("falcohost")
    seconds = section.number("watch_interval")
    if not SHORTEST_WATCH <= seconds <= LONGEST_WATCH:
        raise section.error("watch_interval", f"has to be {SHORTEST_WATCH} to {LONGEST_WATCH} seconds, not {seconds:g}")
    return seconds


def read_source_timeout(reader: Reader) -> float:
    """Return after how many seconds a source that does not come back is reported; 0: never.

    :raises ConfigError: it is negative, or shorter than the pauses that sources make.
    """
    section = reader.section("falcohost")
    seconds = section.number("source_timeout")
    if seconds != 0 and not SHORTEST_TIMEOUT <= seconds <= LONGEST_TIMEOUT:
        raise section.error(
            "source_timeout", f"has to be 0, or {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} seconds, not {seconds:g}"
        )
    return seconds


def read_pipeline(reader: Reader) -> PipelineConfig:
    """Return ``falcohost.fold`` and ``falcohost.lookups``.

    :raises ConfigError: a time is not positive, or too long.
    """
    section = reader.section("falcohost").section("lookups")
    wait = section.number("wait")
    if not 0 < wait < STOP:
        raise section.error(
            "wait", f"has to be more than 0 and less than {STOP} seconds (the time that a stop may take), not {wait}"
        )
    return PipelineConfig(_fold(reader), wait)


def _fold(reader: Reader) -> FoldConfig:
    section = reader.section("falcohost").section("fold")
    window = section.number("window")
    if not 0 < window <= LONGEST_WINDOW:
        raise section.error("window", f"has to be more than 0 and at most {LONGEST_WINDOW} seconds, not {window}")
    after = section.integer("after", at_least=1)
    return FoldConfig(section.boolean("enabled"), after, window)


def read_static_fields(reader: Reader) -> dict[str, str]:
    """Return the values of the fields ``static.*``, by the rest of their names.

    :raises ConfigError: a name cannot be used in rules, or a value is not a single one.
    """
    section = reader.section("static_fields")
    for name in section.names():
        if not NAME.fullmatch(name):
            raise section.error(name, "is no name of a field: use letters, digits and _, beginning with a letter")
    return {name: section.text(name) for name in section.names()}


def read_plugins(reader: Reader) -> PluginsConfig:
    """Return the plugins to load: those in ``load_plugins``, or, without that key, all in ``plugins``.

    :raises ConfigError: a block has no name.
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
        raise section.error("name", "is missing: every entry of plugins has to name its plugin")
    settings = _init_config(section)
    params = section.texts("open_params")
    if any(params):
        settings["open_params"] = params[0] if len(params) == 1 else list(params)
    return PluginBlock(name, section.text("library_path"), settings, section.texts("environment"))


def _init_config(section: Reader) -> dict[str, Any]:
    """Return ``init_config`` as a mapping. A string in braces is parsed as JSON, another is kept under its own key."""
    config = section.data("init_config")
    if isinstance(config, str) and config.lstrip().startswith("{"):
        try:
            config = json.loads(config)
        except ValueError as error:
            raise section.error("init_config", f"is not valid JSON: {error}") from error
    if config is None or config == "":
        return {}
    return dict(config) if isinstance(config, dict) else {"init_config": config}


def priority(name: str) -> Priority | None:
    """Return the priority called *name* in any case, or None; ``info`` is ``informational``."""
    name = "informational" if name.lower() == "info" else name.lower()
    return Priority[name.upper()] if name.upper() in Priority.__members__ else None


def read_priority(reader: Reader) -> Priority:
    """Return the minimum priority of enabled rules.

    :raises ConfigError: there is no such priority.
    """
    name = reader.text("priority")
    found = priority(name)
    if found is None:
        names = ", ".join(member.name.lower() for member in Priority)
        raise ConfigError(f'{reader.where("priority")}: Unknown priority "{name}"--must be one of {names}')
    return found
