"""The plugin ``k8smeta``: adds to system calls what the Kubernetes API server knows of the pod that they are from."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from falcohost import StandsFor, hookimpl
from falcohost.helpers import HelperSpec
from falcohost.lookups import Lookup, LookupSpec
from falcohost.needs import CONNECT, THREADS
from falcohost_k8smeta.config import NAME, names_collector, parse

#: Version of the plugin API that this plugin uses.
falcohost_api = 1


def _make(settings: Mapping[str, Any]) -> Lookup:
    from falcohost_k8smeta.lookup import PodLookup

    if names_collector(settings):
        what = (
            "the plugin 'k8smeta' asks the API server, not a collector: collectorHostname and the like have no effect"
        )
        logging.getLogger("falcohost").warning(what)
    return PodLookup.from_settings(settings)


def _check(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    from falcohost_k8smeta.check import check

    return check(settings)


@hookimpl
def falcohost_lookups(settings: Mapping[str, Any]) -> Iterable[LookupSpec]:
    """Return the lookup, with the process that watches the API server."""
    from falcohost_k8smeta.fields import FIELDS, FILLS

    config = parse(settings)
    helper = HelperSpec(
        name=NAME,
        serve="falcohost_k8smeta.helper:serve",
        capabilities=frozenset({"CAP_DAC_READ_SEARCH"}) if config.is_guarded else frozenset(),
        calls=frozenset({CONNECT, THREADS}),
        files=config.files,
        connects=(config.address,) if config.host else (),
        stream=True,
        places=(config.token,),
        settings=msgspec.to_builtins(config),
    )
    about = "Knows pods, what they belong to, their services and namespaces."
    key = {"syscall": ("thread.cgroups", "container.type", "container.outer")}
    return [
        LookupSpec(
            name=NAME,
            description=about,
            key=key,
            make=_make,
            fields=FIELDS,
            fills=FILLS,
            of_now=True,
            helper=helper,
            check=_check,
        )
    ]


@hookimpl
def falcohost_stands_for() -> Iterable[StandsFor]:
    """Declare that this plugin, with the source ``syscall``, replaces Falco's of the same name."""
    return (StandsFor(name=NAME, version="0.4.0"),)
