"""``falcohost store export``: stored alerts as lines of JSON."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from falcohost.cli.stored_json import stored_json
from falcohost.errors import StateError
from falcohost.store.history import History, Wanted

#: After so many alerts it is shown how many there are.
_SHOWN = 1000


def export(directory: Path, which: Wanted, path: str | None, progress: Callable[[int], object]) -> int:
    """Write the alerts that *which* chooses to the new file *path*, or to standard output; return their number.

    :raises StateError: they cannot be read, or the file exists or cannot be written.
    """
    count = 0
    with contextlib.closing(History(directory)) as history, _file(path) as file:
        for count, stored in enumerate(history.numbered(which), 1):
            file.write(stored_json(stored, number=True).encode() + b"\n")
            if count % _SHOWN == 0:
                progress(count)
    return count


@contextlib.contextmanager
def _file(path: str | None) -> Iterator[IO[bytes]]:
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise StateError(f"{path} exists already; name a new file") from None
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error
