"""Writes the tables of keys in docs/configuration.md, between their marks, from the rows that check values.

script/docs runs it, and tests/test_docs.py compares, so the page is never out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from falcohost import ConfigKey
from falcohost.host.config.for_plugins import ForPlugins
from falcohost.host.config.idle_keys import IDLE
from falcohost.host.config.key_table import SECTIONS
from falcohost.host.plugins import load_all

PAGE = Path(__file__).resolve().parent / "configuration.md"
BEGIN = "<!-- keys of {title}: written by script/docs -->"
END = "<!-- end of keys -->"


def renewed(text: str) -> str:
    """Return the page *text* with current tables."""
    plugins = {plugin.name: plugin for plugin in load_all(ForPlugins()).loaded if plugin.distribution == "falcohost"}
    sections: Mapping[str, Iterable[ConfigKey]] = {
        **SECTIONS,
        **{f"the plugin {name}": plugin.config_keys for name, plugin in plugins.items() if plugin.config_keys},
    }
    for title, keys in sections.items():
        shown = [key for key in keys if key.help]
        text = put(text, title, table(shown))
    return put(text, "no effect", without_effect(key for key in IDLE if not key.effect))


def put(text: str, title: str, content: str) -> str:
    """Return *text* with *content* between the marks of *title*.

    :raises ValueError: the marks are missing.
    """
    begin = BEGIN.format(title=title)
    pattern = re.compile(f"({re.escape(begin)}\n).*?(?={re.escape(END)})", re.DOTALL)
    text, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n", text)
    if not count:
        raise ValueError(f"{PAGE.name} has no {begin}")
    return text


def table(keys: Iterable[ConfigKey]) -> str:
    """Return a table of *keys*, in their order."""
    rows = ["| key | type | default | what it does |", "|---|---|---|---|"]
    rows += [f"| `{key.key}` | {kind(key)} | {default(key)} | {what(key)} |" for key in keys]
    return "\n".join(rows) + "\n"


def kind(key: ConfigKey) -> str:
    """Return the type of a value, in words."""
    words = {bool: "true or false", int: "whole number", float: "number", str: "text", list: "list of texts"}
    return words.get(key.type, "anything") + (", secret" if key.secret else "")


def what(key: ConfigKey) -> str:
    """Return what the key does, or why it does nothing."""
    return key.help if key.effect else f"Falco's; no effect: {key.help}"


def default(key: ConfigKey) -> str:
    """Return the default, as the table shows it."""
    if key.shown_default or key.default is None:
        return key.shown_default
    if isinstance(key.default, (list, tuple)):
        return f"`[{', '.join(key.default)}]`"
    if isinstance(key.default, bool):
        return f"`{str(key.default).lower()}`"
    return f"`{key.default:g}`" if isinstance(key.default, float) else f"`{key.default}`"


def without_effect(keys: Iterable[ConfigKey]) -> str:
    """Return a table of *keys*, each with the reason; keys of a section that have the same are one row."""
    several: dict[tuple[str, str], list[str]] = {}
    for key in keys:
        several.setdefault((key.key.partition(".")[0], key.help), []).append(key.key)
    rows = [f"| `{section if names[1:] else names[0]}` | {why} |" for (section, why), names in several.items()]
    return "\n".join(("| key or section | why |", "|---|---|", *rows)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
