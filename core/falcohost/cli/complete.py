"""Completes names in a shell: sources, fields, keys and their values, plugins, outputs, rules, tags.

A broken configuration or plugin completes nothing.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from falcohost.alert import Priority
from falcohost.errors import FalcohostError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from falcohost import ConfigKey
    from falcohost.host.plugins import Plugins
    from falcohost.rules.definitions import RuleDef
    from falcohost.store.history import History


#: So many of the last alerts are proposed.
_LAST = 50


def sources(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the event sources, with descriptions, whose names begin with *incomplete*."""
    with _quietly():
        return _items(((name, spec.description) for name, spec in _plugins(ctx).sources().items()), incomplete)
    return []


def fields(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the fields, of the source that is named before, whose names begin with *incomplete*."""
    from falcohost.host.catalogs import all_fields

    with _quietly():
        known = all_fields(_plugins(ctx))
        source = ctx.params.get("source")
        chosen = [known[source]] if source in known else list(known.values())
        return _items({field.name: field.description for of in chosen for field in of}.items(), incomplete)
    return []


def fields_of_calls(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the fields of system calls that complete the last of several, which commas separate."""
    from falcohost.host.catalogs import all_fields
    from falcohost.lang.default_source import DEFAULT_SOURCE

    before, comma, _last = incomplete.rpartition(",")
    with _quietly():
        found = all_fields(_plugins(ctx)).get(DEFAULT_SOURCE, ())
        return _items(((f"{before}{comma}{one.name}", one.description) for one in found), incomplete)
    return []


def sources_or_fields(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what may stand where either is allowed."""
    return [*sources(ctx, parameter, incomplete), *fields(ctx, parameter, incomplete)]


def keys(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the configuration keys that begin with *incomplete*, each with the equals sign that follows it.

    After the equals sign of a key with few values, these.
    """
    from falcohost.host.config.keys import leaves

    with _quietly():
        known = leaves(_plugins(ctx).known_keys())
        if "=" not in incomplete:
            return _items(((f"{key.key}=", key.help.replace("`", "")) for key in known), incomplete)
        found = [f"{key.key}={value}" for key in known for value in _values(key)]
        return _items(((one, "") for one in found), incomplete)
    return []


def _values(key: ConfigKey) -> Sequence[str]:
    """Return the values that *key* may have, if they are few."""
    if key.key == "priority":
        return [priority.name.lower() for priority in Priority]
    return ("true", "false") if key.type is bool else key.choices


def sources_of_alerts(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the event sources, and the source of falcohost's alerts about itself."""
    from falcohost.engine.alerts import INTERNAL

    return [*sources(ctx, parameter, incomplete), *_items([(INTERNAL, "falcohost itself")], incomplete)]


def alerts(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of the last stored alerts that begin with *incomplete*, each with its alert."""
    from falcohost.engine.texts import printable
    from falcohost.store.history import Wanted

    with _quietly(), contextlib.closing(_history(ctx)) as history:
        found = [(one.id, printable(one.message)) for one in history.alerts(Wanted(), last=_LAST)]
        return _items(reversed(found), incomplete)
    return []


def silences(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the numbers of the silences, each with its rule."""
    from falcohost.engine.texts import printable

    with _quietly(), contextlib.closing(_history(ctx)) as history:
        return _items(((str(one.number), printable(one.rule)) for one in history.silences()), incomplete)
    return []


def frozen(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the cgroups that are frozen."""
    from falcohost.host.response import cgroups

    with _quietly():
        root = cgroups.mount()
        return [] if root is None else _items(((path, "") for path in cgroups.frozen(root)), incomplete)
    return []


def _history(ctx: click.Context) -> History:
    from falcohost.host.config import load_config
    from falcohost.store.directory import state_directory
    from falcohost.store.history import History

    configured = ctx.params.get("state_dir") or load_config(_config(ctx), ()).state.directory
    return History(state_directory(configured))


def outputs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the outputs that the configuration enables, each with what it is."""
    from falcohost.host.config import load_config

    with _quietly():
        enabled = load_config(_config(ctx), ()).outputs.enabled
        return _items(sorted((name, one.kind) for name, one in enabled.items()), incomplete)
    return []


def plugins(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the plugins whose names begin with *incomplete*."""
    with _quietly():
        return _items(((plugin.name, "") for plugin in _plugins(ctx).loaded), incomplete)
    return []


def rules(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the rules, of the files that are named before or else of the configured ones."""
    from falcohost.cli.rules_files import named_rules

    with _quietly():
        return named_rules(_definitions(ctx), incomplete)
    return []


def tags(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the tags of the same rules."""
    with _quietly():
        found = {tag for rule in _definitions(ctx) for tag in rule.tags}
        return _items(((tag, "") for tag in sorted(found)), incomplete)
    return []


def _definitions(ctx: click.Context) -> Collection[RuleDef]:
    from falcohost.cli.rules_files import read_definitions
    from falcohost.host.config import load_config
    from falcohost.host.loading import files_to_load

    config, loaded = load_config(_config(ctx), ()), _plugins(ctx)
    given = next(filter(None, (context.params.get("rules") for context in (ctx, *_above(ctx)))), ())
    return read_definitions(files_to_load(config.rules, loaded, given))


def one_of(*values: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what completes one of *values*."""
    return lambda ctx, parameter, incomplete: _items(((value, "") for value in values), incomplete)


def _items(found: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=help_.partition("\n")[0]) for name, help_ in found if name.startswith(incomplete)]


def _plugins(ctx: click.Context) -> Plugins:
    """Return all installed plugins, with the configuration that the line names before the cursor."""
    from falcohost.host.config import load_config
    from falcohost.host.plugins import load_all

    given = [context.params for context in (ctx, *_above(ctx))]
    options = [option for params in reversed(given) for option in params.get("options") or () if "=" in option]
    return load_all(load_config(_config(ctx), options).for_plugins, strict=False)


def _config(ctx: click.Context) -> str | None:
    given = [context.params.get("config") for context in (ctx, *_above(ctx))]
    return next(filter(None, given), None)


def _above(ctx: click.Context) -> Iterator[click.Context]:
    while ctx.parent is not None:
        ctx = ctx.parent
        yield ctx


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Let nothing reach the line that is edited: neither messages nor errors."""
    logging.disable()
    try:
        with contextlib.suppress(FalcohostError, OSError):
            yield
    finally:
        logging.disable(logging.NOTSET)
