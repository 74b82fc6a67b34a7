"""Tells which rules fire on the events of a source, with the real rules reader, source, projection and matcher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.events import Batch, Event
from falcohost.host.catalogs import catalogs
from falcohost.host.plugins import Plugins, ask, load_plugins
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost.rules.selection import Selection


def rules_fired(plugin: Any, source: str, rules: Iterable[Path], settings: Mapping[str, Any]) -> list[list[str]]:
    """Return, for each event of *source*, the names of the rules that fire on it; all rules are enabled.

    :param plugin: the plugin's module.
    :param settings: the plugin's configuration, with the place that the source reads. The source has to end by itself.
    :raises RulesError: the rules are refused.
    """
    plugins = Plugins((ask("tested", plugin, "tested", "0", dict(settings)),))
    enabled = enabled_rules(plugins, source, rules, Selection(enable=True, rule="*"))
    matcher = Matcher(enabled, first=False)
    opened = plugins.sources()[source].make({**plugins.loaded[0].settings, **settings})
    try:
        opened.open(make_plan(source, enabled), None)
        return [
            [rule.name for rule, _ in matcher.match_views(views(batch, event))]
            for batch in opened.batches()
            for event in batch.events
        ]
    finally:
        opened.close()


def enabled_rules(plugins: Plugins, source: str, rules: Iterable[Path], *selections: Selection) -> Sequence[Rule]:
    """Return the enabled rules of *source* in the files *rules*.

    :raises RulesError: the rules are refused.
    """
    options = LoadOptions(selections=list(selections), plugins=requirements_met(plugins))
    outcome = load_rules([read_file(str(path)) for path in rules], catalogs(plugins), options)
    outcome.check()
    return outcome.ruleset.enabled(source)


def requirements_met(plugins: Plugins) -> dict[str, str]:
    """Return names and versions for ``required_plugin_versions``: those of *plugins*, and of what every agent loads."""
    return {**_always_met(), **plugins.stands_for()}


@cache
def _always_met() -> Mapping[str, str]:
    return load_plugins(()).stands_for()


def views(batch: Batch, event: Any) -> tuple[Event, ...]:
    """Return *event* of *batch* with its other views; a rule matches if it matches one of them."""
    return (event, *event.alternatives) if batch.views else (event,)
