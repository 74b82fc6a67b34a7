"""The configuration of outputs: Falco's blocks, and those in ``outputs:``, which have names of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from falcohost.errors import ConfigError
from falcohost.host.config.key_table import KEYS
from falcohost.host.config.output_blocks import BLOCKS
from falcohost.host.config.reader import Reader
from falcohost.host.config.sections import read_priority
from falcohost.host.config.tree import as_bool
from falcohost.outputs.formats import FORMATS
from falcohost.outputs.redaction_settings import Redaction, pattern_problem
from falcohost.subscribers.selection import EVERYTHING, Selection

#: Names of outputs of one's own; longer ones fill tables and messages.
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")

#: Keys that every output in ``outputs:`` may have.
COMMON: Final = ("type", "enabled", "format", "redact", "priority", "rules", "tags", "sources")

_OWN: Final = tuple(BLOCKS)
_NO_OUTPUTS: Final = ("json_output", "append_output")


class OutputConfig(Struct, frozen=True):
    """The configuration of one output.

    :ivar kind: what it is: ``file``, ``http``, the name of a plugin's.
    :ivar block: the settings of this kind.
    :ivar selection: the alerts that it gets.
    :ivar format: the form of alerts; empty: what ``json_output`` says.
    :ivar redact: secrets in alerts are replaced.
    :ivar where: how messages call its block, with file and line.
    """

    kind: str
    block: Mapping[str, Any]
    selection: Selection = EVERYTHING
    where: str = ""
    format: str = ""
    redact: bool = False


class OutputsConfig(Struct, frozen=True):
    """The configuration of outputs.

    :ivar enabled: each enabled output by its name.
    :ivar buffered: gather lines for up to a second.
    :ivar timeout: seconds after which a blocked output is reported.
    :ivar redaction: which secrets are replaced.
    """

    enabled: Mapping[str, OutputConfig]
    buffered: bool
    timeout: float
    redaction: Redaction = Redaction()

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of all outputs, each once."""
        return list(dict.fromkeys(one.kind for one in self.enabled.values()))


def read_outputs(reader: Reader) -> OutputsConfig:
    """Return the enabled outputs. If no output has a block at all, stdout is enabled.

    :raises ConfigError: a value of falcohost's own outputs is missing or not usable, or a name or a key is.
    """
    found: dict[str, OutputConfig] = {}
    redact = reader.section("falcohost").section("redact").boolean("all")
    keys = [key for key in reader.names() if key.endswith("_output") and key not in _NO_OUTPUTS]
    for key in keys:
        section = reader.section(key)
        if section.boolean("enabled"):
            found[key.removesuffix("_output")] = _output(key.removesuffix("_output"), section, redact=redact)
    own = reader.section("outputs")
    for name in own.names():
        section = own.section(name)
        _check_name(own, name)
        kind = _kind(section)
        if section.typed("enabled", True, as_bool, "true or false"):
            found[name] = _output(kind, section.known_as(f"{kind}_output"), redact=True, named=True)
    _check_files(found)
    if not keys and not own.names():
        found["stdout"] = OutputConfig("stdout", {"enabled": True})
    timeout = reader.integer("output_timeout") / 1000
    return OutputsConfig(found, reader.boolean("buffered_outputs"), timeout, _redaction(reader))


def _redaction(reader: Reader) -> Redaction:
    """Return which secrets are replaced.

    :raises ConfigError: a pattern is no regular expression.
    """
    section = reader.section("falcohost").section("redact")
    patterns = section.texts("patterns")
    for pattern, where in zip(patterns, section.places("patterns"), strict=True):
        if problem := pattern_problem(pattern):
            raise ConfigError(f"{where}: falcohost.redact.patterns: '{pattern}' is no regular expression: {problem}")
    fields = section.texts("fields") if section.has("fields") else Redaction().fields
    return Redaction(patterns, fields, section.boolean("built_in"), section.boolean("store"))


def _output(kind: str, section: Reader, *, redact: bool, named: bool = False) -> OutputConfig:
    if kind in BLOCKS:
        block = BLOCKS[kind](section)
    else:
        block = {name: value for name, value in section.all_data().items() if not named or name not in COMMON}
    selection = _selection(section) if named else EVERYTHING
    if named and kind in _OWN:
        _check_keys(section, kind)
    form = _format(section) if named or kind in _OWN else ""
    if named or kind in _OWN:
        redact = section.typed("redact", redact, as_bool, "true or false")
    return OutputConfig(kind, block, selection, f"{section.here}: {section.path}", form, redact)


def _format(section: Reader) -> str:
    """Return the form of alerts.

    :raises ConfigError: there is none of this name.
    """
    if (name := section.text("format")) and name not in FORMATS:
        raise section.error("format", f"has to be one of {', '.join(FORMATS)}, not '{name}'")
    return name


def _check_files(found: Mapping[str, OutputConfig]) -> None:
    """Check that no two outputs write to a file that one of them rotates.

    :raises ConfigError: two do.
    """
    seen: dict[str, OutputConfig] = {}
    for one in found.values():
        if one.kind == "file":
            other = seen.setdefault(os.path.realpath(one.block["filename"]), one)
            if other is not one and (_is_rotated(one) or _is_rotated(other)):
                raise ConfigError(f"{one.where}.filename: another output has this file, which is rotated; take another")


def _is_rotated(output: OutputConfig) -> bool:
    return bool(output.block["max_size_mb"] or output.block["max_age_hours"])


def _selection(section: Reader) -> Selection:
    """Return which alerts an output gets.

    :raises ConfigError: the priority is unknown.
    """
    least = read_priority(section) if section.text("priority") else EVERYTHING.priority
    return Selection(least, section.texts("rules"), section.texts("tags"), section.texts("sources"))


def _check_name(section: Reader, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise section.error(name, "is no name of an output: use a-z, 0-9, _ and -, beginning with a letter, at most 32")
    if name in (*_OWN, "internal"):
        raise section.error(name, "has the name of one of falcohost's own outputs; give it another one")


def _kind(section: Reader) -> str:
    if not (kind := section.text("type")):
        raise section.error("type", f"has to say what it is: {', '.join(_OWN)}, or a plugin's output")
    return kind


def _check_keys(section: Reader, kind: str) -> None:
    """Check that there are no keys that this kind does not have.

    :raises ConfigError: there are.
    """
    known = [*COMMON, *_keys_of(f"{kind}_output.")]
    for name in section.names():
        if name not in known:
            import difflib  # where something is wrong

            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise section.error(name, f"is not a key of an output of type {kind}{hint}")


def _keys_of(prefix: str) -> Iterable[str]:
    return (row.key.removeprefix(prefix) for row in KEYS if row.key.startswith(prefix))


def kind_unknown(config: OutputConfig, known: Iterable[str]) -> ConfigError:
    """Return the error about an output whose type nobody offers."""
    return ConfigError(f"{config.where}: there is no output of type '{config.kind}'; there are {', '.join(known)}")
