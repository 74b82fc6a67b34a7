"""falcohost's log: to stderr in Falco's format and to syslog, through Python's :mod:`logging`.

Plugins' log messages go the same way. Alerts are not log messages; they go to outputs.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

from msgspec import Struct

from falcohost.engine.texts import printable_lines

#: Falco's levels that :mod:`logging` does not have.
NOTICE = 25
ALERT = 60
EMERGENCY = 70

_LEVELS = {
    "emergency": EMERGENCY,
    "alert": ALERT,
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "notice": NOTICE,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}

#: Precedes the further lines of a message.
_INDENT = "    "

#: Names of the levels, most severe first.
LEVELS = tuple(_LEVELS)

log = logging.getLogger("falcohost")


#: Put into ``extra`` of a message that is logged once, however often it is given.
ONCE = {"once": True}


class _Once(logging.Filter):
    """Drops messages with :data:`ONCE` that were logged before."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(record, "once", False):
            return True
        text = record.getMessage()
        first = text not in self._seen
        self._seen.add(text)
        return first


log.addFilter(_Once())

# One for all processes: each handler is noted in the memory that forks share.
_NOWHERE = logging.NullHandler()


class LogConfig(Struct, frozen=True):
    """Where log messages go. *level* is one of :data:`LEVELS`."""

    stderr: bool
    syslog: bool
    level: str
    iso_8601: bool


class _Clock(logging.Formatter):
    """``Wed Nov 25 12:35:02 2026: text``, or ISO 8601 in UTC."""

    def __init__(self, iso_8601: bool) -> None:
        super().__init__("%(asctime)s: %(message)s")
        self.converter = time.gmtime if iso_8601 else time.localtime
        self.datefmt = "%Y-%m-%dT%H:%M:%S+0000" if iso_8601 else "%a %b %d %H:%M:%S %Y"

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as text that cannot forge a message: only its first line is not indented."""
        return printable_lines(super().format(record), _INDENT)


class _Syslog(logging.Handler):
    """Writes to syslog(3); without a daemon messages are dropped silently, as in Falco."""

    def emit(self, record: logging.LogRecord) -> None:
        import syslog

        syslog.syslog(_severity(record.levelno), printable_lines(self.format(record), _INDENT))


def configure(config: LogConfig) -> None:
    """Set up logging as configured."""
    log.filters[:] = [_Once()]
    handlers: list[logging.Handler] = []
    if config.stderr:
        stderr = logging.StreamHandler(sys.stderr)
        stderr.setFormatter(_Clock(config.iso_8601))
        handlers.append(stderr)
    if config.syslog:
        handlers.append(_Syslog())
    _install(handlers or [logging.NullHandler()], _LEVELS[config.level])


def forward(send: Callable[[int, str], None]) -> None:
    """Pass each message with its level to *send*; this is how a worker process logs."""
    _install([_Forward(send)], logging.getLogger().level)


def mute() -> None:
    """Drop all messages until the next of these calls."""
    _install([_NOWHERE], logging.getLogger().level)


class _Forward(logging.Handler):
    def __init__(self, send: Callable[[int, str], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(record.levelno, self.format(record))


def _install(handlers: list[logging.Handler], level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(level)
    # No traceback when a message cannot be written because stderr is gone.
    logging.raiseExceptions = False


def _severity(level: int) -> int:
    """Return syslog's number for *level*: 0 is the most severe."""
    return next((number for number, floor in enumerate(_LEVELS.values()) if level >= floor), len(_LEVELS) - 1)
