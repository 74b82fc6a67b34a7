"""Opens the devices of Falco's kernel module, one for each processor, and tells the module what to collect.

All of them are opened by one thread, since that is who the module takes for one consumer. Whoever has the descriptors
may use them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Final

from falcohost import SourceError
from falcohost_syscall.drivers.kmod import interface, module
from falcohost_syscall.drivers.kmod.asked import Asked
from falcohost_syscall.drivers.kmod.interface import Version
from falcohost_syscall.drivers.processors import processors

_WORD: Final = Struct("=Q")


class Devices:
    """The open devices.

    :ivar by_cpu: their descriptors by processor.
    :ivar api: the version of the module's interface; *schema*: that of its events.
    """

    def __init__(self, name: str, by_cpu: Mapping[int, int]) -> None:
        self.name = name
        self.by_cpu = by_cpu
        self.api, self.schema = self._versions()

    @classmethod
    def open(cls, name: str, size: int) -> Devices:
        """Open the devices of the module *name*, with rings of *size* bytes.

        :raises SourceError: that is not possible; the text says what to do.
        """
        _set_size(name, size)
        by_cpu: dict[int, int] = {}
        try:
            for cpu in processors("possible"):
                if (descriptor := _open(name, cpu)) is not None:
                    by_cpu[cpu] = descriptor
            if not by_cpu:
                raise SourceError(f"Falco's kernel module {name} has no device that can be opened.")
            return cls(name, by_cpu)
        except BaseException:
            for descriptor in by_cpu.values():
                os.close(descriptor)
            raise

    def _versions(self) -> tuple[Version, Version]:
        found = []
        for request, what, known in (
            (interface.GET_API_VERSION, "API", interface.APIS),
            (interface.GET_SCHEMA_VERSION, "schema", interface.SCHEMAS),
        ):
            told = {self._word(descriptor, request) for descriptor in self.by_cpu.values()}
            if len(told) != 1:
                raise SourceError(f"The devices of Falco's kernel module {self.name} have different versions.")
            version = interface.version(told.pop())
            if version.major not in known:
                raise SourceError(module.unknown(self.name, what, version, known))
            found.append(version)
        return found[0], found[1]

    def _word(self, descriptor: int, request: int) -> int:
        word = bytearray(_WORD.size)
        try:
            fcntl.ioctl(descriptor, request, word)
        except OSError as error:
            raise SourceError(f"{self.name} does not tell its version: {error.strerror}; it is too old.") from error
        number: int = _WORD.unpack(word)[0]
        return number

    def collect(self, asked: Asked, before: Asked | None) -> None:
        """Have the module collect what is *asked* for from now on; what was so *before* is not interrupted.

        :raises SourceError: the module refuses it.
        """
        self._tell(interface.SET_SNAPLEN, [asked.snaplen])
        if asked.only_successful:
            self._tell(interface.ENABLE_DROP_FAILED, [0])
        calls = set() if before is None else set(before.calls)
        points = set() if before is None else set(before.tracepoints)
        self._tell(interface.ENABLE_SYSCALL, sorted(set(asked.calls) - calls))
        self._tell(interface.ENABLE_TRACEPOINT, sorted(set(asked.tracepoints) - points))
        self._tell(interface.DISABLE_TRACEPOINT, sorted(points - set(asked.tracepoints)))
        self._tell(interface.DISABLE_SYSCALL, sorted(calls - set(asked.calls)))

    def forget(self, asked: Asked) -> None:
        """Have the module collect no more what an earlier agent asked for, but for what is *asked* for now.

        :raises SourceError: the module refuses it.
        """
        self._tell(interface.DISABLE_TRACEPOINT, sorted(set(interface.TRACEPOINTS) - set(asked.tracepoints)))
        self._tell(interface.DISABLE_SYSCALL, sorted(set(range(interface.CALLS)) - set(asked.calls)))
        if not asked.only_successful:
            self._tell(interface.DISABLE_DROP_FAILED, [0])

    def _tell(self, request: int, values: Iterable[int]) -> None:
        descriptor = next(iter(self.by_cpu.values()))
        for value in values:
            try:
                fcntl.ioctl(descriptor, request, value)
            except OSError as error:
                text = f"Falco's kernel module {self.name} refuses request {request & 0xFF} with {value}"
                raise SourceError(f"{text}: {error.strerror}.") from error

    def close(self) -> None:
        """Close them; the module stops collecting for this consumer once nobody has the descriptors."""
        for descriptor in self.by_cpu.values():
            os.close(descriptor)


def _set_size(name: str, size: int) -> None:
    """Set the size of the rings of the next consumer."""
    path = module.parameter(name)
    try:
        if int(path.read_text()) != size:
            path.write_text(str(size))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path}: the size of the rings cannot be set ({error}). Set it when the module is loaded (`options {name} "
            f"g_buffer_bytes_dim={size}` in /etc/modprobe.d), or let it be set (ProtectKernelTunables=no)."
        ) from error


def _open(name: str, cpu: int) -> int | None:
    """Return the descriptor of a processor's device; None if the processor is offline."""
    path = module.device(name, cpu)
    try:
        return os.open(path, os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _OFFLINE:
            return None
        advice = _ADVICE.get(error.errno or 0, str(error.strerror)).format(name=name)
        raise SourceError(f"{path}: {advice}.") from error


#: ENODEV, ENXIO: the processor is offline.
_OFFLINE: Final = (19, 6)
_ADVICE: Final = {
    1: "it may not be opened; under systemd the unit needs DeviceAllow=char-{name} rw",
    2: "it is missing, though the module is loaded; in a container, pass the host's /dev",
    12: "the kernel has no memory for the rings; lower engine.kmod.buf_size_preset",
    13: "only root may open it; run falcohost with sudo",
    16: "the module has no place for another consumer; end one, or load the module with a larger max_consumers",
}
