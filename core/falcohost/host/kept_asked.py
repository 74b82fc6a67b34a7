"""Keeps what rules ask of a source's loader in the rules cache: with many rules, working it out takes long.

Who could change an answer could have the kernel leave events out, so its files are trusted only as those of compiled
rules are (:mod:`.kept_entries`). What cannot be kept, or read, is worked out again.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

import falcohost
from falcohost.digest import blake2b
from falcohost.hookspecs import SourceSpec
from falcohost.host import kept_entries
from falcohost.host.plugins import PluginData
from falcohost.rules.cache_files import ASKED
from falcohost.rules.cache_key import SIZE, code_stamps, stamp


class KeptAsked:
    """What rules ask for, in *directory*; None: nothing is kept.

    :param version: that of falcohost.
    """

    def __init__(self, directory: Path | None, version: str) -> None:
        self._directory = directory
        self._version = version

    def asked(
        self,
        spec: SourceSpec,
        settings: Mapping[str, Any],
        plugins: Iterable[PluginData],
        rules: bytes,
        ask: Callable[[], bytes],
    ) -> bytes:
        """Return what *ask* returns for *settings* and *rules*, or what it has returned before for the same.

        :param plugins: those that the source needs, with all of its settings.
        :param rules: the rules, encoded.
        """
        key = self._key(spec, settings, plugins := [*plugins], rules)
        if self._directory is None or key is None:
            return ask()
        found = kept_entries.read(self._directory, key, ASKED)
        if found is None:
            found = ask()
            # What it depends on may have changed meanwhile.
            if self._key(spec, settings, plugins, rules) == key:
                kept_entries.write(self._directory, key, found, ASKED)
        return found

    def _key(
        self, spec: SourceSpec, settings: Mapping[str, Any], plugins: list[PluginData], rules: bytes
    ) -> bytes | None:
        if self._directory is None or spec.asked_with is None:
            return None
        depends = spec.asked_with(settings)
        if depends is None:
            return None
        content = (self._version, code_stamps(), [*_stamps(plugins)], spec.name, plugins, depends, rules)
        return blake2b(_encode(content), digest_size=SIZE).digest()


def _stamps(plugins: Iterable[PluginData]) -> Iterator[object]:
    """Yield the states of the files with the code of *plugins*, and of what they use, without a new version of it."""
    yield from (stamp(str(path)) for path in sorted(Path(falcohost.__file__).parent.glob("*.py")))
    for package in sorted({one.entry.partition(":")[0].partition(".")[0] for one in plugins}):
        found = importlib.util.find_spec(package)
        if found is not None and found.origin is not None:
            yield found.origin, stamp(found.origin)
        for top in (found and found.submodule_search_locations) or ():
            for folder, _, names in sorted(os.walk(top)):
                yield from (stamp(f"{folder}/{name}") for name in sorted(names) if name.endswith(".py"))


_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
