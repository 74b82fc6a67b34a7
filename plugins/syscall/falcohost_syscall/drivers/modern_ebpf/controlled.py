"""What a loaded probe can be told with a few descriptors: whom it is to ignore, and which files to watch."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from falcohost_syscall.kernel.ledger import Ledger
from falcohost_syscall.kernel.maps import Maps
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records import record

#: The maps, and the programs, that this takes; the second program makes a new set of calls take effect.
WATCHED: Final = "watched_files"
MAPS: Final = ("ignored_pids", "ignored_hints", WATCHED, "identified")
PROGRAMS: Final = ("identify_file", "settle_wanted")
_IDENTIFY, _SETTLE = PROGRAMS
_U32: Final = struct.Struct("=I")
_U64: Final = struct.Struct("=Q")


class Controlled:
    """A loaded probe, whoever has loaded it.

    :ivar kernel: runs its programs.
    :ivar ledger: what is written into its maps by nobody else.
    """

    def __init__(self, kernel: Kernel, access: Maps, ledger: Ledger, control: Mapping[str, int]) -> None:
        """Tell it by the descriptors in *control*: of :data:`MAPS` and of :data:`PROGRAMS`."""
        self.kernel = kernel
        self.ledger = ledger
        self._access = access
        self.control = control

    def ignore(self, pid: int) -> None:
        """Collect no calls of this process; its fork, exec and exit are still reported."""
        for name, place in (("ignored_pids", pid), ("ignored_hints", pid % record.IGNORED_HINTS)):
            self._access.update(self.control[name], _U32.pack(place), b"\1")

    def observe(self, pid: int) -> None:
        """Collect the calls of an ignored process again."""
        self._access.delete(self.control["ignored_pids"], _U32.pack(pid))

    def ignored(self) -> frozenset[int]:
        """Return the processes whose calls are not collected."""
        return frozenset(pid for (pid,) in map(_U32.unpack, self._access.keys(self.control["ignored_pids"], 4)))

    def is_hinted(self, pid: int) -> bool:
        """Return whether the kernel looks for a process among those that it ignores."""
        return any(self._access.lookup(self.control["ignored_hints"], _U32.pack(pid % record.IGNORED_HINTS), 1))

    def identify(self, fd: int) -> bytes:
        """Return the identity of a descriptor's file (``record.INODE_ID``)."""
        self.kernel.run(self.control[_IDENTIFY], _U64.pack(fd))
        return self._access.lookup(self.control["identified"], _U32.pack(0), record.INODE_ID.size)

    def watch(self, file: bytes, names: bytes | None) -> None:
        """Set further names (``record.WATCHED_FILE``) of the file with this identity, or remove them."""
        if names is None:
            self.ledger.delete(self.control[WATCHED], file)
        else:
            self.ledger.set(self.control[WATCHED], WATCHED, file, names)

    def settle(self) -> None:
        """Have the kernel look at the calls that it was last told to look at."""
        self.kernel.run(self.control[_SETTLE], bytes(8))
