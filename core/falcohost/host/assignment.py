"""Decides which sources the agent opens and what their workers do, at start-up and after a reload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from falcohost.engine.alerts import AlertMaker
from falcohost.engine.ruleset import Ruleset
from falcohost.host.given import AgentOptions, Configured
from falcohost.host.plugins import Plugins
from falcohost.host.sources import make_tasks, opened, select_sources, where_offered
from falcohost.log import log

if TYPE_CHECKING:
    from falcohost.host.reload import ReloadedRules


class Assignment:
    """The sources and worker tasks of one run.

    :ivar sources: names of the sources to open.
    :ivar tasks: the task of each source's worker.
    """

    def __init__(self, given: Configured, plugins: Plugins, options: AgentOptions, maker: AlertMaker) -> None:
        self._given = given
        self._plugins = plugins
        self._options = options
        self._maker = maker
        self.sources = self._chosen()
        self.tasks = make_tasks(self.sources, given.config, plugins, given.ruleset, maker)

    def count(self, sources: Iterable[str]) -> int:
        """Return how many rules are enabled for *sources*."""
        return sum(len(self._given.ruleset.enabled(name)) for name in sources)

    def renewed(self, new: Configured) -> ReloadedRules | None:
        """Return the new rules; None if more than rules has changed, so that a restart is needed."""
        from falcohost.host.reload import ReloadedRules, encode_rules, only_rules_differ  # most runs never need it

        needed = opened(self._needed(new.ruleset), self._plugins)
        if not only_rules_differ(self._given.config, new.config) or not set(needed) <= set(self.sources):
            return None
        tasks = make_tasks(self.sources, new.config, self._plugins, new.ruleset, self._maker)
        return ReloadedRules(
            dict(zip(self.sources, tasks, strict=True)),
            {name: encode_rules(new.ruleset, name) for name in self.sources},
            not new.config.rules.match_all,
            new.rules,
            new.watched,
        )

    def _chosen(self) -> list[str]:
        log.info("Loaded event sources: %s", ", ".join(self._plugins.sources()))
        selected = self._selected()
        log.info("Enabled event sources: %s", ", ".join(selected))
        needed = self._needed(self._given.ruleset)
        if not needed:
            log.warning("No rule is enabled for %s: nothing will be detected", ", ".join(selected))
            needed = selected
        for name in selected:
            if name not in needed:
                log.info("Event source '%s' is not opened: none of its rules is enabled", name)
        return opened(needed, self._plugins)

    def _selected(self) -> list[str]:
        options = self._options
        return select_sources(
            list(self._plugins.sources()),
            options.enable_sources,
            options.disable_sources,
            lambda name: where_offered(name, self._plugins),
        )

    def _needed(self, ruleset: Ruleset) -> list[str]:
        """Return the sources to open for these rules."""
        asked = self._options.enable_sources
        return [name for name in self._selected() if ruleset.enabled(name) or name in asked]
