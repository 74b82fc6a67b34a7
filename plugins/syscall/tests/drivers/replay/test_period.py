"""The part of a capture that is replayed."""

from __future__ import annotations

import pytest
from workload import captures

from falcohost import ConfigError, Plan
from falcohost_syscall.drivers.drivers import configured
from falcohost_syscall.drivers.replay.driver import Replay, period
from falcohost_syscall.drivers.replay.period import moment

SECOND = 1_000_000_000
#: The time of all events that are made here: 2023-11-14T22:13:20Z.
BEGIN = captures.TS


@pytest.mark.parametrize(
    ("text", "ns", "since_first"),
    [
        ("+90s", 90 * SECOND, True),
        ("+90", 90 * SECOND, True),
        ("+1.5m", 90 * SECOND, True),
        ("+20ms", 20_000_000, True),
        ("+2h", 7200 * SECOND, True),
        ("2023-11-14T22:13:20Z", BEGIN, False),
        ("2023-11-14T22:13:20.25+00:00", BEGIN + SECOND // 4, False),
    ],
)
def test_moments(text, ns, since_first):
    """A time is as in ISO 8601, or so long after the first event."""
    assert (ns, since_first) == moment(text)


@pytest.mark.parametrize("text", ["", "soon", "90s", "+", "+s", "-3s", "+1d", "2023-13-01", "+9999999999999"])
def test_what_is_no_time(text):
    """Anything else is no time, and is refused where it is configured."""
    assert moment(text) is None
    settings = {"engine": {"kind": "replay", "replay": {"capture_file": "x", "from": text or "x"}}}
    with pytest.raises(ConfigError, match=r"^engine.replay.from: expected a time such as"):
        configured(settings).make(settings)


@pytest.mark.parametrize(
    ("begin", "end", "seen"),
    [
        (None, None, "abcd"),
        ("+1s", None, "bcd"),
        (None, "+1500ms", "ab"),
        ("+1s", "2023-11-14T22:13:22Z", "bc"),
        ("2023-11-14T22:13:21.5Z", None, "cd"),
        ("+5s", None, ""),
    ],
)
def test_what_is_before_it_still_counts(tmp_path, shown, begin, end, seen):
    """Rules see the events of the period alone; what came before has changed working directories and numbers."""
    path = tmp_path / "made.scap"
    blocks = [
        captures.at(BEGIN + number * SECOND, captures.event("chdir", 7, res=0, path=f"/{name}".encode()))
        for number, name in enumerate("abcd")
    ]
    path.write_bytes(captures.section() + b"".join(blocks))
    replay = {"capture_file": str(path), **({"from": begin} if begin else {}), **({"to": end} if end else {})}
    driver = Replay({"engine": {"kind": "replay", "replay": replay}})
    driver.open(Plan("syscall"))

    assert [("chdir", f"/{name}/", "abcd".index(name) + 1) for name in seen] == shown(driver, "proc.cwd", "evt.num")


def test_an_end_before_the_beginning():
    """A period that ends before it begins is refused; where one of both is relative, that cannot be known."""
    block = {"capture_file": "x", "from": "+2s", "to": "+1500ms"}
    with pytest.raises(ConfigError, match=r"^engine.replay.to: \+1500ms is before engine.replay.from, \+2s.$"):
        period({"engine": {"kind": "replay", "replay": block}})

    assert period({"engine": {"kind": "replay", "replay": block | {"to": "2023-11-14T22:13:20Z"}}}).end is not None
