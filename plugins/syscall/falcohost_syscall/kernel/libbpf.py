"""Calls libbpf through ctypes: its functions, and what it says of what fails.

Every failure is a :class:`LibbpfError` that ends with libbpf's own log, which is the only place where the verifier says
why it refused a program.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections import deque
from collections.abc import Iterator
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from functools import cache
from typing import Any, Final

from falcohost import SourceError
from falcohost_syscall.kernel.kernel_types import KernelTypes

LIBRARY: Final = "libbpf.so.1"
LOG_LINES: Final = 40
LOG_SIZE: Final = 1 << 24
"""Size of the buffer for one message. The verifier's log arrives as one message, and its end is what matters."""

INSTRUCTION: Final = 8
"""Size of one instruction in bytes."""
#: enum bpf_prog_type: BPF_PROG_TYPE_RAW_TRACEPOINT.
_PROGRAM_RAW_TRACEPOINT: Final = 17
_PRINT = CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)

_SIGNATURES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "bpf_object__open_mem": (c_void_p, (c_char_p, c_size_t, c_void_p)),
    "bpf_object__load": (c_int, (c_void_p,)),
    "bpf_object__close": (None, (c_void_p,)),
    "bpf_object__find_map_by_name": (c_void_p, (c_void_p, c_char_p)),
    "bpf_object__find_program_by_name": (c_void_p, (c_void_p, c_char_p)),
    "bpf_map__fd": (c_int, (c_void_p,)),
    "bpf_map__name": (c_char_p, (c_void_p,)),
    "bpf_object__next_map": (c_void_p, (c_void_p, c_void_p)),
    "bpf_map__reuse_fd": (c_int, (c_void_p, c_int)),
    "bpf_map__set_max_entries": (c_int, (c_void_p, c_uint32)),
    "bpf_map__max_entries": (c_uint32, (c_void_p,)),
    "bpf_map__value_size": (c_uint32, (c_void_p,)),
    "bpf_map__initial_value": (c_void_p, (c_void_p, POINTER(c_size_t))),
    "bpf_object__btf_fd": (c_int, (c_void_p,)),
    "bpf_object__next_program": (c_void_p, (c_void_p, c_void_p)),
    "bpf_program__name": (c_char_p, (c_void_p,)),
    "bpf_program__insns": (c_void_p, (c_void_p,)),
    "bpf_program__insn_cnt": (c_size_t, (c_void_p,)),
    "bpf_program__autoload": (c_bool, (c_void_p,)),
    "bpf_program__set_autoload": (c_int, (c_void_p, c_bool)),
    "bpf_program__fd": (c_int, (c_void_p,)),
    "bpf_program__section_name": (c_char_p, (c_void_p,)),
    "bpf_raw_tracepoint_open": (c_int, (c_char_p, c_int)),
    "bpf_link_create": (c_int, (c_int, c_int, c_int, c_void_p)),
    "bpf_iter_create": (c_int, (c_int,)),
    "bpf_map_freeze": (c_int, (c_int,)),
    "bpf_map_update_elem": (c_int, (c_int, c_void_p, c_void_p, ctypes.c_uint64)),
    "bpf_map_lookup_elem": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_delete_elem": (c_int, (c_int, c_void_p)),
    "bpf_map_get_next_key": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_lookup_batch": (c_int, (c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "libbpf_num_possible_cpus": (c_int, ()),
    "libbpf_probe_bpf_helper": (c_int, (c_int, c_int, c_void_p)),
}


class LibbpfError(SourceError):
    """libbpf reported a failure; ``errno`` is the kernel's reason, and the text ends with libbpf's last log lines.

    :ivar reason: the verifier's last line, or the text of ``errno`` where it said nothing.
    """

    def __init__(self, what: str, errno: int, log: str = "") -> None:
        super().__init__(f"{what}: {os.strerror(errno)}." + (f"\n{log}" if log else ""))
        self.errno = errno
        said = [line for line in log.splitlines() if line and not line.startswith("processed ")]
        self.reason = said[-1] if said else os.strerror(errno)


class _Said:
    """Keeps the last lines of libbpf's log. There is one per process, since libbpf has one print function for all."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self._line: ctypes.Array[ctypes.c_char] | None = None
        self._format = ctypes.CDLL(None).vsnprintf
        self._format.argtypes = (c_char_p, c_size_t, c_char_p, c_void_p)
        self._print = _PRINT(self._keep_line)
        self._set_print = ctypes.CDLL(LIBRARY).libbpf_set_print
        self._set_print.restype, self._set_print.argtypes = c_void_p, (_PRINT,)
        self.listen()

    def listen(self, on: bool = True) -> None:
        """Keep what libbpf says from now on, or not; 20,000 lines of details about a probe take 30 ms."""
        self._set_print(self._print if on else _PRINT())

    def _keep_line(self, level: int, form: bytes, arguments: int) -> int:
        if level >= 2:  # LIBBPF_DEBUG
            return 0
        if self._line is None:
            self._line = ctypes.create_string_buffer(LOG_SIZE)
        self._format(self._line, LOG_SIZE, form, arguments)
        self.lines.extend(self._line.value.decode("utf-8", "replace").splitlines())
        return 0


@cache
def _said() -> _Said:
    return _Said()


class Library:
    """The loaded libbpf. It keeps the log, so that an error can quote it."""

    def __init__(self) -> None:
        """Load the library.

        :raises OSError: libbpf is not installed.
        """
        self.lib = ctypes.CDLL(LIBRARY, use_errno=True)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments
        self._said = _said()
        self.types = KernelTypes(self)

    def has_helper(self, number: int) -> bool | None:
        """Return whether programs for raw tracepoints have the helper with this *number*; None: nobody says."""
        found = self.lib.libbpf_probe_bpf_helper(_PROGRAM_RAW_TRACEPOINT, number, None)
        return None if found < 0 else found > 0

    @contextlib.contextmanager
    def unheard(self) -> Iterator[None]:
        """Do not listen to libbpf meanwhile: what fails has no reason but the kernel's number."""
        self._said.listen(False)
        try:
            yield
        finally:
            self._said.listen()

    def log(self) -> str:
        """Return libbpf's last log lines and forget them."""
        text = "\n".join(self._said.lines)
        self._said.lines.clear()
        return text

    def check(self, result: int | None, what: str) -> int:
        """Return *result*, which is a descriptor, a count or a pointer.

        :raises LibbpfError: *result* is negative or NULL; the message begins with *what*.
        """
        if result is None or result < 0:
            raise LibbpfError(what, -result if result else ctypes.get_errno(), self.log())
        return result
