"""Keeps the code of modules that are seldom needed packed, instead of importing them before the forks.

A confined process opens no files, so that all that it might ever need would have to be imported before, and all would
share the memory of what hardly anybody uses. What is listed here, and in a file of each package, is read from where it
is installed while that can be done, as Python's own import reads it. A process that needs it after all imports it from
memory. What is imported by then stays as it is.

Some modules of others are imported by their bare names (``import ast``) by what is needed. These have their names from
the beginning, and are filled when something of them is first looked up.
"""

from __future__ import annotations

import contextlib
import marshal
import sys
import threading
import zlib
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec, spec_from_file_location
from os.path import isfile
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple

from falcohost.host.undocumented import forget_annotations, without_docstrings

#: The file of a package with the names of its modules that are kept packed, one a line.
FILE: Final = "packed_modules.txt"

#: Modules that wait until something of them is looked up.
DELAYED: Final = ("ast", "msgspec.inspect", "shlex", "textwrap", "tokenize", "traceback")

#: Modules of others that are kept packed: those that wait, what these import, and what Python imports by itself to read
#: times and to decode texts.
OTHERS: Final = (
    *DELAYED,
    "_colorize",
    "_strptime",
    "calendar",
    "codeop",
    "encodings.ascii",
    "encodings.latin_1",
    "encodings.unicode_escape",
    "encodings.utf_16",
    "encodings.utf_32",
    "locale",
    "msgspec._typing_utils",
    "urllib.parse",
)

#: Packages whose docstrings and annotations nobody reads in an agent, and the module whose annotations plugins are
#: checked by.
_OWN: Final = frozenset({"falcohost", "falcohost_containers", "falcohost_syscall"})
_READ: Final = "falcohost.hookspecs"


class _Packed(NamedTuple):
    file: str
    code: bytes


class _State:
    """What is packed, by name; what waits; and whether what people read is left out."""

    packed: Final[dict[str, _Packed]] = {}
    delayed: Final[set[str]] = set()
    undocumented = False


#: Held while a module is filled, which may fill others.
_filling: Final = threading.RLock()


class _Loader(SourceFileLoader):
    """Loads a module from what is packed, or from its file while it is not."""

    def get_code(self, fullname: str) -> CodeType | None:
        packed = _State.packed.get(fullname)
        if packed is None:
            code = super().get_code(fullname)
            return without_docstrings(code) if code is not None and _is_undocumented(fullname) else code
        unpacked: CodeType = marshal.loads(zlib.decompress(packed.code))
        return unpacked

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ in _State.delayed:
            self._fill_later(module)
            return
        super().exec_module(module)
        if _is_undocumented(module.__name__) and module.__name__ != _READ:
            forget_annotations(module)

    def _fill_later(self, module: ModuleType) -> None:
        """Give the module a function that fills it, which Python calls for names that it does not have (PEP 562)."""
        name, names = module.__name__, module.__dict__

        def fill(wanted: str) -> Any:
            if wanted == "__path__":  # all modules are asked for it, and packages have it from the beginning
                raise AttributeError(f"module {name!r} is no package")
            with _filling:
                if name in _State.delayed:
                    _State.delayed.discard(name)
                    try:
                        super(_Loader, self).exec_module(module)
                    except BaseException:
                        _State.delayed.add(name)
                        raise
                    if names.get("__getattr__") is fill:
                        del names["__getattr__"]
                elif names.get("__getattr__") is fill and wanted not in names:  # it is being filled
                    raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
            return getattr(module, wanted)

        names["__getattr__"] = fill


class _Finder:
    """Finds the modules that wait, those that are packed, and those of which something is left out."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        packed = _State.packed.get(name)
        if packed is not None:
            return spec_from_file_location(name, packed.file, loader=_Loader(name, packed.file))
        if name not in _State.delayed and not _is_undocumented(name):
            return None
        if path is not None and _is_undocumented(name) and (own := _with_source(name, path)) is not None:
            return own
        found = PathFinder.find_spec(name, path, target)
        if found is not None and type(found.loader) is SourceFileLoader:
            found.loader = _Loader(name, found.loader.path)
        else:
            _State.delayed.discard(name)
        return found


def _with_source(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    """Return the spec of a module of ours with source: what looks into folders keeps a list of all files in each."""
    for folder in folders:
        place = f"{folder}/{name.rpartition('.')[2]}"
        for file, inside in ((f"{place}/__init__.py", [place]), (f"{place}.py", None)):
            if isfile(file):  # noqa: PTH113 # for each module
                loader = _Loader(name, file)
                return spec_from_file_location(name, file, loader=loader, submodule_search_locations=inside)
    return None


def delay() -> None:
    """Have those of :data:`DELAYED` wait that are not imported yet. To be called by who may become an agent."""
    _State.delayed.update(name for name in DELAYED if name not in sys.modules)
    _find_first()


def leave_out() -> None:
    """Leave docstrings and annotations out of what is imported from now on. To be called by who becomes an agent."""
    _State.undocumented = sys.implementation.name == "cpython" and sys.version_info < (3, 14)
    _find_first()


def _is_undocumented(name: str) -> bool:
    return _State.undocumented and name.partition(".")[0] in _OWN


def pack(modules: Iterable[str]) -> None:
    """Keep *modules* packed; one that is imported already stays so, and one that has no source is imported."""
    for name in modules:
        if name in _State.packed or (name in sys.modules and name not in _State.delayed):
            continue
        with contextlib.suppress(ImportError, SyntaxError, ValueError, OSError):
            spec = find_spec(name)
            if spec is None:
                continue
            if isinstance(spec.loader, SourceFileLoader):
                code = marshal.dumps(spec.loader.get_code(name))
                _State.packed[name] = _Packed(spec.loader.path, zlib.compress(code, zlib.Z_BEST_SPEED))
            else:
                import_module(name)
    _find_first()


def is_packed(name: str) -> bool:
    """Return whether a module is there to be imported from memory, or was."""
    return name in _State.packed


def packed_of(package: str) -> list[str]:
    """Return the modules of a *package*, which is imported, that are to be kept packed."""
    file = getattr(sys.modules.get(package), "__file__", None)
    try:
        text = "" if file is None else Path(file).with_name(FILE).read_text()
    except OSError:
        return []
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _find_first() -> None:
    """Have the finder asked before those that look into folders."""
    if _Finder not in sys.meta_path:
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        sys.meta_path.insert(place, _Finder)
