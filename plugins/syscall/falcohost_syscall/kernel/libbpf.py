"""Calls libbpf through ctypes: the few functions that load a CO-RE object, attach its programs and reach its maps.

Nothing here knows what the object does. Every failure is a :class:`LibbpfError` that ends with libbpf's own log, which
is the only place where the verifier says why it refused a program.
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Iterator
from ctypes import CFUNCTYPE, POINTER, byref, c_bool, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from errno import EBADF
from functools import cache
from typing import Any, Final

from falcohost import SourceError
from falcohost_syscall.kernel.kernel_types import KernelTypes
from falcohost_syscall.kernel.ledger import Ledger
from falcohost_syscall.kernel.maps import Maps

LIBRARY: Final = "libbpf.so.1"
LOG_LINES: Final = 40
LOG_SIZE: Final = 1 << 24
"""Size of the buffer for one message. The verifier's log arrives as one message, and its end is what matters."""

INSTRUCTION: Final = 8
"""Size of one instruction in bytes."""
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
    "bpf_map__set_max_entries": (c_int, (c_void_p, c_uint32)),
    "bpf_map__max_entries": (c_uint32, (c_void_p,)),
    "bpf_map__value_size": (c_uint32, (c_void_p,)),
    "bpf_map__initial_value": (c_void_p, (c_void_p, POINTER(c_size_t))),
    "bpf_object__btf_fd": (c_int, (c_void_p,)),
    "bpf_object__next_program": (c_void_p, (c_void_p, c_void_p)),
    "bpf_program__name": (c_char_p, (c_void_p,)),
    "bpf_program__insns": (c_void_p, (c_void_p,)),
    "bpf_program__insn_cnt": (c_size_t, (c_void_p,)),
    "bpf_program__set_autoload": (c_int, (c_void_p, c_bool)),
    "bpf_program__fd": (c_int, (c_void_p,)),
    "bpf_program__attach": (c_void_p, (c_void_p,)),
    "bpf_program__attach_iter": (c_void_p, (c_void_p, c_void_p)),
    "bpf_link__fd": (c_int, (c_void_p,)),
    "bpf_link__destroy": (c_int, (c_void_p,)),
    "bpf_iter_create": (c_int, (c_int,)),
    "bpf_map_update_elem": (c_int, (c_int, c_void_p, c_void_p, ctypes.c_uint64)),
    "bpf_map_lookup_elem": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_delete_elem": (c_int, (c_int, c_void_p)),
    "bpf_map_get_next_key": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_lookup_batch": (c_int, (c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "libbpf_num_possible_cpus": (c_int, ()),
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
        set_print = ctypes.CDLL(LIBRARY).libbpf_set_print
        set_print.restype, set_print.argtypes = c_void_p, (_PRINT,)
        set_print(self._print)

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


