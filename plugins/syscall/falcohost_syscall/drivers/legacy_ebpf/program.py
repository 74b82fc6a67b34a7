"""Compiles the program with BCC, attaches it, and tells it which calls to observe."""

from __future__ import annotations

import atexit
import contextlib
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from falcohost import SourceError
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.legacy_ebpf import bcc, compiling, refused
from falcohost_syscall.drivers.legacy_ebpf.kernel_members import from_headers, from_kernel
from falcohost_syscall.drivers.legacy_ebpf.recipes import CALLS, ENDED, EXECUTED, Recipe
from falcohost_syscall.drivers.legacy_ebpf.rings import Rings

_SOURCE: Final = Path(__file__).parent / "program.bpf.c"
#: Parts of the path of an executable that fit into a program of 4096 instructions.
_PARTS: Final = 24
#: The first kernel with bpf_get_current_cgroup_id.
_CGROUP_IDS: Final = (4, 18)
_OFF: Final = Recipe(flags=0)


def release() -> tuple[int, ...]:
    """Return the first two numbers of the running kernel's version."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2] if part.isdigit())


def source(snaplen: int, *, only_successful: bool = False) -> str:
    """Return the program for the running kernel; *snaplen* bytes are collected of data.

    :param only_successful: it leaves out calls that failed.
    :raises SourceError: only headers say where members lie, and these are of another build.
    """
    kernel = release()
    defines = {
        "EXECVE": BY_NAME["execve"].numbers[platform.machine()][0],
        "EXECUTED": EXECUTED,
        "ENDED": ENDED,
        "SNAPLEN": snaplen,
        "ONLY_SUCCESSFUL": int(only_successful),
        "PARTS": _PARTS,
        "HAS_CGROUP_ID": int(kernel >= _CGROUP_IDS),
    }
    lines = [f"#define {name} {value}" for name, value in defines.items()]
    lines.append(from_kernel(bcc.BTF) or _from_headers())
    return _SOURCE.read_text().replace("OFFSETS", "\n".join(lines), 1)


def _from_headers() -> str:
    problem = bcc.headers_problem()
    if problem:
        raise SourceError(problem)
    return from_headers()


class Program:
    """The attached program, and its rings of *size* bytes on the processors of *cpus*.

    :raises SourceError: it cannot be compiled, or the kernel refuses it.
    """

    def __init__(self, text: str, cpus: list[int], size: int) -> None:
        module = bcc.module()
        with compiling.told(f"its programs for Linux {os.uname().release}"), _said() as said:
            try:
                self._bpf: Any = module.BPF(text=text.encode())
            except Exception as error:
                raise SourceError(_failed(said, error)) from error
        self._recipes = self._bpf[b"recipes"]
        self._on: Mapping[int, Recipe] = {}
        self.rings = Rings(cpus, size)
        events = self._bpf[b"events"]
        for ring in self.rings.rings:
            events[events.Key(ring.cpu)] = events.Leaf(ring.descriptor)

    def observe(self, recipes: Mapping[int, Recipe]) -> None:
        """Observe these calls, by their numbers; those that were observed before are not interrupted."""
        for number in range(CALLS):
            wanted = recipes.get(number, _OFF)
            if wanted != self._on.get(number, _OFF):
                leaf = self._recipes.Leaf.from_buffer_copy(wanted.packed())
                self._recipes[self._recipes.Key(number)] = leaf
        self._on = dict(recipes)

    def close(self) -> None:
        """Detach it: the kernel does so when the descriptors at its tracepoints are closed.

        BCC would ask for it before (ioctl(2)), which a confined worker may not; and again when Python ends.
        """
        self.rings.close()
        atexit.unregister(self._bpf.cleanup)
        for descriptor in self._bpf.tracepoint_fds.values():
            os.close(descriptor)
        self._bpf.tracepoint_fds.clear()
        self._bpf.cleanup()


@contextlib.contextmanager
def _said() -> Iterator[Path]:
    """Have what compiler and verifier write to the standard error in a file for that long."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said"
        before = os.dup(2)
        with path.open("wb") as file:
            os.dup2(file.fileno(), 2)
        try:
            yield path
        finally:
            os.dup2(before, 2)
            os.close(before)


def _failed(said: Path, error: Exception) -> str:
    why = refused.reason(said.read_text(errors="replace"))
    return f"BCC cannot load its program for Linux {os.uname().release}: {error}: {why}".removesuffix(": ")
