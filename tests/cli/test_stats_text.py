"""Tests the numbers of several workers as ``falcohost stats`` prints and the agent sends them, byte for byte."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Annotated

import click
import msgspec
import pytest

from falcohost import SourceStats, TypeCount
from falcohost.cli.jsonline import pretty_json
from falcohost.cli.stats_text import stats_text
from falcohost.counters import as_json, number, plus, rows
from falcohost.host.numbers import (
    NOTHING,
    Numbers,
    OutputNumbers,
    ProgramNumbers,
    RuleNumbers,
    StoreNumbers,
    counted,
)
from falcohost.host.snapshot import (
    OutputSnapshot,
    OutputState,
    ProgramSnapshot,
    ProgramState,
    Snapshot,
    SourceSnapshot,
    SourceState,
    StoreSnapshot,
    StoreState,
    decode,
    encode,
)

SHOWN = Path(__file__).parent / "stats"

#: Counts of a source that came after the files were written.
LATER = re.compile(r", [\d,]+ (?!received|passed|filtered)\w+(?=, )")

STORE = StoreSnapshot(StoreState(kept=True), StoreNumbers())
STATE = SourceState("numbers", "open", "", 0, 1.0, 1.0, False)


@dataclass(frozen=True)
class Life:
    """The last message of one worker: its source's numbers, and its own counters."""

    stats: SourceStats
    failed: int = 0
    matched: Mapping[str, int] = field(default_factory=dict)
    hit: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)
    at: float = 0.0
    measuring: bool = False


@dataclass(frozen=True)
class Told:
    """A source, with the lives of its workers; the last one is there unless it is ``down`` or ``ended``."""

    name: str
    state: str
    seconds: float
    lives: Sequence[Life]
    error: str = ""


@dataclass(frozen=True)
class Look:
    """The agent, *seconds* after it was started, when the monotonic clock said *at*.

    :ivar outputs: name, alerts that wait, that will not be delivered, seconds that it has been busy.
    :ivar stored: it outlives the process, its last alert, those that waiting for the disk, those given up.
    """

    seconds: float
    at: float
    sources: Sequence[Told]
    outputs: Sequence[tuple[str, int, int, float]]
    stored: tuple[bool, int, int, int]


_LOST = {"ring_full": 7, "never": 0, "a\x1bb": 1}
_FIRST = Life(
    SourceStats(
        1_000_307,
        101,
        _LOST,
        7_556,
        1,
        types={
            "openat": TypeCount(7264, 7163, 101, 0, 7000, 9_793_000),
            "execve": TypeCount(389, 380, 6, 3),
            "quiet": TypeCount(),
        },
        unwanted={"calls": TypeCount(seen=50, timed=50, ns=2900)},
        fill={"calls": 0.5},
        notes=("calls are seen at the kernel's functions",),
    ),
    1,
    {"openat": 110, "execve": 5},
    {"openat": 100, "execve": 5},
    {"Read shadow": 110, "Shell": 2, "Odd\x1b": 3},
    {"Read shadow": 10},
    103.25,
)
_MANY = {f"type{number:02}": TypeCount(seen=number, passed=number) for number in range(1, 26)}
_SECOND = Life(
    SourceStats(
        2_000,
        1_500,
        {"ring_full": 2, "page": 4},
        12_345,
        3,
        types={"openat": TypeCount(500, 300, 200, 0, 400, 800_000), "connect": TypeCount(5, 0, 5), **_MANY},
        unwanted={"calls": TypeCount(seen=70, timed=70, ns=4100), "forks": TypeCount(seen=2, timed=2, ns=2120)},
        fill={"calls": 0.0123, "processes": 1.0},
        notes=("calls are seen at the tracepoint of all calls", "second\x1b"),
    ),
    1_234_567,
    {"openat": 7, "connect": 9, "rare": 1},
    {"openat": 7, "connect": 5, "rare": 1},
    {"Read shadow": 7, "Beacon": 9, **{f"Rule {number}": 1 for number in range(25)}},
    {"Beacon": 4},
    111.5,
    True,
)
_LATER = Life(
    SourceStats(
        3_000,
        2_000,
        {"ring_full": 2, "page": 5, "new": 1},
        22_345,
        types={"openat": TypeCount(900, 500, 400, 1, 800, 1_900_000), "connect": TypeCount(6, 0, 6), **_MANY},
        unwanted={"calls": TypeCount(seen=170, timed=170, ns=9100), "forks": TypeCount(seen=4, timed=4, ns=4120)},
        fill={"calls": 0.25},
        notes=("calls are seen at the tracepoint of all calls",),
    ),
    1_234_570,
    {"openat": 9, "connect": 10, "rare": 1},
    {"openat": 9, "connect": 5, "rare": 1},
    {"Read shadow": 9, "Beacon": 10, **{f"Rule {number}": 1 for number in range(25)}},
    {"Beacon": 4},
    118.75,
    True,
)
_LOG = Life(
    SourceStats(10, 9, {"malformed": 1}, done=0.5), 0, {"ResponseComplete": 4}, {"ResponseComplete": 3}, at=110.0
)
_BUSY_LOG = Life(
    SourceStats(20, 19, {"malformed": 1}, done=0.9), 2, {"ResponseComplete": 6}, {"ResponseComplete": 5}, at=117.0
)

