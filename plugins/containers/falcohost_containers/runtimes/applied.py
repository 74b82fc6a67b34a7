"""Reads a pod's probes from what ``kubectl apply`` leaves in its annotations; runtimes know of no probes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from falcohost_containers.probes import Command
from falcohost_containers.rows import words

_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


class _Exec(Struct):
    command: list[str] | None = None


class _Probe(Struct):
    exec: _Exec | None = None


class _Container(Struct, rename="camel"):
    name: str = ""
    liveness_probe: _Probe | None = None
    readiness_probe: _Probe | None = None


class _Spec(Struct, rename="camel"):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None


class _Applied(Struct):
    kind: str = ""
    spec: _Spec | None = None


def probes(annotations: Mapping[str, str], container: str) -> tuple[Command | None, Command | None]:
    """Return the commands of the liveness and the readiness probe of the pod's container of this name; None: unknown.

    A probe that is no command (an HTTP request, a connection) has no process: it is empty, like one that there is not.
    """
    try:
        applied = _decode(annotations.get(_APPLIED, "{}"))
    except (ValueError, RecursionError):
        return None, None
    if applied.kind != "Pod" or applied.spec is None:
        return None, None
    for one in (*(applied.spec.containers or ()), *(applied.spec.init_containers or ())):
        if one.name == container:
            return _command(one.liveness_probe), _command(one.readiness_probe)
    return None, None


def _command(probe: _Probe | None) -> Command:
    return () if probe is None or probe.exec is None else words(probe.exec.command)


_decode = msgspec.json.Decoder(_Applied).decode
