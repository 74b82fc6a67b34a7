"""The plugin ``containers``: fills fields of system calls with what container runtimes know."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from falcohost import StandsFor, hookimpl
from falcohost.helpers import HelperSpec
from falcohost.lookups import Lookup, LookupSpec
from falcohost.needs import CONNECT, PAUSE, THREADS, WATCH
from falcohost_containers.config import HAS_HTTP2, NAME, PAUSING, parse

#: Version of the plugin API that this plugin uses.
falcohost_api = 1


def _make(settings: Mapping[str, Any]) -> Lookup:
    from falcohost_containers.lookup import Containers

    config = parse(settings)
    if not HAS_HTTP2 and any(Path(one).exists() for one in (*config.containerd, *config.cri)):
        what = "containerd is not asked about containers: the Python package h2 is missing (the extra 'containers')"
        logging.getLogger("falcohost").warning(what)
    return Containers.from_settings(settings)


def _check(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    from falcohost_containers.check import check

    return check(settings)


@hookimpl
def falcohost_lookups(settings: Mapping[str, Any]) -> Iterable[LookupSpec]:
    """Return the lookup, with the process that asks for it."""
    from falcohost_containers.fields import FILLS

    config = parse(settings)
    helper = HelperSpec(
        name=NAME,
        serve="falcohost_containers.helper:serve",
        capabilities=frozenset({"CAP_DAC_OVERRIDE"}),
        calls=frozenset({CONNECT, THREADS, WATCH}),
        files=config.files,
        connects=config.sockets,
        stream=True,
        places=config.places,
        settings=msgspec.to_builtins(config),
    )
    pausing = HelperSpec(
        name=PAUSING,
        serve="falcohost_containers.pausing:serve",
        opens="falcohost_containers.pausing:opens",
        asks=NAME,
        calls=frozenset({PAUSE}),
        files=None,  # a file that may not be opened may not be executed either, in whatever mount namespace it is
        stream=True,
        places=config.paused,
        settings=msgspec.to_builtins(config),
    )
    about = "Knows the names, images, labels, mounts and pods of containers."
    key = {"syscall": ("container.full_id", "container.type", "container.outer")}
    return [
        LookupSpec(
            name=NAME,
            description=about,
            key=key,
            make=_make,
            fills=FILLS,
            of_now=True,
            helper=helper,
            further=(pausing,) if config.paused else (),
            check=_check,
            modules=config.modules,
        )
    ]


@hookimpl
def falcohost_stands_for() -> Iterable[StandsFor]:
    """Declare that this plugin, with the source ``syscall``, replaces Falco's container plugin."""
    return (StandsFor(name="container", version="0.7.1"),)
