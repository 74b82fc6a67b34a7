"""Which rules cause which actions: what the configuration binds, and what rules themselves ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from falcohost.engine.ruleset import Rule, Ruleset
from falcohost.errors import ConfigError, FalcohostError
from falcohost.host.config.response import HTTP, OWN, Named, ResponseConfig, unknown
from falcohost.host.config.tree import Where
from falcohost.host.plugins import Plugins

#: The names of the actions of each rule of each source.
Bound: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]


def bound_actions(response: ResponseConfig, ruleset: Ruleset, sources: Iterable[str]) -> Bound:
    """Return the actions of the enabled rules of *sources*; none if actions are switched off.

    :raises ConfigError: a rule, a tag or an action is unknown.
    """
    if not response.enabled:
        return {}
    check_bindings(response, ruleset)
    found = {}
    for source in sources:
        rules = {rule.name: names for rule in ruleset.enabled(source) if (names := actions_of(response, rule))}
        if rules:
            found[source] = rules
    return found


def actions_of(response: ResponseConfig, rule: Rule) -> tuple[str, ...]:
    """Return the names of the actions of *rule*, each once: first those that the configuration binds."""
    found = [
        one.name
        for binding in response.bindings
        if any(name.name == rule.name for name in binding.rules) or any(tag.name in rule.tags for tag in binding.tags)
        for one in binding.actions
    ]
    return tuple(dict.fromkeys([*found, *(one.name for one in rule.actions)]))


def idle(response: ResponseConfig) -> str:
    """Return why no action is taken; empty if they are."""
    if not response.enabled:
        return "not taken: actions.enabled is not set"
    return "" if response.acts else "only observed: actions.mode is not act"


def check_bindings(response: ResponseConfig, ruleset: Ruleset) -> None:
    """Check that everything is there that is bound, and that rules ask for.

    :raises ConfigError: it is not.
    """
    rules = {rule.name for rule in ruleset.rules}
    tags = {tag for rule in ruleset.rules for tag in rule.tags}
    for binding in response.bindings:
        _check(binding.rules, "rule", rules)
        _check(binding.tags, "tag", tags)
    for rule in ruleset.rules:
        for one in rule.actions:
            if one.name not in response.actions:
                raise unknown(Named(one.name, Where(one.where)), "action", response.actions)


def check_actions(response: ResponseConfig, plugins: Plugins) -> None:
    """Check that every type of action is offered, and takes its settings.

    :raises ConfigError: one is not, or does not.
    """
    offered = plugins.actions()
    if both := set(OWN) & offered.keys():
        raise ConfigError(f"a plugin offers the action '{min(both)}', a name of falcohost's own")
    for action in response.actions.values():
        if action.kind in OWN:
            continue
        if action.kind not in offered:
            known = ", ".join((*OWN, *offered))
            raise ConfigError(f"{action.where}: there is no action of type '{action.kind}'; there are {known}")
        try:
            offered[action.kind].make(action.block).close()
        except Exception as error:
            told = str(error) if isinstance(error, FalcohostError) else f"{type(error).__name__}: {error}"
            raise ConfigError(f"{action.where}: {told}") from error


def addresses(response: ResponseConfig, plugins: Plugins, names: Iterable[str]) -> Iterator[str]:
    """Yield the addresses to which the actions *names* connect."""
    from falcohost.outputs.http_settings import http_addresses

    offered = plugins.actions()
    for name in names:
        action = response.actions[name]
        if action.kind == HTTP:
            yield from http_addresses(action.block)
        elif action.kind in offered and (ask := offered[action.kind].connects) is not None:
            yield from map(str, ask(action.block))


def _check(names: Iterable[Named], what: str, known: set[str]) -> None:
    for one in names:
        if one.name not in known:
            raise unknown(one, what, known)