class Object(Maps):
    """One opened BPF object file; finds its maps and programs by name.

    :ivar ledger: what is written into maps by nobody else.
    """

    def __init__(self, library: Library, image: bytes) -> None:
        super().__init__(library)
        pointer = self._lib.bpf_object__open_mem(image, len(image), None)
        self._object: int | None = library.check(pointer, "libbpf cannot open the probe")
        self._links: dict[str, int] = {}
        self.ledger = Ledger(self)

    def _opened(self) -> int:
        if self._object is None:
            raise LibbpfError("The probe is unloaded", EBADF)
        return self._object

    def map(self, name: str) -> int:
        """Return the handle of a map."""
        pointer = self._lib.bpf_object__find_map_by_name(self._opened(), name.encode())
        return self.library.check(pointer, f"The probe has no map {name}")

    def program(self, name: str) -> int:
        """Return the handle of a program."""
        pointer = self._lib.bpf_object__find_program_by_name(self._opened(), name.encode())
        return self.library.check(pointer, f"The probe has no program {name}")

    def map_fd(self, name: str) -> int:
        """Return the descriptor of a map of the loaded object."""
        return self.library.check(self._lib.bpf_map__fd(self.map(name)), f"The map {name} is not loaded")

    def take_in(self, name: str) -> None:
        """Enable a program whose section is not loaded by default; call it before :meth:`load`."""
        self.library.check(self._lib.bpf_program__set_autoload(self.program(name), True), f"Cannot enable {name}")

    def leave_out(self, name: str) -> None:
        """Disable a program, so that it is not loaded; call it before :meth:`load`."""
        self.library.check(self._lib.bpf_program__set_autoload(self.program(name), False), f"Cannot disable {name}")

    def program_fd(self, name: str) -> int:
        """Return the descriptor of a program of the loaded object."""
        return self.library.check(self._lib.bpf_program__fd(self.program(name)), f"The program {name} is not loaded")

    def loaded(self) -> Iterator[str]:
        """Yield the names of the programs of the loaded object."""
        program = None
        while program := self._lib.bpf_object__next_program(self._object, program):
            if self._lib.bpf_program__fd(program) >= 0:
                yield self._lib.bpf_program__name(program).decode()

    def instructions(self, name: str) -> bytes:
        """Return the instructions of a program of the loaded object, as the kernel got them."""
        program = self.program(name)
        size = INSTRUCTION * self._lib.bpf_program__insn_cnt(program)
        return ctypes.string_at(self._lib.bpf_program__insns(program), size)

    @property
    def btf_fd(self) -> int:
        """Return the descriptor of the loaded object's BTF."""
        return self.library.check(self._lib.bpf_object__btf_fd(self._object), "The probe has no BTF")

    def entries(self, name: str) -> int:
        """Return the capacity of a map, in entries."""
        return int(self._lib.bpf_map__max_entries(self.map(name)))

    def value_size(self, name: str) -> int:
        """Return the size of a map's values, in bytes."""
        return int(self._lib.bpf_map__value_size(self.map(name)))

    def resize(self, name: str, entries: int) -> None:
        """Set the capacity of a map; call it before :meth:`load`."""
        self.library.check(self._lib.bpf_map__set_max_entries(self.map(name), entries), f"Cannot size the map {name}")

    def set_data(self, name: str, value: bytes) -> None:
        """Set the contents of a data section; call it before :meth:`load`."""
        size = c_size_t()
        pointer = self._lib.bpf_map__initial_value(self.map(name), byref(size))
        if not pointer or size.value != len(value):
            raise SourceError(f"The probe's section {name} holds {size.value} bytes, not {len(value)}.")
        ctypes.memmove(pointer, value, len(value))

    def load(self) -> None:
        """Load the maps and programs into the kernel."""
        self.library.check(self._lib.bpf_object__load(self._object), "The kernel refused the probe")

    def attach(self, name: str) -> None:
        """Attach a program as its section says, until :meth:`detach` or :meth:`close`."""
        link = self._lib.bpf_program__attach(self.program(name))
        self._links[name] = self.library.check(link, f"Cannot attach {name}")

    def detach(self, name: str) -> None:
        """Detach a program that was attached."""
        self._lib.bpf_link__destroy(self._links.pop(name))

    def iterator(self, name: str) -> int:
        """Return the descriptor of an iterator program's link (:meth:`iterate`), which stays until :meth:`close`."""
        if name not in self._links:
            link = self._lib.bpf_program__attach_iter(self.program(name), None)
            self._links[name] = self.library.check(link, f"Cannot attach {name}")
        return int(self._lib.bpf_link__fd(self._links[name]))

    def map_fds(self) -> dict[str, int]:
        """Return the descriptors of all maps of the loaded object, by name."""
        found: dict[str, int] = {}
        one = None
        while one := self._lib.bpf_object__next_map(self._opened(), one):
            if (descriptor := self._lib.bpf_map__fd(one)) >= 0:
                found[self._lib.bpf_map__name(one).decode()] = descriptor
        return found

    def link_fds(self) -> list[int]:
        """Return the descriptors of the links of everything that is attached."""
        return [int(self._lib.bpf_link__fd(link)) for link in self._links.values()]

    def close(self) -> None:
        """Detach and unload everything."""
        for name in list(self._links):
            self.detach(name)
        if self._object is not None:
            self._lib.bpf_object__close(self._object)
            self._object = None
