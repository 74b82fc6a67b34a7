"""Imports in the supervisor what the processes that it forks need: they start faster, and share the memory.

Importing a module of ours does nothing but define names; settings, rules and secrets are read by the processes. What a
plugin does not name in ``SourceSpec.modules`` is not imported here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from falcohost.host import data, wire
from falcohost.host.confine.confinement import import_lazy, rehearse
from falcohost.host.confine.files import know_packages
from falcohost.host.delivering import messages as delivering
from falcohost.host.packed import pack, packed_of
from falcohost.host.plugins.registry import prepare_registry
from falcohost.host.storing import messages as storing
from falcohost.log import log

#: What the processes that are forked receive, and the supervisor from them.
_RECEIVED = (
    wire.Up,
    wire.Down,
    data.ToSource,
    data.PackedAlerts,
    storing.FromSupervisor,
    storing.FromOutputs,
    storing.ToOutputs,
    delivering.FromSupervisor,
)


#: Packages of which modules are kept packed, whatever is configured.
_OWN = "falcohost"


def preload(modules: Iterable[str]) -> None:
    """Import *modules*; one that cannot be imported is left to the process that needs it."""
    preload_own()
    modules = [*modules]
    _import(modules)
    for package in sorted({name.partition(".")[0] for name in modules}):
        pack(packed_of(package))
    know_packages()


def preload_own() -> None:
    """Import and make what is needed whatever is configured."""
    import_lazy()
    pack(packed_of(_OWN))
    prepare_registry()
    for kinds in _RECEIVED:
        wire.decoder(kinds)
    know_packages()
    rehearse()


def _import(modules: Iterable[str]) -> None:
    for name in modules:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # some modules run something, and exit then
            log.debug("%s cannot be imported beforehand: %s", name, error)
