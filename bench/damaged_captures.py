"""Reads captures that are damaged at random, with every field of every event, and tells what goes wrong.

    script/bench damaged_captures FILE.scap [FILE.scap…] [--count 100000] [--seed 1]

Each is a beginning of one of the files with some bytes changed, some left out and some repeated, so that also what
stands behind the damage is read. Half of them have it within blocks whose sizes stay right, of each type as often: so
lists of interfaces and users are met as often as events. Events of plugins are read as their sources read them; a file
of such is made. Of some events every field is written as text and as JSON, with arguments where it
takes some; of the others a few. Another error than that of a capture is wrong: the first capture of each place in the
code is kept as wrong-N.scap, with its traceback. The memory of the process must not grow with the number of captures.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import logging
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from workload import captures

from falcohost import Plan
from falcohost.cli.flags import Flags
from falcohost.engine.catalog import Catalog
from falcohost.engine.ir import FieldRef
from falcohost.engine.paths import getter
from falcohost.engine.template import Template
from falcohost.fields import ArgKind, Field
from falcohost.host.catalogs import catalogs
from falcohost.host.loading import configured_plugins
from falcohost.jsonlog.blocks import plugin_in, read_blocks
from falcohost.jsonlog.refusals import Refused
from falcohost_syscall.drivers.replay.blocks import CaptureError
from falcohost_syscall.drivers.replay.driver import Replay

#: Arguments of fields, where any will do, and those that some fields demand.
_ARGUMENTS = {ArgKind.INDEX: ("0", "1", "9"), ArgKind.KEY: ("HOME", "name"), ArgKind.ANY: ("0", "9", "HOME")}
_OWN_ARGUMENTS = {
    "evt.type.is": ("open",),
    "evt.around": ("1700000000000000000",),
    "evt.abspath": ("src", "dst"),
    "thread.cgroup": ("cpu", "memory"),
}
#: Of an event in so many, every field is read.
_THOROUGH = 8
#: The most bytes of a file that are read unless others are asked for, so that many can be.
_MOST = 400_000
#: Numbers that make sizes, counts and ids strange.
_STRANGE = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\1\0\0\0\0\0\0\0")


#: By the type of a block, where those of a file begin and end.
Blocks = dict[int, list[tuple[int, int]]]
_FRAME = 12


def blocks_of(whole: bytes) -> Blocks:
    """Return the blocks of a capture."""
    found: Blocks = {}
    place = 0
    while len(whole) - place >= _FRAME:
        kind, size = struct.unpack_from("<II", whole, place)
        if not _FRAME <= size <= len(whole) - place:
            break
        found.setdefault(kind, []).append((place, place + size))
        place += size
    return found


def damaged_within(whole: bytes, blocks: Blocks, draw: random.Random) -> bytes:
    """Return *whole* with damage in the bodies of some blocks, of each type as often; the sizes of blocks are right."""
    chosen = sorted({draw.choice(blocks[draw.choice(list(blocks))]) for _ in range(draw.randrange(1, 6))})
    parts, at = [], 0
    for begin, end in chosen:
        body = bytearray(whole[begin + 8 : end - 4])
        for _ in range(draw.randrange(1, 5)):
            place, kind = draw.randrange(len(body) + 1), draw.randrange(4)
            if kind == 0:
                part = draw.choice(_STRANGE)
                body[place : place + len(part)] = part
            elif kind == 1:
                body[place : place + 1] = bytes((draw.randrange(256),))
            elif kind == 2:
                del body[place : place + draw.randrange(1, 40)]
            else:
                body[place:place] = body[: draw.randrange(1, 200)]
        parts += [whole[at:begin], captures.block(int.from_bytes(whole[begin : begin + 4], "little"), bytes(body))]
        at = end
    return b"".join((*parts, whole[at:]))


def of_plugins() -> bytes:
    """Return a capture of events of plugins."""
    record = json.dumps({"kind": "Event", "verb": "get", "user": {"username": "somebody"}, "n": [*range(50)]}).encode()
    events = [captures.plugin_event(number, record * (number + 1)) for number in (1, 1, 2, 1, 9)]
    return captures.section() + b"".join(events)


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """Return *whole* with damage."""
    end = len(whole) if draw.random() < 0.7 else draw.randrange(28, len(whole) + 1)
    data = bytearray(whole[:end])
    for _ in range(draw.randrange(1, 12)):
        place, kind = draw.randrange(len(data)), draw.randrange(5)
        if kind == 0:
            data[place] = draw.randrange(256)
        elif kind == 1:
            part = draw.choice(_STRANGE)
            data[place : place + len(part)] = part
        elif kind == 2:
            del data[place : place + draw.randrange(1, 40)]
        elif kind == 3:
            data[place:place] = data[place : place + draw.randrange(1, 200)]
        else:
            data[place : place + 4] = draw.randrange(1 << 32).to_bytes(4, "little")
        if len(data) < 28:
            break
    return gzip.compress(bytes(data), 1)[: draw.randrange(10, 1 << 20)] if draw.random() < 0.05 else bytes(data)


class Reader:
    """Reads captures.

    :ivar wrong: how often each place in the code has raised an error.
    :ivar failed: the tracebacks that have not been told yet, of the first error in each place.
    """

    def __init__(self, draw: random.Random) -> None:
        config = Flags().configuration()
        self._catalog = catalogs(configured_plugins(config))["syscall"]
        self._draw = draw
        fills = {field.name: _fills(self._catalog, field) for field in self._catalog.fields}
        self._fills = [fill for name, found in fills.items() if name not in ("evt.arg", "evt.rawarg") for fill in found]
        self._of_type: dict[str, list[Callable[[Any], object]]] = {}
        self.wrong: Counter[str] = Counter()
        self.failed: list[str] = []

    def read(self, path: Path) -> int:
        """Read a capture with some fields of each event; return the number of events."""
        plugin_in(str(path))
        with path.open("rb") as file, contextlib.suppress(Refused):
            for _ in read_blocks(file.read):
                pass
        driver, number = Replay({"engine": {"kind": "replay", "replay": {"capture_file": str(path)}}}), 0
        with contextlib.suppress(CaptureError), contextlib.closing(driver):
            driver.open(Plan("syscall"))
            for batch in driver.batches():
                for event in batch.events:
                    number += 1
                    for fill in self._chosen(event):
                        try:
                            fill(event)
                        except Exception as error:
                            self.note(error)
        return number

    def _chosen(self, event: Any) -> list[Callable[[Any], object]]:
        if self._draw.randrange(_THOROUGH):
            return self._draw.sample(self._fills, 12)
        if event.type not in self._of_type:
            names = [param.name for param in event.row.params]
            self._of_type[event.type] = [
                _fill(self._catalog, f"{field}.{name}") for name in names for field in ("evt.arg", "evt.rawarg")
            ] + [_fill(self._catalog, f"evt.arg[{number}]") for number in range(len(names) + 1)]
        return self._fills + self._of_type[event.type]

    def note(self, error: Exception) -> None:
        """Count *error* by its place."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        if place not in self.wrong:
            self.failed.append("".join(traceback.format_exception(error, limit=-6)))
        self.wrong[place] += 1


