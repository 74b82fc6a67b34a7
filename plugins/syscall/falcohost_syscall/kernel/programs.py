"""Makes maps and loads programs while the probe runs, through libbpf's thin wrappers of bpf(2)."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Iterable
from ctypes import Structure, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from errno import ENOENT
from functools import cached_property
from typing import Any, Final, NamedTuple, Protocol

from falcohost_syscall.kernel.assembler import Assembler
from falcohost_syscall.kernel.given_types import has_own
from falcohost_syscall.kernel.kernel_types import FUNCTION, TRACEPOINT, TYPEDEF, VARIABLE
from falcohost_syscall.kernel.libbpf import INSTRUCTION, LOG_LINES, LibbpfError, Library
from falcohost_syscall.kernel.maps import ARRAY, HASH

#: enum bpf_map_type, bpf_prog_type and bpf_attach_type of include/uapi/linux/bpf.h.
MAP_HASH, MAP_ARRAY, MAP_PROG_ARRAY, MAP_PERCPU_ARRAY, MAP_LPM_TRIE = HASH, ARRAY, 3, 6, 11
PROGRAM_TRACEPOINT, PROGRAM_RAW_TRACEPOINT, PROGRAM_TRACING = 5, 17, 26
ATTACH_RAW_TRACEPOINT, ATTACH_FUNCTION_ENTRY, ATTACH_ITERATOR = 23, 24, 28
_NO_PREALLOC = 1
_LOG: Final = 1 << 25  # up to Linux 6.3 the verifier keeps the start of too long a log; the reason is at its end
_LICENSE: Final = b"GPL"
#: Returns 0, with a may_goto over one instruction: verifiers up to Linux 6.12 refuse a may_goto that skips nothing.
_MAY_GOTO: Final = b"".join(
    struct.pack("=BBhi", *i, 0) for i in ((0xB7, 0, 0), (0xE5, 0, 1), (0xB7, 0, 0), (0x95, 0, 0))
)
_NAME_LONGEST: Final = 15
#: What bpf(2) says where programs for raw tracepoints cannot be run on demand (ENOTSUPP), and how they are asked then
#: (``bpf/ignored.bpf.h``): by getpid(2) with these arguments. Only x86-64 has kernels that old.
_NOT_SUPPORTED: Final = 524
_ASKING: Final = 39
_ASKS: Final = 0x66616C636F686F73
_U64: Final = struct.Struct("=Q")
FUNCTION_INFO: Final = struct.Struct("=II")
"""``struct bpf_func_info``: a function's first instruction and its type."""

#: Signatures of the libbpf functions that are used here.
SIGNATURES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "bpf_map_create": (c_int, (c_int, c_char_p, c_uint32, c_uint32, c_uint32, c_void_p)),
    "bpf_prog_load": (c_int, (c_int, c_char_p, c_char_p, c_void_p, c_size_t, c_void_p)),
    "bpf_prog_test_run_opts": (c_int, (c_int, c_void_p)),
}


class _MapOptions(Structure):
    """``struct bpf_map_create_opts`` of bpf/bpf.h, up to the members that are used here."""

    _fields_ = (
        ("size", c_size_t),
        ("btf_fd", c_uint32),
        ("btf_key_type_id", c_uint32),
        ("btf_value_type_id", c_uint32),
        ("btf_vmlinux_value_type_id", c_uint32),
        ("inner_map_fd", c_uint32),
        ("map_flags", c_uint32),
    )


class _ProgramOptions(Structure):
    """``struct bpf_prog_load_opts`` of bpf/bpf.h, up to the members that are used here."""

    _fields_ = (
        ("size", c_size_t),
        ("attempts", c_int),
        ("expected_attach_type", c_int),
        ("prog_btf_fd", c_uint32),
        ("prog_flags", c_uint32),
        ("prog_ifindex", c_uint32),
        ("kern_version", c_uint32),
        ("attach_btf_id", c_uint32),
        ("attach_prog_fd", c_uint32),
        ("attach_btf_obj_fd", c_uint32),
        ("fd_array", c_void_p),
        ("func_info", c_void_p),
        ("func_info_cnt", c_uint32),
        ("func_info_rec_size", c_uint32),
        ("line_info", c_void_p),
        ("line_info_cnt", c_uint32),
        ("line_info_rec_size", c_uint32),
        ("log_level", c_uint32),
        ("log_size", c_uint32),
        ("log_buf", c_void_p),
    )


