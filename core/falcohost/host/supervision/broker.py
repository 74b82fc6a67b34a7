"""The open-broker: opens the files that outputs are configured to write to, and passes their descriptors on.

The outputs process names a file by its index in the configuration; it cannot have any other file opened.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence

import msgspec

from falcohost.host.delivering.messages import FileOpened, OpenFile
from falcohost.host.descriptors import send_with
from falcohost.host.supervision.loop import Loop
from falcohost.opening import open_here

_SIZE = 64


class Broker:
    """Opens *files* for the outputs process."""

    def __init__(self, loop: Loop, files: Sequence[str]) -> None:
        self._loop = loop
        self._files = list(files)
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
            self._answer(link, _decode(request).index)
        except (OSError, ValueError):
            self.close()  # it is gone, does not read, or has asked for something else

    def _answer(self, link: socket.socket, index: int) -> None:
        """Open the file and send its descriptor, or say why it cannot be opened.

        :raises OSError: the outputs process does not read, or is gone.
        """
        try:
            if not 0 <= index < len(self._files):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            descriptor = open_here(self._files[index])
        except OSError as error:
            link.send(_encode(FileOpened(error.errno or errno.EIO)), socket.MSG_DONTWAIT)
            return
        try:
            send_with(link, _encode(FileOpened()), [descriptor])
        finally:
            os.close(descriptor)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(OpenFile).decode