def _fills(catalog: Catalog, field: Field) -> list[Callable[[Any], object]]:
    arguments = _OWN_ARGUMENTS.get(field.name) or _ARGUMENTS.get(field.arg, ())
    if field.name in ("evt.arg", "evt.rawarg"):  # by the event's own parameters
        return []
    plain = [] if field.arg_required else [field.name]
    if field.filter_only:
        refs = [catalog.resolve(field.name, argument) for argument in (arguments or (None,))]
        return [partial(_got, ref) for ref in refs]
    return [_fill(catalog, text) for text in (*plain, *(_with(field, argument) for argument in arguments))]


def _with(field: Field, argument: str) -> str:
    return f"{field.name}.{argument}" if field.dotted else f"{field.name}[{argument}]"


def _got(ref: FieldRef, event: Any) -> object:
    return getter(ref.field)(event, ref.arg)


def _fill(catalog: Catalog, text: str) -> Callable[[Any], object]:
    return Template.parse(f"%{text}", catalog).filled


def main() -> None:
    """Print the figures and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=_MOST, help="bytes of each file that are used")
    given = parser.parse_args()
    logging.getLogger("falcohost").setLevel(logging.CRITICAL)
    whole = [
        (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)[: given.most]
        for data in map(Path.read_bytes, given.files)
    ]
    whole.append(of_plugins())
    blocks = [blocks_of(one) for one in whole]
    draw, events, begin = random.Random(given.seed), 0, time.monotonic()
    reader, sizes = Reader(draw), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.scap"
        for number in range(given.count):
            which = draw.randrange(len(whole))
            within = draw.random() < 0.5
            made = damaged_within(whole[which], blocks[which], draw) if within else damaged(whole[which], draw)
            path.write_bytes(made)
            try:
                events += reader.read(path)
            except Exception as error:
                reader.note(error)
            if reader.failed:
                Path(f"wrong-{number}.scap").write_bytes(path.read_bytes())
                print(f"wrong-{number}.scap:", *reader.failed, sep="\n", file=sys.stderr, flush=True)
                reader.failed.clear()
            if number in (given.count // 4, given.count - 1):
                sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    figures = {
        "captures": given.count,
        "events": events,
        "wrong": reader.wrong.total(),
        "mb_after_a_quarter": sizes[0],
        "mb": sizes[-1],
    }
    for place, often in reader.wrong.most_common():
        print(f"{often:6,} {place}")
    for name, figure in figures.items():
        print(f"{name:20} {figure:>12,}")
    json.dump(figures | {"seconds": round(time.monotonic() - begin, 1)}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
