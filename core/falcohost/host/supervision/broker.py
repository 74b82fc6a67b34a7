"""The open-broker: opens the files that outputs are configured to write to, passes their descriptors on, rotates them.

The outputs process names a file by its index in the configuration; it cannot have any other file opened.
"""

from __future__ import annotations

import errno
import importlib
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.confine.confinement import Confinement, confine
from falcohost.host.delivering.messages import FileOpened, OpenFile, RotateFile
from falcohost.host.descriptors import send_with
from falcohost.host.precedence import give_up_precedence
from falcohost.host.shortage import no_process
from falcohost.host.supervision.errand import Errand
from falcohost.host.supervision.loop import Loop
from falcohost.log import log
from falcohost.needs import WRITE, Needs
from falcohost.opening import open_here
from falcohost.rotation import Rotation, compress, rotate

_SIZE = 64

#: Seconds after which a rotated file is compressed; until then, whoever has it open may still write to it.
COMPRESS_AFTER: Final = 5.0

#: What it takes to read a file of another user, and to give the compressed one to that user.
_COMPRESSES: Final = frozenset({"CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER"})

_NO_ROTATIONS: Final[Mapping[str, Rotation]] = MappingProxyType({})


class Broker:
    """Opens *files* for the outputs process, and rotates those that have *rotations*."""

    def __init__(self, loop: Loop, files: Sequence[str], rotations: Mapping[str, Rotation] = _NO_ROTATIONS) -> None:
        self._loop = loop
        self._files = list(files)
        self._rotations = rotations
        self._compressing: dict[str, bool] = {}  # whether there is more by now
        self._link: socket.socket | None = None

    def renew(self) -> socket.socket:
        """Return the socket of a new outputs process; the former one is not served any more."""
        self.close()
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link = here
        self._loop.watch(here, self._serve)
        return there

    def close(self) -> None:
        """Serve nobody any more."""
        if self._link is not None:
            self._loop.forget(self._link)
            self._link.close()
            self._link = None

    def _serve(self) -> None:
        if (link := self._link) is None:
            return
        try:
            request = link.recv(_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            request = b""
        try:
            if not request:
                raise ValueError
            self._answer(link, _decode(request))
        except (OSError, ValueError):
            self.close()  # it is gone, does not read, or has asked for something else

    def _answer(self, link: socket.socket, request: OpenFile | RotateFile) -> None:
        """Open the file and send its descriptor, or rotate it, or say why that cannot be.

        :raises OSError: the outputs process does not read, or is gone.
        """
        descriptors: list[int] = []
        try:
            if not 0 <= request.index < len(self._files):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            if isinstance(request, RotateFile):
                self._rotate(self._files[request.index])
            else:
                descriptors.append(open_here(self._files[request.index]))
        except OSError as error:
            link.send(_encode(FileOpened(error.errno or errno.EIO)), socket.MSG_DONTWAIT)
            return
        try:
            send_with(link, _encode(FileOpened()), descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _rotate(self, filename: str) -> None:
        """Rotate the file, if it may be by now; a while later compress it.

        :raises OSError: it cannot be rotated.
        """
        rotation = self._rotations.get(filename)
        if rotation is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if not rotation.is_due(os.stat(filename), time.time()):  # noqa: PTH116
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        rotate(filename, rotation)
        if rotation.compress:
            self._compress_soon(filename)

    def _compress_soon(self, filename: str) -> None:
        if filename in self._compressing:
            self._compressing[filename] = True
        else:
            self._compressing[filename] = False
            self._loop.after(COMPRESS_AFTER, lambda: self._compress(filename))

    def _compress(self, filename: str) -> None:
        """Compress what is rotated, in a process that can change nothing else."""
        parent = os.getpid()
        try:
            errand = Errand(lambda: _compress(filename, parent), set())
        except OSError as error:
            if not self._compressing[filename]:  # which is told once
                log.error("rotated files of %s cannot be compressed yet: %s", filename, no_process(error))
            self._compressing[filename] = True
            self._loop.after(COMPRESS_AFTER, lambda: self._compress(filename))
            return

        def finish() -> None:
            self._loop.forget(errand.finished)
            if (error := errand.error()) is not None:
                log.error("rotated files of %s cannot be compressed: %s", filename, error)
            if self._compressing.pop(filename):
                self._compress_soon(filename)

        self._loop.watch(errand.finished, finish)


def _compress(filename: str, parent: int) -> None:
    importlib.import_module("gzip")
    give_up_precedence()
    close_the_way_back()
    folder = (Path(filename).absolute().parent,)
    confine(Confinement(capabilities=_COMPRESSES, needs=Needs(frozenset({WRITE}), folder, folder)), parent)
    compress(filename)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(OpenFile | RotateFile).decode