class _TestOptions(Structure):
    """``struct bpf_test_run_opts`` of bpf/bpf.h."""

    _fields_ = (
        ("size", c_size_t),
        ("data_in", c_void_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("ctx_in", c_void_p),
        ("ctx_out", c_void_p),
        ("ctx_size_in", c_uint32),
        ("ctx_size_out", c_uint32),
        ("retval", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("cpu", c_uint32),
        ("batch_size", c_uint32),
    )


class Attach(NamedTuple):
    """Where a tracing program will be attached: ``enum bpf_attach_type`` and a BTF number."""

    kind: int = 0
    type_id: int = 0


ANYWHERE: Final = Attach()


class Described(NamedTuple):
    """The name of a program and the types of its functions: one ``struct bpf_func_info`` each, in the BTF *btf_fd*."""

    name: bytes
    btf_fd: int
    functions: bytes


class Entry(NamedTuple):
    """The descriptors of an attached program and of its link; it stays attached until :meth:`close`."""

    program: int
    link: int

    def close(self) -> None:
        """Detach and unload the program."""
        os.close(self.link)
        os.close(self.program)


class FilterKernel(Protocol):
    """Makes what filters consist of; returns descriptors, which the caller closes."""

    @property
    def has_may_goto(self) -> bool:
        """Whether the kernel has may_goto."""

    def hash(self, keys: Iterable[bytes], size: int) -> int:
        """Return a new hash map with *keys*, each padded with zeros to *size* bytes."""

    def trie(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> int:
        """Return a new trie of *prefixes*, each with its length in bits, for keys of at most *size* bytes."""

    def table(self, value: bytes) -> int:
        """Return a new array whose only entry is *value*."""

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "sys_exit") -> int:
        """Load a program; a tracing program is loaded for the *tracepoint*.

        :raises LibbpfError: the kernel refused it.
        """

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""


class Kernel:
    """Makes maps and loads programs; returns descriptors, which the caller closes.

    :ivar untyped: programs are for raw tracepoints where they would be tracing programs.
    """

    untyped = False

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lib = library.lib
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments

    @cached_property
    def has_may_goto(self) -> bool:
        """Whether the kernel has may_goto, which ends a loop that would run for too long (Linux 6.9)."""
        try:
            os.close(self.program(_MAY_GOTO, PROGRAM_RAW_TRACEPOINT))
        except LibbpfError:
            return False
        return True

    def array(self, value_size: int, entries: int, kind: int = MAP_ARRAY) -> int:
        """Return a new array."""
        return self.map(kind, 4, value_size, entries)

    def hash(self, keys: Iterable[bytes], size: int) -> int:
        """Return a new hash map with *keys*, each padded with zeros to *size* bytes."""
        found = {key.ljust(size, b"\0") for key in keys}
        return self._filled(self.map(MAP_HASH, size, 1, max(len(found), 1)), found)

    def table(self, value: bytes) -> int:
        """Return a new array whose only entry is *value*."""
        fd = self.array(len(value), 1)
        try:
            self.set(fd, bytes(4), value)
        except LibbpfError:
            os.close(fd)
            raise
        return fd

    def trie(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> int:
        """Return a new trie of *prefixes*, each with its length in bits, for keys of at most *size* bytes."""
        found = {struct.pack("=I", bits) + data.ljust(size, b"\0") for data, bits in prefixes}
        return self._filled(self.map(MAP_LPM_TRIE, 4 + size, 1, max(len(found), 1), _NO_PREALLOC), found)

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "sys_exit") -> int:
        """Load a program; a tracing program is loaded for the *tracepoint*.

        :raises LibbpfError: the kernel refused it.
        """
        if kind == PROGRAM_TRACING and not self.untyped:
            return self.load(code, kind, Attach(ATTACH_RAW_TRACEPOINT, self._tracepoint(tracepoint)))
        return self.load(code, PROGRAM_RAW_TRACEPOINT if kind == PROGRAM_TRACING else kind)

    def load(self, code: bytes, kind: int, attach: Attach = ANYWHERE, described: Described | None = None) -> int:
        """Load a program, with the name and types of *described*, or the name ``filter``.

        :raises LibbpfError: the kernel refused it.
        """
        options = _ProgramOptions(size=ctypes.sizeof(_ProgramOptions))
        options.expected_attach_type, options.attach_btf_id = attach
        if described is not None:
            functions = ctypes.create_string_buffer(described.functions, len(described.functions))
            options.prog_btf_fd, options.func_info = described.btf_fd, ctypes.addressof(functions)
            options.func_info_rec_size = FUNCTION_INFO.size
            options.func_info_cnt = len(described.functions) // FUNCTION_INFO.size
        count = len(code) // INSTRUCTION
        name = b"filter" if described is None else described.name[:_NAME_LONGEST]
        fd = self._lib.bpf_prog_load(kind, name, _LICENSE, code, count, byref(options))
        if fd >= 0:
            return int(fd)
        log = mmap.mmap(-1, _LOG)  # has memory only for what is written
        start = ctypes.c_char.from_buffer(log)
        options.log_buf, options.log_size, options.log_level = ctypes.addressof(start), _LOG, 1
        again = self._lib.bpf_prog_load(kind, name, _LICENSE, code, count, byref(options))
        if again >= 0:
            return int(again)
        said = log[: log.find(b"\0")].decode(errors="replace").splitlines()
        raise LibbpfError(f"The kernel refused a program ({name.decode()})", -fd, "\n".join(said[-LOG_LINES:]))

    def close(self, descriptor: int) -> None:
        """Close the descriptor of a map or a program."""
        os.close(descriptor)

    def entry(self, program: int, failed: str, tracepoint: str | None = None) -> Entry:
        """Attach a loaded program: to the raw *tracepoint*, or to the function that it was loaded for.

        :raises LibbpfError: the kernel refused it; the message begins with *failed*, and the program is unloaded.
        """
        name = None if tracepoint is None else tracepoint.encode()
        try:
            return Entry(program, self._library.check(self._lib.bpf_raw_tracepoint_open(name, program), failed))
        except BaseException:
            os.close(program)
            raise

    def run(self, program: int, context: bytes) -> int:
        """Run a raw-tracepoint program once with *context* and return its result.

        :raises LibbpfError: the kernel cannot run it this way.
        """
        buffer = ctypes.create_string_buffer(context, len(context))
        options = _TestOptions(size=ctypes.sizeof(_TestOptions))
        options.ctx_in, options.ctx_size_in = ctypes.addressof(buffer), len(context)
        failed = self._lib.bpf_prog_test_run_opts(program, byref(options))
        if failed == -_NOT_SUPPORTED:
            return self._run_at_a_call(program, context)
        self._library.check(failed, "Cannot run a filter")
        return int(options.retval)

    def _run_at_a_call(self, program: int, context: bytes) -> int:
        """Do the same before Linux 5.10: attach it to the beginning of calls, and make one that says what is asked."""
        link = self._library.check(self._lib.bpf_raw_tracepoint_open(b"sys_enter", program), "Cannot run a filter")
        try:
            ctypes.CDLL(None).syscall(_ASKING, ctypes.c_ulong(_ASKS), ctypes.c_ulong(*_U64.unpack(context[:8])))
        finally:
            os.close(link)
        return 0

    def set(self, map_fd: int, key: bytes, value: bytes) -> None:
        """Set one entry of a map."""
        self._library.check(self._lib.bpf_map_update_elem(map_fd, key, value, 0), "Cannot write to a map")

    def get(self, map_fd: int, key: bytes, size: int) -> bytes:
        """Return one entry of a map, *size* bytes."""
        buffer = ctypes.create_string_buffer(size)
        self._library.check(self._lib.bpf_map_lookup_elem(map_fd, key, buffer), "Cannot read a map")
        return buffer.raw

    def map(self, kind: int, key_size: int, value_size: int, entries: int, flags: int = 0) -> int:
        """Return a new map of type *kind*."""
        options = _MapOptions(size=ctypes.sizeof(_MapOptions), map_flags=flags)
        fd = self._lib.bpf_map_create(kind, b"filter", key_size, value_size, entries, byref(options))
        return self._library.check(fd, "Cannot make a map")

    def _filled(self, fd: int, keys: Iterable[bytes]) -> int:
        try:
            for key in keys:
                self.set(fd, key, b"\1")
        except LibbpfError:
            os.close(fd)
            raise
        return fd

    def enterable(self, functions: Iterable[str]) -> frozenset[str]:
        """Return the functions among *functions* that programs can be attached to; empty if the kernel allows none."""
        if not has_own():
            return frozenset()
        with self._library.types as types:
            found = {name: types.number(name, FUNCTION) for name in functions}
        known = {name: number for name, number in found.items() if number is not None}
        return frozenset(known) if any(map(self._can_enter, [*known.values()][:1])) else frozenset()

    def _can_enter(self, function: int) -> bool:
        """Return whether a program that does nothing can be attached to the entry of a function."""
        nothing = Assembler()
        nothing.leave()
        try:
            program = self.load(nothing.assemble(), PROGRAM_TRACING, Attach(ATTACH_FUNCTION_ENTRY, function))
        except LibbpfError:
            return False
        link = self._lib.bpf_raw_tracepoint_open(None, program)
        os.close(program)
        if link >= 0:
            os.close(link)
        return bool(link >= 0)

    def variable(self, name: str) -> int | None:
        """Return the BTF number of one of the kernel's per-CPU variables, or None if its BTF has none of that name."""
        with self._library.types as types:
            return types.number(name, VARIABLE)

    def has_tracepoint(self, name: str) -> bool:
        """Return whether the kernel has the tracepoint; its types say so, and where they may not be known, trying."""
        try:
            if self.untyped:
                nothing = Assembler()
                nothing.leave()
                self.entry(self.load(nothing.assemble(), PROGRAM_RAW_TRACEPOINT), name, name).close()
            else:
                self._tracepoint(name)
        except LibbpfError:
            return False
        return True

    def _tracepoint(self, name: str) -> int:
        """Return the BTF number of a tracepoint."""
        with self._library.types as types:
            found = types.number(f"{TRACEPOINT}{name}", TYPEDEF)
        return self._library.check(found or -ENOENT, f"The kernel has no tracepoint {name}")
