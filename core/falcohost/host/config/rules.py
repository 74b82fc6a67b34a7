"""The configuration of rules and alerts: rules files, enabled rules, and the content and format of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from falcohost.alert import Priority
from falcohost.errors import ConfigError, RulesError
from falcohost.host.config.folders import SUFFIXES, yaml_files
from falcohost.host.config.reader import Reader
from falcohost.host.config.sections import read_priority
from falcohost.host.config.tree import Where
from falcohost.host.missing_files import MissingFiles
from falcohost.log import log
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.selection import Selection


@dataclass(frozen=True, slots=True)
class RulesConfig:
    """Which rules are loaded and how they are matched.

    :ivar files: files and folders in order; None if not configured: load the plugins' own rules.
    :ivar places: the place of each in the configuration.
    :ivar match_all: every rule that matches fires, not only the first.
    :ivar watched: reload when a file changes.
    :ivar profile: which of the shipped rules are enabled.
    :ivar shipped: load the plugins' own rules before *files*, or before those given on the command line.
    :ivar cache: use the cache of compiled rules.
    """

    files: tuple[str, ...] | None
    places: tuple[Where, ...]
    selections: tuple[Selection, ...]
    minimum: Priority
    match_all: bool
    append: tuple[AppendOutput, ...]
    cache: bool
    watched: bool
    profile: str
    shipped: bool


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """The format of alerts: text or JSON, and the properties in JSON."""

    json: bool
    with_output: bool
    with_message: bool
    with_fields: bool
    with_tags: bool
    with_id: bool
    with_condition_fields: bool
    with_subjects: bool
    iso_8601: bool
    base64: bool


def read_rules(reader: Reader) -> RulesConfig:
    """Return the configuration of rules.

    :raises ConfigError: both ``rules_files`` and ``rules_file`` are set, or a value is malformed.
    """
    if reader.has("rules_files") and reader.has("rules_file"):
        raise ConfigError(f"{reader.where('rules_file')}: both 'rules_files' and 'rules_file' keys set")
    key = "rules_file" if reader.has("rules_file") else "rules_files"
    matching = reader.choice("rule_matching", 'Unknown rule matching strategy "{}"--must be one of first, all')
    return RulesConfig(
        files=reader.texts(key) if reader.has(key) else None,
        places=reader.places(key),
        selections=tuple(_selection(section) for section in reader.sections("rules")),
        minimum=read_priority(reader),
        match_all=matching == "all",
        append=tuple(_append(section) for section in reader.sections("append_output")),
        cache=reader.section("falcohost").boolean("cache"),
        watched=reader.boolean("watch_config_files"),
        profile=reader.section("falcohost").choice(
            "profile", 'Unknown profile "{}"--must be one of default, wide, all'
        ),
        shipped=reader.section("falcohost").boolean("shipped_rules"),
    )


def read_alerts(reader: Reader) -> AlertsConfig:
    """Return the configuration of the format of alerts."""
    return AlertsConfig(
        json=reader.boolean("json_output"),
        with_output=reader.boolean("json_include_output_property"),
        with_message=reader.boolean("json_include_message_property"),
        with_fields=reader.boolean("json_include_output_fields_property"),
        with_tags=reader.boolean("json_include_tags_property"),
        with_id=reader.section("falcohost").boolean("json_include_id"),
        with_condition_fields=reader.section("falcohost").boolean("json_include_condition_fields"),
        with_subjects=reader.section("falcohost").boolean("json_include_subjects"),
        iso_8601=reader.boolean("time_format_iso_8601"),
        base64=reader.boolean("buffer_format_base64"),
    )


def rules_files(paths: Sequence[str], places: Sequence[Where] = ()) -> list[str]:
    """Return the ``.yaml`` and ``.yml`` files in *paths*; folders are replaced by their files, sorted.

    :param places: the place of each of *paths* in the configuration; empty if they come from the command line.
    :raises MissingFiles: one of them does not exist.
    :raises RulesError: a folder cannot be read.
    """
    missing = [(path, f"{places[at]}: rules_files" if places else "-r") for at, path in enumerate(paths) if _gone(path)]
    if any(
        places or not path.endswith(SUFFIXES) for path, _ in missing
    ):  # for others, reading fails with Falco's message
        text = "\n".join(f"{where} names {path}, which is not there" for path, where in missing)
        mend = "put it there, or do not name it" if len(missing) == 1 else "put them there, or do not name them"
        raise MissingFiles(f"{text}; {mend}", [path for path, _ in missing])
    return [file for path in paths for file in _files(path)]


def _gone(path: str) -> bool:
    try:
        return not Path(path).exists()
    except OSError:
        return False  # reading it fails with the reason


def _files(path: str) -> list[str]:
    try:
        if Path(path).is_dir():
            return yaml_files(path)
    except OSError as error:
        raise RulesError(f"the rules files in {path} cannot be read: {error.strerror}") from error
    if path.endswith(SUFFIXES):
        return [path]
    log.warning("%s is skipped: names of rules files end in .yaml or .yml", path)
    return []


def _selection(section: Reader) -> Selection:
    verbs = [verb for verb in ("enable", "disable") if section.has(verb)]
    if len(verbs) != 1:
        raise ConfigError(
            f"{section.here}: an entry of rules has to be either 'enable' or 'disable', with a rule or a tag below"
        )
    what = section.section(verbs[0])
    selection = Selection(verbs[0] == "enable", what.text("rule"), what.text("tag"))
    if not (selection.rule or selection.tag):
        raise section.error(verbs[0], "needs a rule or a tag")
    return selection


def _append(section: Reader) -> AppendOutput:
    match = section.section("match")
    return AppendOutput(
        source=match.text("source"),
        rule=match.text("rule"),
        tags=match.texts("tags"),
        extra_output=section.text("extra_output"),
        extra_fields=tuple(_extra_field(section, item) for item in section.items("extra_fields")),
        suggested=section.boolean("suggested_output"),
    )


def _extra_field(section: Reader, item: object) -> tuple[str, str | None]:
    if isinstance(item, str):
        return item, None
    if isinstance(item, dict) and len(item) == 1:
        ((name, form),) = item.items()
        return name, str(form)
    raise section.error("extra_fields", "has to be a list of field names and of 'name: format' pairs")
