"""Finds BCC, which distributions install for their own Python, and what it needs to compile for this kernel.

BCC's Python part is plain Python over ``libbcc.so.0`` and works with any version, so that it is imported by its path,
and nothing else from there: a virtual environment has no access to the distribution's packages.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from falcohost import SourceError

#: Where distributions install it.
FOLDERS: Final = (
    Path("/usr/lib/python3/dist-packages/bcc"),
    *sorted(Path("/usr/lib").glob("python3*/site-packages/bcc"), reverse=True),
)
#: The types of the running kernel, where it tells them.
BTF: Final = Path("/sys/kernel/btf/vmlinux")
_MODULES: Final = Path("/lib/modules")
_LIBRARY: Final = "libbcc.so.0"
_TRACING: Final = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_LOCKDOWN: Final = Path("/sys/kernel/security/lockdown")
_CAP_SYS_ADMIN: Final = 21
_INSTALL: Final = "apt install python3-bpfcc (Debian, Ubuntu), or dnf install python3-bcc (Fedora, RHEL)"
_OTHER: Final = (
    "the package `bcc` of PyPI is something else, and pip cannot install this one: uninstall that, and install it from "
    "the distribution"
)


def module() -> ModuleType:
    """Return BCC.

    :raises SourceError: it is not installed, or cannot be loaded; the text says what to do.
    """
    known = sys.modules.get("bcc")
    if known is not None and hasattr(known, "BPF"):
        return known
    folder = _folder()
    if folder is None:
        raise SourceError(missing())
    spec = importlib.util.spec_from_file_location(
        "bcc", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["bcc"] = found  # its modules import each other by this name
    try:
        spec.loader.exec_module(found)
    except (ImportError, OSError, SyntaxError) as error:
        del sys.modules["bcc"]
        raise SourceError(f"BCC in {folder} cannot be loaded: {error}.") from error
    return found


def _folder() -> Path | None:
    return next((one for one in FOLDERS if (one / "__init__.py").exists() and (one / "libbcc.py").exists()), None)


def missing() -> str:
    """Return that BCC is not installed, and what to do."""
    text = f"engine.kind: ebpf needs BCC for Python: {_INSTALL}"
    try:
        other = importlib.util.find_spec("bcc")
    except ValueError:
        other = None
    return f"{text}; {_OTHER}." if other is not None else f"{text}."


def requirements() -> list[tuple[str, str | None]]:
    """Return what the driver needs of the machine, each with the sentence to print if it is not met."""
    return [
        ("BCC", _bcc()),
        ("kernel headers", headers_problem(has_types=BTF.exists())),
        ("tracepoints", _tracing_problem()),
        ("privileges", _rights()),
        ("lockdown", _lockdown()),
    ]


def check() -> None:
    """Return if all requirements are met.

    :raises SourceError: the first one that is not.
    """
    for _, problem in requirements():
        if problem:
            raise SourceError(problem)


def _bcc() -> str | None:
    if _folder() is None:
        return missing()
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError as error:
        return f"BCC's library cannot be loaded: {error}. {_INSTALL}."
    return None


def headers_problem(release: str | None = None, modules: Path = _MODULES, *, has_types: bool = False) -> str | None:
    """Return what to do if the headers of the running kernel are missing, or are those of another build.

    :param has_types: the kernel tells its types itself (BTF), so that headers of another build do as well.
    """
    release = os.uname().release if release is None else release
    folder = modules / release
    there = [folder / name for name in ("build", "source") if (folder / name / "include/linux/kconfig.h").exists()]
    install = (
        f"apt install linux-headers-{release} (Debian, Ubuntu), or dnf install kernel-devel-{release} (Fedora, RHEL)"
    )
    if not there:
        return f"engine.kind: ebpf compiles for the running kernel and needs its headers in {folder}/build: {install}."
    build = None if has_types else _build(folder / "build")
    if build in {None, release}:
        return None
    return (
        f"{folder}/build has the headers of Linux {build}, but {release} runs, and does not tell its types (BTF): "
        f"falcohost would read its structures at wrong places. Install its own headers: {install}."
    )


def _build(headers: Path) -> str | None:
    """Return the release that *headers* are of; None if they do not say so."""
    try:
        return (headers / "include/config/kernel.release").read_text(errors="replace").strip() or None
    except OSError:
        return None


def _tracing_problem() -> str | None:
    if any((folder / "events/raw_syscalls/sys_exit/id").exists() for folder in _TRACING):
        return None
    if os.geteuid() != 0:
        return None  # only root may look
    return "engine.kind: ebpf needs the kernel's tracepoints: mount -t tracefs nodev /sys/kernel/tracing."


def _rights() -> str | None:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    if int(line.split()[1], 16) >> _CAP_SYS_ADMIN & 1:
        return None
    return "engine.kind: ebpf needs root's rights (CAP_SYS_ADMIN) to load its programs; run falcohost with sudo."


def _lockdown() -> str | None:
    try:
        mode = _LOCKDOWN.read_text()
    except OSError:
        return None
    if "[confidentiality]" not in mode:
        return None
    return "The kernel is locked down (confidentiality): eBPF programs may not read memory; see kernel_lockdown(7)."
