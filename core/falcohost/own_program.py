"""What falcohost's own program is, by which a source knows other agents on its machine (provisional)."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from falcohost.trust import distrust

__all__ = ["OwnProgram", "own_program"]

#: Where links to falcohost's script are.
_LINKS: Final = ("/usr/local/bin/falcohost", "/usr/bin/falcohost")

#: Variables with which Python, the dynamic linker or a library can be led to other code.
_LEADING: Final = ("PYTHON", "LD_", "OPENSSL_", "GCONV_PATH=")

#: Those among them that lead to none.
_HARMLESS: Final = (
    "PYTHONDONTWRITEBYTECODE=",
    "PYTHONFAULTHANDLER=",
    "PYTHONHASHSEED=",
    "PYTHONIOENCODING=",
    "PYTHONNOUSERSITE=",
    "PYTHONSAFEPATH=",
    "PYTHONUNBUFFERED=",
    "PYTHONUTF8=",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnProgram:
    """How a process looks that runs falcohost as it is installed for this process.

    :ivar interpreter: the path of Python's executable, from the kernel.
    :ivar inode: that file's inode.
    :ivar written: the time of the last write to it, in nanoseconds since the epoch.
    :ivar changed: the time of the last change of its inode.
    :ivar scripts: the paths of falcohost's script.
    :ivar leading: the variables of this process that lead Python to code, as ``NAME=value``.
    """

    interpreter: str
    inode: int
    written: int
    changed: int
    scripts: frozenset[str]
    leading: frozenset[str]

    def is_started_by(self, arguments: Sequence[str], environment: Iterable[str]) -> bool:
        """Return whether the interpreter runs falcohost, and no other code, with these arguments and variables."""
        if len(arguments) < 2 or arguments[1] not in self.scripts:
            return False
        return self.leading.issuperset(_leading(environment))


@functools.cache
def own_program() -> OwnProgram | None:
    """Return falcohost's own program; None: there is no script, or other users could change it, Python or its modules.

    Call it first while the process may look at all files.
    """
    script = _installed("scripts") / "falcohost"
    try:
        interpreter = os.readlink("/proc/self/exe")  # noqa: PTH115 # the name alone, as others see it
        status = Path("/proc/self/exe").stat()
        places = (script, Path(interpreter), *_folders())
        if not script.is_file() or any(distrust(place, listed=place.is_dir()) for place in places):
            return None
    except OSError:
        return None
    return OwnProgram(
        interpreter=interpreter,
        inode=status.st_ino,
        written=status.st_mtime_ns,
        changed=status.st_ctime_ns,
        scripts=frozenset(_names(script)),
        leading=frozenset(_leading(f"{name}={value}" for name, value in os.environ.items())),
    )


def _folders() -> Iterator[Path]:
    """Yield the folders of Python's library, of what is installed, and of this package."""
    yield Path(os.__file__).parent
    yield from {_installed("purelib"), _installed("platlib")}
    yield Path(__file__).parent


def _installed(what: str) -> Path:
    """Return the folder of what is installed for this interpreter; *what*: a name of :func:`sysconfig.get_path`.

    That function itself would load all settings with which Python was built: 0.3 MB. It is asked where the name of a
    folder has a part that is not known here.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    known = {
        "base": sys.prefix,
        "platbase": sys.exec_prefix,
        "installed_base": sys.base_prefix,
        "installed_platbase": sys.base_exec_prefix,
        "platlibdir": sys.platlibdir,
        "py_version_short": version,
        "implementation": "Python",  # these three since 3.13
        "implementation_lower": "python",
        "abi_thread": "t" if "t" in sys.abiflags else "",
    }
    with contextlib.suppress(KeyError):
        return Path(sysconfig.get_path(what, expand=False).format_map(known))
    return Path(sysconfig.get_path(what))


def _names(script: Path) -> Iterator[str]:
    """Yield the paths that lead to *script*."""
    yield str(script)
    for name in (str(script.resolve()), os.path.abspath(sys.argv[0]), *_LINKS):  # noqa: PTH100 # links stay
        if os.path.realpath(name) == os.path.realpath(script):
            yield name


def _leading(variables: Iterable[str]) -> Iterator[str]:
    """Yield the variables that lead to code."""
    return (text for text in variables if text.startswith(_LEADING) and not text.startswith(_HARMLESS))
