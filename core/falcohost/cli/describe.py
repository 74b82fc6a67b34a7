"""``-L`` and ``-l``: describes loaded rules, as an object for JSON or as a table."""

from __future__ import annotations

from falcohost.host.catalogs import all_fields, catalogs, event_types
from falcohost.host.config.response import ResponseConfig
from falcohost.host.extras import DEFAULT
from falcohost.host.plugins import Plugins
from falcohost.host.response.binding import actions_of
from falcohost.rules.describe import Describer, PluginUse
from falcohost.rules.loader import LoadOutcome


def describe(outcome: LoadOutcome, plugins: Plugins, rule: str | None, response: ResponseConfig) -> dict[str, object]:
    """Return the description of everything that was loaded, or of *rule* alone.

    :param response: what is done about alerts.
    :raises RulesError: *rule* is not loaded.
    """
    actions = {one.name: actions_of(response, one) for one in outcome.ruleset.rules}
    describer = Describer(outcome, catalogs(plugins), event_types(plugins), _uses(plugins), actions)
    return describer.everything() if rule is None else describer.rule(rule)


def _uses(plugins: Plugins) -> list[PluginUse]:
    """Return the names by which a rule uses each plugin. What Falco builds in (syscall) is not a plugin to Falco."""
    fields = {source: {field.name for field in found} for source, found in all_fields(plugins).items()}
    uses = []
    for plugin in plugins.loaded:
        if plugin.name not in DEFAULT:
            own = {source: frozenset(field.name for field in plugin.fields.get(source, ())) for source in fields}
            uses.append(PluginUse(plugin.name, frozenset(spec.name for spec in plugin.sources), own))
        for stand in plugin.stands_for:
            named = {
                source: frozenset(name for name in names if name.startswith(f"{stand.name}."))
                for source, names in fields.items()
            }
            if stand.name != plugin.name:
                uses.append(PluginUse(stand.name, fields=named))
    return uses