LOOKS = (
    Look(
        3_700.5,
        112.0,
        [
            Told("syscall", "open", 14.25, [_FIRST, _SECOND]),
            Told("k8s_audit", "open", 100_000.0, [_LOG]),
            Told("okta", "starting", 61.0, []),
        ],
        [("stdout", 0, 0, 0.0)],
        (True, 251, 0, 0),
    ),
    Look(
        3_708.0,
        119.5,
        [
            Told("syscall", "open", 21.75, [_FIRST, _SECOND, _LATER]),
            Told("k8s_audit", "open", 100_007.5, [_BUSY_LOG]),
            Told("okta", "down", 61.0, [Life(SourceStats(), at=1.0)] * 3, "no token\x1b: get one"),
            Told("new", "ended", 5.0, [_LOG]),
        ],
        [("stdout", 1_234, 0, 3.5), ("http\x1b", 5, 6, 0.1)],
        (False, 1_251, 12, 1_300),
    ),
)


def numbers(life):
    """Return what one worker has said."""
    tally = {name: getattr(life, name) for name in ("matched", "hit", "rules", "folded", "failed")}
    return counted(life.stats, **tally)


def source(told, look):
    """Return the source with the numbers of all its workers."""
    running = told.state in ("open", "starting")
    lives = [numbers(life) for life in told.lives] + [NOTHING] * (not running or not told.lives)
    last = told.lives[-1] if running and told.lives else None
    at, measuring = (last.at, last.measuring) if last else (look.at, False)
    restarts = max(len(told.lives) - 1, 0)
    state = SourceState(told.name, told.state, told.error, restarts, told.seconds, at, measuring)
    return SourceSnapshot(state, reduce(plus, lives, NOTHING))


def snapshot(look):
    """Return the agent's numbers."""
    sources = [source(told, look) for told in look.sources]
    outputs = [
        OutputSnapshot(OutputState(name, busy, *kind), OutputNumbers(waiting, dropped))
        for name, waiting, dropped, busy, *kind in look.outputs
    ]
    kept, *numbers = look.stored
    store = StoreSnapshot(StoreState(kept), StoreNumbers(*numbers))
    return Snapshot("0.1.0", 4711, look.seconds, sources, outputs, store)


@pytest.fixture(params=["first", "second", "since"])
def shown(request):
    """Return the name of a look, and the numbers as the command has them from the agent."""
    first, second = (decode(encode(snapshot(look))) for look in LOOKS)
    return request.param, {"first": first, "second": second, "since": second.since(first)}[request.param]


def known(found, before):
    """Return what was *found* without the keys that there were not *before*, when the files were written."""
    if isinstance(before, dict):
        return {name: known(one, before[name]) for name, one in found.items() if name in before}
    if isinstance(before, list):
        assert len(found) == len(before)
        return [known(*pair) for pair in zip(found, before, strict=True)]
    return found


@pytest.mark.parametrize(("name", "look"), [("first", LOOKS[0]), ("second", LOOKS[1])])
def test_what_the_agent_sends(name, look):
    """The agent answers with one line of JSON, whose keys are in a fixed order."""
    sent, found = (SHOWN / f"{name}.sent.json").read_bytes(), encode(snapshot(look))

    assert sent == msgspec.json.encode(known(msgspec.json.decode(found), msgspec.json.decode(sent))) + b"\n"


