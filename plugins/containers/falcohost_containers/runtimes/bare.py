"""Reads the containers of runc and crun that nobody else manages: their state, and the bundle's ``config.json``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from falcohost_containers.rows import Row, texts
from falcohost_containers.runtimes.files import read
from falcohost_containers.runtimes.oci import Spec, spec

_NAME: Final = re.compile(r"[A-Za-z0-9][\w+.-]{0,127}", re.ASCII)
_BUNDLE: Final = "bundle="


class _Config(Struct):
    labels: list[str] | None = None


class _State(Struct):
    """runc's ``state.json`` has the bundle among the labels, crun's ``status`` beside them."""

    config: _Config | None = None
    bundle: str = ""

    @property
    def place(self) -> str:
        found = (
            one.removeprefix(_BUNDLE) for one in (self.config and self.config.labels) or () if one.startswith(_BUNDLE)
        )
        return self.bundle or next(found, "")

    @property
    def annotations(self) -> dict[str, str]:
        pairs = (
            one.partition("=") for one in (self.config and self.config.labels) or () if not one.startswith(_BUNDLE)
        )
        return {name: value for name, _, value in pairs}


class Bare:
    """The containers whose state is in *roots*."""

    def __init__(self, roots: Sequence[Path], *, longest: int = 100) -> None:
        self.name = "runc"
        self.types = frozenset({"runc"})
        self.ids = _NAME
        self.reads_files = True
        self._roots = roots
        self._longest = longest

    def find(self, container: str) -> Row | None:
        """Return what the state and the bundle of a container say."""
        for root in self._roots:
            data = read(root / container / "state.json") or read(root / container / "status")
            if data:
                return self._row(container, _decode(data))
        return None

    on_disk = find

    def running(self) -> Iterable[str]:
        """Yield the ids of containers."""
        for root in self._roots:
            if root.is_dir():
                yield from (one.name for one in root.iterdir())

    def folders(self) -> Sequence[Path]:
        """Return the folders in which the runtimes make one for each container."""
        return self._roots

    def _row(self, container: str, state: _State) -> Row:
        said = _bundle(state.place)
        labels = texts(state.annotations or (said.annotations if said else None), self._longest)
        if said is None:
            return Row(name=container, labels=labels, healthcheck=())
        return Row(name=container, labels=labels, mounts=said.told, shares=said.shares, healthcheck=())


def _bundle(place: str) -> Spec | None:
    """Return the specification in a bundle; None: it cannot be read, or is none."""
    try:
        data = read(Path(place) / "config.json") if place.startswith("/") else None
        return None if data is None else spec(data)
    except (OSError, ValueError):
        return None


_decode = msgspec.json.Decoder(_State).decode
