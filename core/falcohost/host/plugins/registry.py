"""Calls hooks through one pluggy manager with all plugins, in pluggy's order; an exception does not stop the others.

Each implementation receives its own plugin's settings, and its answer carries the plugin's name, so that errors about
clashes can name both plugins. Hook wrappers, which could change the answers of other plugins, are refused (decision
0025).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, get_args, get_type_hints

import pluggy
from msgspec import Struct, field

from falcohost import hookspecs
from falcohost.api import API
from falcohost.errors import FalcohostError, PluginError
from falcohost.installing import how_to_upgrade

_MARK = "falcohost_api"
_SETTINGS = "settings"


class Candidate(Struct, frozen=True):
    """A plugin to register: any object with hooks, usually a module.

    :ivar settings: settings in addition to those from the configuration.
    """

    name: str
    module: Any
    distribution: str = "(none)"
    version: str = "0"
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class HookAnswer(NamedTuple):
    """The answer of one plugin to one hook."""

    plugin: str
    items: tuple[Any, ...]


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("falcohost")
    manager.add_hookspecs(hookspecs)
    return manager


class _Next:
    """What the next registry uses, if it is made already."""

    manager: pluggy.PluginManager | None = None


def prepare_registry() -> None:
    """Make what the next registry needs. Called by who forks processes that have one: it takes half a megabyte."""
    _Next.manager = _manager()


class Registry:
    """The registered plugins.

    :ivar left_out: the reason for each plugin that is not registered, or no longer.
    :ivar misconfigured: those of them that refuse their configuration.
    :ivar settings: the settings that the hooks of each plugin receive.
    """

    def __init__(self) -> None:
        self.left_out: dict[str, str] = {}
        self.misconfigured: set[str] = set()
        self.settings: dict[str, Mapping[str, Any]] = {}
        self._manager, _Next.manager = _Next.manager or _manager(), None
        self._raised: dict[str, Exception] = {}

    def register(self, candidates: Iterable[Candidate]) -> None:
        """Register *candidates*. Hooks are called in this order, unless ``tryfirst`` or ``trylast`` changes it."""
        for candidate in reversed(list(candidates)):  # pluggy calls first what was registered last
            try:
                self._register(candidate)
            except Exception as error:
                self.leave_out(candidate.name, error)

    def _register(self, candidate: Candidate) -> None:
        wanted = getattr(candidate.module, _MARK, API)
        if wanted != API:
            raise PluginError(_other_version(candidate, wanted))
        self.settings[candidate.name] = candidate.settings
        self._manager.register(self._stand_in(candidate), candidate.name)
        self._manager.check_pending()

    def _stand_in(self, candidate: Candidate) -> _StandIn:
        """Return an object with the hooks of *candidate*, whose answers carry its name and which never raise."""
        stand_in = _StandIn(candidate.module)
        for name in dir(candidate.module):
            options = self._manager.parse_hookimpl_opts(candidate.module, name)
            if options is None:
                continue
            if options["wrapper"] or options["hookwrapper"]:
                raise PluginError(f"{name} is a hook wrapper, and a plugin may not change what other plugins return")
            hook = options["specname"] or name
            setattr(stand_in, name, self._guarded(hook, getattr(candidate.module, name), candidate))
        return stand_in

    def _guarded(
        self, hook: str, function: Callable[..., Any], candidate: Candidate
    ) -> Callable[..., HookAnswer | None]:
        parameters = list(inspect.signature(function).parameters)

        @functools.wraps(function)  # pluggy reads the mark and the parameters
        def guarded(*arguments: Any) -> HookAnswer | None:
            given = dict(zip(parameters, arguments, strict=False))
            if _SETTINGS in given:
                given[_SETTINGS] = self.settings[candidate.name]
            try:
                return HookAnswer(candidate.name, _items(hook, function(**given)))
            except Exception as error:
                self._raised[candidate.name] = error
                return None

        return guarded

    def leave_out(self, name: str, error: Exception) -> None:
        """Unregister the plugin *name* because of *error*."""
        told = str(error).rstrip(".") if isinstance(error, FalcohostError) else f"{type(error).__name__}: {error}"
        if isinstance(error, FalcohostError) and not isinstance(error, PluginError):
            self.misconfigured.add(name)
        self.left_out[name] = f"plugin '{name}' is left out: {told}"
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def ask(self, hook: str, **arguments: Any) -> tuple[list[HookAnswer], dict[str, Exception]]:
        """Call *hook*; return the answers, and the exceptions of plugins that raised one instead."""
        self._raised = {}
        caller = getattr(self._manager.hook, hook)
        return caller(**dict.fromkeys(caller.spec.argnames, None) | arguments), self._raised


class _StandIn:
    """The object that is registered in place of a plugin."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __repr__(self) -> str:
        return repr(self._module)


def _items(hook: str, answer: Iterable[Any] | None) -> tuple[Any, ...]:
    items, kind = () if answer is None else tuple(answer), _item_type(hook)
    for item in items:
        if not isinstance(item, kind):
            raise TypeError(f"{hook} has to return {kind.__name__} objects, not {item!r}")
    return items


@functools.cache
def _item_type(hook: str) -> type:
    """Return the type of the items that *hook* returns, from its specification."""
    answer = get_type_hints(getattr(hookspecs, hook))["return"]
    several = next((part for part in get_args(answer) if get_args(part)), answer)
    item: type = get_args(several)[0]
    return item


def _other_version(candidate: Candidate, wanted: object) -> str:
    mend = (
        how_to_upgrade()
        if isinstance(wanted, int) and wanted > API
        else f"install a version of {candidate.distribution} that is written for version {API}"
    )
    return f"it is written for version {wanted} of the plugin API, but this falcohost has version {API}: {mend}"
