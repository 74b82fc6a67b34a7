"""Checks what the modern eBPF driver needs of the machine; each problem comes with the way to solve it.

Nothing is loaded here, so that ``falcohost doctor`` can run the checks on any machine.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final, NamedTuple

from falcohost import SourceError
from falcohost_syscall.drivers.modern_ebpf.forms import LOST, OBJECTS, OLDER_OBJECTS, needs_older, takes_none
from falcohost_syscall.kernel import given_types
from falcohost_syscall.kernel.libbpf import LIBRARY, Library

LOCKDOWN: Final = Path("/sys/kernel/security/lockdown")
STATUS: Final = Path("/proc/self/status")
OLDEST_KERNELS: Final = {"x86_64": "5.8", "aarch64": "6.0"}
"""The first kernels that take a form of the probe: with ring buffers; on arm64, with functions beside tail calls."""
#: What is said where there is no BTF at all.
_NO_BTF: Final = (
    f"The kernel has no BTF ({given_types.OWN} is missing), which engine.kind: modern_ebpf needs on this processor"
)
_ANOTHER_WAY: Final = (
    "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as Debian's and Ubuntu's are, or set engine.kind to ebpf "
    "(programs that BCC compiles here) or kmod (Falco's kernel module)"
)
CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 21, 38, 39


class Requirement(NamedTuple):
    """One requirement, and the sentence to print if it is not met."""

    what: str
    problem: str | None


def requirements(btf: str = "") -> list[Requirement]:
    """Return all requirements, in the order in which to solve them; *btf*: the setting that names files with types."""
    return [
        Requirement("processor", _machine()),
        _kernel(),
        _btf(btf),
        Requirement("privileges", _privileges()),
        Requirement("lockdown", _lockdown()),
        Requirement("libbpf", _libbpf()),
    ]


def check(btf: str = "") -> None:
    """Return if all :func:`requirements` are met.

    :raises SourceError: the first one that is not.
    """
    for requirement in requirements(btf):
        if requirement.problem:
            raise SourceError(requirement.problem)


def _machine() -> str | None:
    if os.uname().machine in OBJECTS:
        return None
    return f"The syscall source runs on {' and '.join(OBJECTS)}, not on {os.uname().machine}."


def _kernel() -> Requirement:
    try:
        library = Library()
    except OSError:  # reported below
        return Requirement("kernel", None)
    if takes_none(library):
        oldest = OLDEST_KERNELS.get(os.uname().machine, "5.17")
        problem = (
            f"engine.kind: modern_ebpf needs Linux {oldest} or newer, this is {os.uname().release}; boot a newer "
            "kernel, or set engine.kind to ebpf (programs that BCC compiles here) or kmod (Falco's kernel module)."
        )
        return Requirement("kernel", problem)
    if needs_older(library):
        return Requirement(f"kernel, with the probe's form for older ones: {LOST}", None)
    return Requirement("kernel", None)


def _btf(setting: str) -> Requirement:
    if given_types.has_own():
        return Requirement("BTF, the kernel's own", None)
    if os.uname().machine not in OLDER_OBJECTS:
        return Requirement("BTF", f"{_NO_BTF}; {_ANOTHER_WAY}.")
    try:
        path = given_types.required(setting)
        given_types.checked(path)
    except SourceError as error:
        return Requirement("BTF", str(error))
    return Requirement(f"BTF, from {path}, since the kernel has none", None)


def _privileges() -> str | None:
    effective = 0
    for line in STATUS.read_text().splitlines():
        if line.startswith("CapEff:"):
            effective = int(line.split()[1], 16)
    if effective >> CAP_SYS_ADMIN & 1 or (effective >> CAP_BPF & 1 and effective >> CAP_PERFMON & 1):
        return None
    return (
        "Loading the probe needs root, or the capabilities CAP_BPF and CAP_PERFMON; "
        "run falcohost with sudo (in a container: --privileged, or --cap-add BPF --cap-add PERFMON)."
    )


def _lockdown() -> str | None:
    if not LOCKDOWN.exists() or "[confidentiality]" not in LOCKDOWN.read_text():
        return None
    return (
        "The kernel is locked down for confidentiality, so no program may read its memory, including the probe; "
        "boot with lockdown=integrity, or without lockdown."
    )


def _libbpf() -> str | None:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return f"The syscall source needs {LIBRARY}, which is not installed; on Debian and Ubuntu: apt install libbpf1."
    return None
