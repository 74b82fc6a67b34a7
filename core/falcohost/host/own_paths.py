"""Where the agent's own files are, for rules about who changes them: state, configuration, rules, cache and code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from falcohost.errors import FalcohostError, StateError
from falcohost.host.config import Config
from falcohost.host.enabled_subscribers import enabled_outputs, files_of
from falcohost.host.plugins import Plugins, installed
from falcohost.rules.cache_files import cache_directory
from falcohost.store.directory import state_directory

#: The list that every rules file can use. Its items are beginnings of paths; those of folders end with a slash.
LIST: Final = "falcohost_paths"
#: And the list of the folders among them, without the slash: whoever moves or covers one takes all in it.
FOLDERS: Final = "falcohost_folders"
#: And the list of the files to which outputs write alerts.
OUTPUTS: Final = "falcohost_outputs"
#: And the list of the folders in which those folders are: whoever moves one takes all in it.
ABOVE: Final = "falcohost_folders_above"

_NO_FILES: Final = ("/dev/", "/proc/")
_SHARED_MEMORY: Final = "/dev/shm/"  # the one place below /dev where files are
_PACKAGE: Final = Path(__file__).resolve().parents[1]


def own_paths(config: Config, plugins: Plugins, rules: Iterable[str]) -> tuple[str, ...]:
    """Return the items of :data:`LIST`; *rules*: the rules files that are loaded."""
    found = sorted({path for path in _paths(config, plugins, rules) if path not in ("/", "//")})
    return tuple(path for path in found if not any(path.startswith(one) for one in found if one != path))


def own_folders(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the items of :data:`FOLDERS` for those of :data:`LIST`."""
    return tuple(path.rstrip("/") for path in paths if path.endswith("/"))


def own_lists(config: Config, plugins: Plugins, rules: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the items of all these lists; *rules*: the rules files that are loaded."""
    paths = own_paths(config, plugins, rules)
    folders = own_folders(paths)
    outputs = _files(config, plugins)
    return {LIST: paths, FOLDERS: folders, OUTPUTS: outputs, ABOVE: _above((*folders, *outputs))}


def _above(paths: Iterable[str]) -> tuple[str, ...]:
    found = {str(above) for path in paths for above in Path(path).parents}
    return tuple(sorted(found - {"/", "//", *paths}))


def _files(config: Config, plugins: Plugins) -> tuple[str, ...]:
    """Return the files that outputs write to, but no devices."""
    with contextlib.suppress(FalcohostError):  # which is told when outputs are opened
        outputs = enabled_outputs(config.outputs, plugins.outputs())
        found = {one for file in files_of(outputs, config.outputs, plugins) for one in _spelled(file, "")}
        return tuple(
            sorted(path for path in found if path.startswith(_SHARED_MEMORY) or not path.startswith(_NO_FILES))
        )
    return ()


def _paths(config: Config, plugins: Plugins, rules: Iterable[str]) -> Iterator[str]:
    folders = [_PACKAGE, *_code(plugins)]
    with contextlib.suppress(StateError):
        folders.append(state_directory(config.state.directory))
    if (cache := cache_directory()) is not None:
        folders.append(cache)
    for folder in folders:
        yield from _spelled(str(folder), "/")
    for file in (*config.document.files, *rules):
        yield from _spelled(file, "")


def _code(plugins: Plugins) -> Iterator[Path]:
    """Yield the folders of plugins, and that of the virtual environment."""
    for plugin in plugins.loaded:
        for entry in installed().get(plugin.name, ()):
            module = sys.modules.get(entry.module.partition(".")[0])
            if module is not None and module.__file__ is not None:
                file = Path(module.__file__)
                yield file.parent if file.name == "__init__.py" else file
    if sys.prefix != sys.base_prefix:
        yield Path(sys.prefix)


def _spelled(path: str, end: str) -> Iterator[str]:
    """Yield *path* as it is given, made absolute, and with links followed."""
    absolute = os.path.abspath(path)  # noqa: PTH100 (does not follow links)
    yield absolute.rstrip("/") + end
    yield os.path.realpath(path).rstrip("/") + end
