"""The rules cache: the same files with the same fields are not compiled twice.

The cache is optional. If it cannot be read or written, if another user could have written it, or if it is damaged, this
is logged at level debug and the rules are compiled.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from falcohost.engine.catalog import Catalog
from falcohost.engine.codec.rows import CodecError
from falcohost.rules import cache_files
from falcohost.rules.cache_entry import from_bytes, to_bytes
from falcohost.rules.cache_files import UntrustedFile
from falcohost.rules.cache_key import cache_key
from falcohost.rules.loaded import Loaded, LoadOptions
from falcohost.rules.places import RulesFile

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RulesCache:
    """The cache in *directory*, for falcohost and plugins of these *versions*."""

    directory: Path
    versions: tuple[str, ...]

    def load(self, files: Sequence[RulesFile], catalogs: Mapping[str, Catalog], options: LoadOptions) -> Loaded:
        """Return the result of :func:`~falcohost.rules.loader.load_rules`, from the cache if it is there."""
        try:
            key = cache_key(files, catalogs, options, self.versions)
        except UnicodeEncodeError:
            key = None
        found = None if key is None else self._read(key, files, catalogs)
        if found is not None:
            return found
        from falcohost.rules.loader import load_rules

        outcome = load_rules(files, catalogs, options)
        if key is not None and outcome.ok:
            self._write(key, outcome)
        return outcome

    def _read(self, key: bytes, files: Sequence[RulesFile], catalogs: Mapping[str, Catalog]) -> Loaded | None:
        try:
            found = from_bytes(cache_files.read(self.directory, key), key, files, catalogs)
        except FileNotFoundError:
            return None
        except (OSError, UntrustedFile, CodecError) as error:
            _log.debug("The rules cache is not read: %s", error)
            return None
        _log.debug("The rules are those that %s has for these files", self.directory)
        return found

    def _write(self, key: bytes, loaded: Loaded) -> None:
        try:
            cache_files.write(self.directory, key, to_bytes(loaded, key))
        except (OSError, UntrustedFile, CodecError) as error:
            _log.debug("The rules cache is not written: %s", error)
