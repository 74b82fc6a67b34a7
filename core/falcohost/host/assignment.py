"""Decides which sources the agent opens and what their workers get, at start-up and after a reload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from falcohost.engine.event_fields import hostname
from falcohost.engine.facts import Facts, facts_of
from falcohost.engine.ruleset import Ruleset
from falcohost.host.given import AgentOptions, Configured
from falcohost.host.plugins import Plugins
from falcohost.host.reload import encode_rules
from falcohost.host.settings import source_settings
from falcohost.host.sources import opened, select_sources, where_offered
from falcohost.host.worker_data import WorkerData, plugins_for, seal
from falcohost.log import log
from falcohost.specs import DropPolicy

if TYPE_CHECKING:
    from falcohost.host.reload import ReloadedRules


class Assignment:
    """The sources of one run, and what their workers get.

    :ivar sources: names of the sources to open.
    """

    def __init__(self, given: Configured, plugins: Plugins, options: AgentOptions) -> None:
        self._given = given
        self._plugins = plugins
        self._options = options
        self.sources = self._chosen()

    def count(self, sources: Iterable[str]) -> int:
        """Return how many rules are enabled for *sources*."""
        return sum(len(self._given.ruleset.enabled(name)) for name in sources)

    def data(self) -> dict[str, int]:
        """Return a sealed memfd for each source's worker.

        :raises ConfigError: a setting cannot be passed on.
        """
        return self._data(self._given)

    def facts(self) -> dict[str, Facts]:
        """Return the facts of each source's rules, which the alerts of its worker have to repeat."""
        return self._facts(self._given)

    def drops(self) -> dict[str, DropPolicy]:
        """Return what to do about lost events, for the sources that say so."""
        specs, settings = self._plugins.sources(), source_settings(self._plugins)
        return {name: drops(settings[name]) for name in self.sources if (drops := specs[name].drops) is not None}

    def renewed(self, new: Configured) -> ReloadedRules | None:
        """Return the new rules; None if more than rules has changed, so that a restart is needed."""
        from falcohost.host.reload import ReloadedRules, only_rules_differ  # most runs never need it

        needed = opened(self._needed(new.ruleset), self._plugins)
        if not only_rules_differ(self._given.config, new.config) or not set(needed) <= set(self.sources):
            return None
        return ReloadedRules(self._data(new), self._facts(new), new.rules, new.watched)

    def _data(self, given: Configured) -> dict[str, int]:
        config = given.config
        return {
            name: seal(
                WorkerData(
                    source=name,
                    plugins=plugins_for(name, self._plugins),
                    static=self._plugins.static,
                    rules=encode_rules(given.ruleset, name),
                    first=not config.rules.match_all,
                    pipeline=config.pipeline,
                    hostname=hostname(),
                    iso8601=config.alerts.iso_8601,
                    base64=config.alerts.base64,
                    once=self._options.once,
                )
            )
            for name in self.sources
        }

    def _facts(self, given: Configured) -> dict[str, Facts]:
        return {name: facts_of(given.ruleset.enabled(name)) for name in self.sources}

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
