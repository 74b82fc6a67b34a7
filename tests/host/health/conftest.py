"""Snapshots and data for tests of the health process."""

import pytest

from falcohost.host.config.health import MetricsConfig, WebConfig
from falcohost.host.config.health_keys import COUNTERS
from falcohost.host.health.data import HealthData, RuleLabels
from falcohost.host.numbers import (
    ActionNumbers,
    LookupNumbers,
    Numbers,
    OutputNumbers,
    ProcessNumbers,
    RuleNumbers,
    StoreNumbers,
    TypeNumbers,
)
from falcohost.host.snapshot import (
    ActionSnapshot,
    ActionState,
    OutputSnapshot,
    OutputState,
    ProcessSnapshot,
    ProcessState,
    Snapshot,
    SourceSnapshot,
    SourceState,
    StoreSnapshot,
    StoreState,
)

#: A name that has to be escaped.
HOSTILE = 'a "b" \\ c\nd {e="f"} 1'

NUMBERS = Numbers(
    received=900,
    passed=90,
    dropped={"full": 100},
    filtered=810,
    types={"openat": TypeNumbers(900, 810, 90, 3, 10, 5_000_000_000, matched=7, unmatched=83), HOSTILE: TypeNumbers(1)},
    unwanted={"(calls)": TypeNumbers(9, timed=9, ns=4)},
    fill={"calls": 0.5},
    turned_away={"no room": 4},
    retrying={"api": 2},
    faults={"Read shadow (fd.name)": 3},
    captures={"begun": 2},
    unreached={"pods: api": 3},
    made_room={"accounts": 6},
    of_lookups={"pauses": 8},
    rules={"Read shadow": RuleNumbers(7, 5), HOSTILE: RuleNumbers(1)},
    lookups={"container": LookupNumbers(5, 4, 3, 2, 1)},
)


@pytest.fixture
def hostile():
    """Return a name that has to be escaped, of a rule and of an event type."""
    return HOSTILE


@pytest.fixture
def snapshot():
    """Return a snapshot with a value of each counter."""
    return Snapshot(
        "0.1.0",
        4711,
        100.0,
        [SourceSnapshot(SourceState("syscall", "open", "", 2, 99.0, 5.0, False, 0.25), NUMBERS)],
        [OutputSnapshot(OutputState("stdout", 3.0, lag=7.5), OutputNumbers(5, 6))],
        StoreSnapshot(StoreState(True, 4096), StoreNumbers(12, 0, 1)),
        [
            ProcessSnapshot(ProcessState("supervisor", 4711), ProcessNumbers(0, 1.5, 3 << 20, 1 << 20, 9 << 20)),
            ProcessSnapshot(ProcessState("worker", 4712, "syscall"), ProcessNumbers(2, 8.5, 5 << 20, 2 << 20, 1 << 20)),
        ],
        [ActionSnapshot(ActionState("zap"), ActionNumbers(3, 1, 4, 1, 5))],
        started=1_700_000_000_123_456_789,
    )


@pytest.fixture
def metrics():
    """Return a configuration in which everything is exported."""
    return MetricsConfig(1.0, True, "", frozenset(COUNTERS), megabytes=True, empty=False)


@pytest.fixture
def data(metrics):
    """Return the data of a health process that serves everything."""
    return HealthData(
        web=WebConfig("127.0.0.1", True, 8765, "/healthz", True, "", "", ()),
        metrics=metrics,
        token=None,
        hosts=("localhost", "web-1"),
        hostname="web-1",
        rules={"syscall": [(n, RuleLabels("syscall", 4, ("T1.2", "b"))) for n in ("Read shadow", HOSTILE, "Never")]},
        rules_files={"rules.yaml": "ab" * 32},
        config_files={"falco.yaml": "cd" * 32},
        engines={"syscall": "modern_bpf"},
        versions={"falco_version": "0.44.1"},
    )
