"""The output ``stdout``: writes a line per alert."""

from __future__ import annotations

from collections.abc import Callable

from falcohost.alert import Alert, AlertFormat
from falcohost.errors import OutputClosed, OutputError
from falcohost.outputs.colours import coloured, wants_colour
from falcohost.outputs.lines import ShortWrite, as_lines, write_all

STDOUT, STDERR = 1, 2


def make_stdout(form: AlertFormat) -> StdoutOutput:
    """Return the output; on a terminal, lines of text have the colour of their priority."""
    return StdoutOutput(form.line if form.json or not wants_colour(STDOUT) else coloured(form.line))


class StdoutOutput:
    """Writes directly to the descriptor, so that nothing stays in a buffer after delivery."""

    def __init__(self, encode: Callable[[Alert], bytes]) -> None:
        self._encode = encode

    def deliver(self, alerts: list[Alert]) -> None:
        """Write a line per alert.

        :raises OutputClosed: the reader of the pipe is gone.
        :raises OutputError: the write failed otherwise.
        """
        try:
            write_all(STDOUT, as_lines(alerts, self._encode))
        except ShortWrite as short:
            if isinstance(short.error, BrokenPipeError):
                raise OutputClosed("nobody reads stdout any more") from short
            raise OutputError(f"cannot write to stdout: {short.error.strerror}") from short

    def reopen(self) -> None:
        """Do nothing: stdout cannot be opened again."""

    def close(self) -> None:
        """Do nothing: the summary may still follow."""
