"""Completes sources, fields and configuration keys in a shell; a broken configuration or plugin completes nothing."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from falcohost.errors import FalcohostError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from falcohost.host.plugins import Plugins


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


def sources_or_fields(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what may stand where either is allowed."""
    return [*sources(ctx, parameter, incomplete), *fields(ctx, parameter, incomplete)]


def keys(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the configuration keys that begin with *incomplete*, each with the equals sign that follows it."""
    from falcohost.host.config.keys import leaves

    with _quietly():
        found = {f"{key.key}=": key.help.replace("`", "") for key in leaves(_plugins(ctx).known_keys())}
        return _items(found.items(), incomplete)
    return []


def _items(found: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=help_.partition("\n")[0]) for name, help_ in found if name.startswith(incomplete)]


def _plugins(ctx: click.Context) -> Plugins:
    """Return all installed plugins, with the configuration that the line names before the cursor."""
    from falcohost.host.config import load_config
    from falcohost.host.plugins import load_all

    given = [context.params.get("config") for context in (ctx, *_above(ctx))]
    config = next(filter(None, given), None)
    return load_all(load_config(config, ()).for_plugins, strict=False)


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
