"""Reads captures that are damaged at random, with every field of every event, and tells what goes wrong.

    script/bench damaged_captures FILE.scap [FILE.scap…] [--count 100000] [--seed 1]

Each is a beginning of one of the files with some bytes changed, some left out and some repeated, so that also what
stands behind the damage is read. What ends with another error than that of a capture counts as wrong, and is kept as
wrong-N.scap. The memory of the process must not grow with the number of captures.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import logging
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

from falcohost import Plan
from falcohost_syscall.drivers.scap.blocks import CaptureError
from falcohost_syscall.drivers.scap.driver import Replay
from falcohost_syscall.fields.rows import FIELDS

PLAIN = [field for field in FIELDS if not field.arg_required and field.get is not None]
#: The most bytes of a file that are read, so that many can be.
_MOST = 400_000
#: Numbers that make sizes, counts and ids strange.
_STRANGE = (b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\1\0\0\0\0\0\0\0")


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


def read(path: Path, draw: random.Random) -> int:
    """Read a capture with some fields of each event; return the number of events."""
    driver, number = Replay({"engine": {"kind": "replay", "replay": {"capture_file": str(path)}}}), 0
    with contextlib.suppress(CaptureError), contextlib.closing(driver):
        driver.open(Plan("syscall"))
        for batch in driver.batches():
            for event in batch.events:
                number += 1
                for field in draw.sample(PLAIN, 12):
                    field.get(event, None)
    return number


def main() -> None:
    """Print the figures and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.getLogger("falcohost").setLevel(logging.CRITICAL)
    whole = [
        (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)[:_MOST]
        for data in map(Path.read_bytes, given.files)
    ]
    draw, wrong, events, begin = random.Random(given.seed), 0, 0, time.monotonic()
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.scap"
        for number in range(given.count):
            path.write_bytes(damaged(draw.choice(whole), draw))
            try:
                events += read(path, draw)
            except Exception:
                wrong += 1
                Path(f"wrong-{number}.scap").write_bytes(path.read_bytes())
                traceback.print_exc(limit=-4)
            if number in (given.count // 4, given.count - 1):
                sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    figures = {
        "captures": given.count,
        "events": events,
        "wrong": wrong,
        "mb_after_a_quarter": sizes[0],
        "mb": sizes[-1],
    }
    for name, figure in figures.items():
        print(f"{name:20} {figure:>12,}")
    json.dump(figures | {"seconds": round(time.monotonic() - begin, 1)}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
