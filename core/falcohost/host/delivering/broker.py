"""The outputs process's end of the supervisor's open-broker, which opens files that only root may open.

A request is the index of a file in the configuration, never a path, so that this process cannot have others opened.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from falcohost.host.delivering.messages import FileOpened, OpenFile, RotateFile
from falcohost.host.descriptors import receive_with
from falcohost.opening import open_here
from falcohost.readable import readable

_SIZE = 64


class FileBroker:
    """Has *files* opened by the supervisor at the other end of *link*."""

    def __init__(self, link: socket.socket, files: Sequence[str]) -> None:
        self._link = link
        self._files = {str(Path(file)): index for index, file in enumerate(files)}
        self._lock = threading.Lock()

    def __call__(self, filename: str) -> int:
        """Return a descriptor of the file, open for appending; this process opens what is not configured itself.

        :raises OSError: it cannot be opened.
        """
        index = self._files.get(str(Path(filename)))
        if index is None:
            return open_here(filename)
        (descriptor,) = self._ask(OpenFile(index)) or (-1,)
        if descriptor < 0:
            raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
        return descriptor

    def rotate(self, filename: str) -> None:
        """Have the file rotated.

        :raises OSError: it cannot be.
        """
        self._ask(RotateFile(self._files[str(Path(filename))]))

    def _ask(self, request: OpenFile | RotateFile) -> list[int]:
        with self._lock:
            self._link.send(_encode(request))
            readable([self._link])
            data, descriptors = receive_with(self._link, _SIZE, 1)
        if error := _decode(data).error:
            raise OSError(error, os.strerror(error))
        return descriptors


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FileOpened).decode
