"""Keeps messages aside that have ended the store process twice, so that somebody can look at them."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Final

from falcohost.clock import SYSTEM, Clock
from falcohost.host.data import PackedAlerts
from falcohost.log import log

#: The file in the state directory, with a line of JSON for each message; beyond so many bytes nothing is added.
FILE: Final = "state.aside.jsonl"
LARGEST: Final = 16 << 20


class Aside:
    """Keeps messages in the state directory *folder*; None: there is none, and they are only told of."""

    def __init__(self, folder: Path | None, clock: Clock = SYSTEM) -> None:
        self._folder = folder
        self._clock = clock

    def keep(self, source: str, message: PackedAlerts) -> None:
        """Keep *message*, without looking into its alerts."""
        if self._folder is None:
            return
        bodies = [b64encode(body).decode() for body in message.bodies]
        line = json.dumps({"time": self._clock.time_ns(), "source": source, "number": message.number, "alerts": bodies})
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._folder / FILE, flags, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                if os.fstat(descriptor).st_size + len(line) < LARGEST:
                    file.write(line.encode() + b"\n")
        except OSError as error:
            log.error("%s cannot be written: %s", FILE, error.strerror)
