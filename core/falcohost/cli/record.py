"""``falcohost record``: writes what happens on this host to a capture that Falco reads."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from falcohost.cli.jsonline import json_line
from falcohost.cli.seconds import Seconds
from falcohost.cli.stopping import stopping
from falcohost.errors import ConfigError

if TYPE_CHECKING:
    from falcohost.cli.flags import Flags
    from falcohost.cli.inspect_events import Inspection
    from falcohost.cli.record_files import CaptureFiles
    from falcohost.recording import Recorder

#: Seconds between two looks at what was lost; a chunk is written as often.
PAUSE: Final = 1.0
#: Seconds between two updates of the progress line.
_SHOWN: Final = 0.2
_ERASE: Final = "\x1b[K"
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE: Final = re.compile(r"(\d{1,9})([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)


class _Size(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes: ``100M``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        from falcohost.cli.record_files import LEAST

        found = _SIZE.fullmatch(str(value))
        size = int(found[1]) * _UNITS[found[2].upper()] if found else 0
        if found is None or size < LEAST:
            self.fail(f"expected a size of at least 1M, such as 100M or 2G, not {value!r}.", param, ctx)
        return size


@click.command(name="record")
@click.option(
    "-o", "--output", "path", required=True, metavar="FILE.scap", type=click.Path(dir_okay=False), help="The new file."
)
@click.argument("words", nargs=-1, metavar="[FILTER]...")
@click.option(
    "-t", "--seconds", type=Seconds(min=0, min_open=True), metavar="SECONDS", help="Stop after this many seconds."
)
@click.option("--size", type=_Size(), metavar="SIZE", help="Stop, or with --rotate begin a new file, at 100M, 2G …")
@click.option(
    "--rotate", type=click.IntRange(1, 999_999), metavar="COUNT", help="With --size: keep the newest COUNT files."
)
@click.option("--gzip", "packed", is_flag=True, help="Compress; implied by a name that ends in .gz.")
@click.option("--json", "as_json", is_flag=True, help="Print at the end, as JSON, what was written and lost.")
@click.pass_obj
def command(
    flags: Flags,
    path: str,
    words: Sequence[str],
    seconds: float | None,
    size: int | None,
    rotate: int | None,
    packed: bool,
    as_json: bool,
) -> None:
    """Record the events that match FILTER, a condition as in rules, or all system calls, until Ctrl-C.

    FILTER is also evaluated in the kernel, so what does not match costs little. The capture can be read by falcohost
    and Falco. Needs root.

    Example: falcohost record -o FILE.scap --seconds 60 'proc.name = nginx and evt.type in (openat, execve)'
    """
    from falcohost.cli.inspect_events import Inspection
    from falcohost.host.precedence import take_precedence

    if rotate is not None and size is None:
        raise ConfigError("--rotate needs --size, at which a new file begins")
    filters = [("FILTER", " ".join(words))] if words else []
    config = flags.configuration()
    inspection = Inspection(config, *filters)
    make = inspection.spec.recorder
    if make is None:
        raise ConfigError("this source cannot be recorded")
    recorder = make(inspection.source)
    inspection.on_request, inspection.seconds, inspection.whole = recorder.on_request, seconds, True
    take_precedence(config.nice)
    with stopping(inspection):
        inspection.open(inspection.of_fields(recorder.fields))
        packed = packed or path.endswith(".gz")
        recording = Recording(inspection, recorder, Path(path), size, rotate, packed)
        try:
            recording.run(progress=sys.stderr.isatty())
        finally:
            recording.tell(as_json=as_json)


class Recording:
    """One recording: events from *inspection* through *recorder* into files."""

    def __init__(
        self,
        inspection: Inspection,
        recorder: Recorder,
        path: Path,
        size: int | None,
        rotate: int | None,
        packed: bool,
    ) -> None:
        from falcohost.cli.record_files import CaptureFiles

        self._inspection, self._recorder = inspection, recorder
        self.files: CaptureFiles = CaptureFiles(path, recorder.begin, limit=size, keep=rotate, packed=packed)
        self.lost: dict[str, int] = {}
        self._begun = time.monotonic()

    def run(self, *, progress: bool) -> None:
        """Record until it is stopped, time is over, or there is no room.

        :raises RecordError: the disk is full; what was written before is whole.
        """
        inspection, files, record = self._inspection, self.files, self._recorder.record
        look = shown = self._begun
        try:
            for batch in inspection.batches():
                for event in batch:
                    files.write(record(event))
                    if files.full:
                        break
                now = time.monotonic()
                if now >= look:
                    look = now + PAUSE
                    self._look()
                    files.flush()
                if progress and now >= shown:
                    shown = now + _SHOWN
                    click.echo(f"{self._so_far(self._inspection.shown)}{_ERASE}\r", nl=False, err=True)
                if files.full:
                    break
            self._look()
        finally:
            if progress:
                click.echo(_ERASE, nl=False, err=True)
            files.close()

    def _look(self) -> None:
        """Write what has been lost since the last look."""
        lost = {cause: number for cause, number in self._inspection.stats().dropped.items() if number}
        more = sum(lost.values()) - sum(self.lost.values())
        self.lost = lost
        if more > 0:
            self.files.write(self._recorder.lost(time.time_ns(), more), events=0)

    def _so_far(self, events: int) -> str:
        lost = sum(self.lost.values())
        so_far = f"{events:,} events, {_bytes(self.files.written)}, {self._seconds():.0f} s"
        return f"{so_far}, {lost:,} lost" if lost else so_far

    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    def tell(self, *, as_json: bool) -> None:
        """Print what was written and lost."""
        if as_json:
            told = {
                "files": [str(path) for path in self.files.paths],
                "events": self.files.events,
                "bytes": self.files.written,
                "seconds": round(self._seconds(), 3),
                "lost": self.lost,
            }
            click.echo(json_line(told))
            return
        names = str(self.files.paths[-1]) if len(self.files.paths) == 1 else f"{len(self.files.paths)} files"
        causes = ", ".join(f"{number:,} {cause}" for cause, number in self.lost.items())
        click.echo(f"{names}: {self._so_far(self.files.events)}{f' ({causes})' if causes else ''}", err=True)


def _bytes(number: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1 << 10:
            return f"{number} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1 << 10  # type: ignore[assignment]
    return f"{number:.1f} GiB"
