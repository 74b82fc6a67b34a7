"""The output ``stdout``: writes a line per alert."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from falcohost.alert import Alert, AlertFormat
from falcohost.errors import OutputClosed, OutputError
from falcohost.outputs.colours import coloured, wants_colour
from falcohost.outputs.lines import ConfiguredFormat, ShortWrite, as_lines, ended, form_for_bodies, write_all

STDOUT, STDERR = 1, 2


def make_stdout(form: AlertFormat) -> StdoutOutput:
    """Return the output; on a terminal, lines of text have the colour of their priority."""
    if form.json or not wants_colour(STDOUT):
        return StdoutOutput(form.line, form_for_bodies(form))
    return StdoutOutput(coloured(form.line))


class StdoutOutput:
    """Writes directly to the descriptor, so that nothing stays in a buffer after delivery.

    :ivar form: see :class:`~falcohost.outputs.lines.LineOutput`.
    """

    def __init__(self, encode: Callable[[Alert], bytes], form: ConfiguredFormat | None = None) -> None:
        self.form = form
        self._encode = encode

    def deliver(self, alerts: list[Alert]) -> None:
        """Write a line per alert.

        :raises OutputClosed: the reader of the pipe is gone.
        :raises OutputError: the write failed otherwise.
        """
        self._write(as_lines(alerts, self._encode))

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Write *lines*, like :meth:`deliver`."""
        self._write(ended(lines))

    @staticmethod
    def _write(data: bytes) -> None:
        try:
            write_all(STDOUT, data)
        except ShortWrite as short:
            if isinstance(short.error, BrokenPipeError):
                raise OutputClosed("nobody reads stdout any more") from short
            raise OutputError(f"cannot write to stdout: {short.error.strerror}") from short

    def reopen(self) -> None:
        """Do nothing: stdout cannot be opened again."""

    def close(self) -> None:
        """Do nothing: the summary may still follow."""