@pytest.mark.parametrize(("suffix", "full"), [("txt", False), ("full.txt", True)])
def test_text(shown, suffix, full):
    """The text has the numbers of all workers, the rows that cost most first, and colours where a look is due."""
    name, found = shown
    text = LATER.sub("", "\n".join(stats_text(found, full=full))) + "\n"

    assert (SHOWN / f"{name}.{suffix}").read_text() == text


def test_a_subscriber_is_called_one():
    """A subscriber that is no output stands among them under its own name for the kind."""
    look = Look(1.0, 1.0, [], [("stdout", 0, 0, 0.0), ("repeated", 7, 0, 0.0, "subscriber")], (True, 9, 0, 0))
    text = click.unstyle("\n".join(stats_text(decode(encode(snapshot(look))), full=False)))

    assert ["output stdout: 0 alerts waiting", "subscriber repeated: 7 alerts waiting"] == text.splitlines()[2:4]


def test_json(shown):
    """JSON has every number."""
    name, found = shown
    text = (SHOWN / f"{name}.json").read_text()

    assert text == pretty_json(known(found.as_json(), msgspec.json.decode(text))) + "\n"


class More(Numbers, frozen=True):
    """The numbers, and counters that nobody has heard of before."""

    late: Annotated[int, number("events that came late")] = 0
    queues: Annotated[Mapping[str, RuleNumbers], rows("what each queue did", text="queue")] = {}
    odd: Annotated[int, number("events that are odd", text="{:,} events are odd", colour="red")] = 0


def test_a_new_counter_is_shown():
    """A counter that is declared is in the sums, in JSON and in the text without more ado."""
    busy = {"quiet": RuleNumbers(), "slow": RuleNumbers(2, 1), "fast": RuleNumbers(3)}
    both = plus(More(received=1, late=1000), More(received=2, late=500, odd=2, queues=busy))
    shown = list(stats_text(Snapshot("0", 1, 1.0, [SourceSnapshot(STATE, both)], [], STORE), full=False))

    assert (1500, 2) == (as_json(both)["late"], as_json(both)["odd"])
    (counts,) = [line for line in shown if line.startswith("  3 received, ")]
    assert ", 1,500 late, " in counts
    assert "\x1b[31m  2 events are odd\x1b[0m" in shown
    table = [line.split() for line in map(click.unstyle, shown)][5:8]
    assert [["queue", "matched", "folded"], ["fast", "3", "0"], ["slow", "2", "1"]] == table


class MoreStore(StoreNumbers, frozen=True):
    """The store's numbers, and two that nobody has heard of before."""

    pages: Annotated[int, number("pages of the file")] = 0
    torn: Annotated[int, number("pages that are torn", text="{:,} torn", colour="red")] = 0


def test_a_new_counter_of_the_store_is_shown():
    """A counter that is declared for the store, or for outputs, is in JSON and in the text without more ado."""
    store = StoreSnapshot(StoreState(kept=False), MoreStore(last=7, pages=1200, torn=3))
    found = Snapshot("0", 1, 1.0, [], [], store)

    assert {
        "kept": False,
        "size": 0,
        "last": 7,
        "unwritten": 0,
        "lost": 0,
        "held": 0,
        "overflowed": 0,
        "pages": 1200,
        "torn": 3,
    } == found.as_json()["store"]
    *_, line = stats_text(found, full=False)
    assert "store: 7 alerts so far, 1,200 pages, in memory only, 3 torn" == click.unstyle(line)


def test_programs():
    """Programs in the kernel come with their share of a core, the ten dearest unless all are asked for."""
    programs = [
        ProgramSnapshot(ProgramState(f"place{number}", "sys_exit"), ProgramNumbers(1000, 10**8 // (number + 1), 2.0))
        for number in range(12)
    ]
    found = Snapshot("0", 1, 2.0, [], [], STORE, span=1.5, programs=programs)
    lines = [" ".join(click.unstyle(line).split()) for line in stats_text(found, full=False)]
    at = lines.index("program in the kernel runs ns each of a core")

    assert "place0 (sys_exit) 1,000 100,000 5.00%" == lines[at + 1]
    assert ["place9 (sys_exit) 1,000 10,000 0.50%", "… 2 more with --full", ""] == lines[at + 10 : at + 13]
    assert 12 == sum("sys_exit" in line for line in stats_text(found, full=True))
    assert {"name": "place1", "at": "sys_exit", "runs": 1000, "ns": 50_000_000, "seconds": 2.0} in json_of(found)


def json_of(found):
    """Return the programs as they are in JSON."""
    return found.as_json()["programs"]
