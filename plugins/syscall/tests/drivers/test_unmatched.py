"""Calls that pass the filters and match nothing, again and again, have a small budget; it costs no others."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time

import pytest
from attacks import keys, opened
from read_probe import ReadProbe

from falcohost.testing import skip_or_fail
from falcohost.testing.cli import run_cli
from falcohost.testing.waiting import wait_until
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.decoding.names import NamedEvent
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.unmatched import Unmatched
from falcohost_syscall.events.event import Context
from falcohost_syscall.processes.table import ProcessTable
from falcohost_syscall.processes.users import Users
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

RING = 1 << 23
RARE, OTHER = 146, 147
ROW, OTHER_ROW = 2, 3
USER = 65534
AS_USER = f"os.setgid({USER}); os.setuid({USER})"
MADE = 14_000


@pytest.fixture
def probe(machine):
    """Return a loaded probe that nobody reads, and that takes its reader for a quick one."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")
    with ReadProbe(LoadSettings(execve=300, ring_size=RING, process_ring_size=RING), Options(execve=True)) as driver:
        driver.set_calls({RARE: R.CallSpec(ROW, R.WANT_CWD), OTHER: R.CallSpec(OTHER_ROW, R.WANT_CWD)})
        driver.set_pace(RING // 2)
        yield driver


def run(script):
    """Run Python to its end and return its pid."""
    child = subprocess.Popen([sys.executable, "-ISc", f"import os, sys\n{script}"], env={})
    assert child.wait() == 0
    return child.pid


def calls(probe):
    """Return the headers of all calls that wait."""
    found = []
    while batch := probe.read():
        found += map(parts.header, batch)
    return [header for header in found if header.kind == R.KIND_CALL]


def mark(probe, seconds, who=USER):
    """Tell the probe for so many seconds from now that hardly any of the calls match."""
    until = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(seconds * 1e9)
    probe.feed.set_unmatched(R.Caller(who, ROW, 1), until)


def test_a_small_budget(probe):
    """The caller's calls of this kind get a sixty-fourth of what is free; those of others, and of other kinds, all."""
    mark(probe, 15)
    flood = f"for _ in range({MADE}): os.sched_get_priority_max(1)"
    other = "for _ in range(5000): os.sched_get_priority_min(1)"
    one, two = run(f"{AS_USER}\n{flood}\n{other}"), run(f"{AS_USER}\nos.sched_get_priority_max(1)")
    three = run(f"os.setgid(61235); os.setuid(61235)\n{flood}")
    found = calls(probe)

    def of(pid, row):
        return sum(header.pid == pid and header.call == row for header in found)

    assert 0 < of(one, ROW) < MADE / 4
    assert (5000, 1, MADE) == (of(one, OTHER_ROW), of(two, ROW), of(three, ROW))
    assert MADE - of(one, ROW) == probe.lost()["flood"]


@pytest.mark.parametrize("seconds", [-1, 3600])
def test_it_ends(probe, seconds):
    """What was said long ago does not hold any more, nor does what nobody says for so long."""
    mark(probe, seconds)
    pid = run(f"{AS_USER}\nfor _ in range({MADE}): os.sched_get_priority_max(1)")

    assert MADE == sum(header.pid == pid for header in calls(probe))


#: What the flood does passes the filter, since only user space knows the time as text, and looks for so much in it that
#: it is behind on any machine.
NEVER = " or ".join(f"evt.datetime icontains never{number}" for number in range(50))
RULES = f"""
- rule: Never
  desc: Passes the filters.
  condition: evt.type = sched_get_priority_max and ({NEVER})
  output: never
  priority: NOTICE
- rule: Marked
  desc: What somebody else does, by the same call.
  condition: evt.type = sched_get_priority_max and proc.cmdline contains mark-
  output: "%proc.cmdline"
  priority: NOTICE
"""


def lost(agent):
    """Return how many events of an agent's source were lost to floods."""
    done = run_cli("stats", "--json", "--state-dir", str(agent.folder / "state"))
    return next(one for one in json.loads(done.stdout)["sources"] if one["name"] == "syscall")["lost"].get("flood", 0)


def has_small_budget(unmatched):
    """Return whether the probe with this map was told that hardly any of the user's calls match."""
    return any(USER == R.CALLER.unpack(key)[0] for key in keys(unmatched))


@contextlib.contextmanager
def map_of(agent, name):
    """Yield a map of an agent's probe."""
    maps = opened(agent.process.pid)
    yield maps[name]
    for one in maps.values():
        os.close(one.fd)


def test_a_flood_by_an_agent(start_agent, tmp_path):
    """An agent finds the user whose calls only pass, gives them the small budget, and tells others of the user."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    agent = start_agent(rules)
    flood = f"import os\n{AS_USER}\nwhile True: os.sched_get_priority_max(1)"
    floods = [subprocess.Popen([sys.executable, "-ISc", flood], env={}) for _ in range(2)]
    try:
        with map_of(agent, "unmatched") as unmatched:
            wait_until(lambda: has_small_budget(unmatched))
        before = lost(agent)
        wait_until(lambda: lost(agent) > before + 100_000)
        for made in range(10):
            run(f"{AS_USER}\nos.sched_get_priority_max(1) # mark-{made}")
        wait_until(lambda: agent.alerts)
    finally:
        for one in floods:
            one.kill()
            one.wait()


def test_who_matches_is_left_alone():
    """Of those who make many calls, it is those of whom hardly any matches; who makes few is not among them."""
    found = Unmatched()
    found.begin(99.0)
    count(found)

    assert [R.Caller(1, ROW, 1)] == found.found(100.0)
    assert [] == found.found(100.5)
    assert [] == found.found(200.0)


def test_a_reader_that_only_paused():
    """What has waited for a reader, and is read at once, says nothing of anybody."""
    found = Unmatched()
    for now in (0.0, 0.6, 1.2):
        found.begin(now)
        count(found)
        found.end()
        assert [] == found.found(now + 0.5)
    found.begin(1.2)
    count(found)
    assert [] == found.found(2.0)
    assert [R.Caller(1, ROW, 1)] == found.found(2.2)


def test_what_occurs_all_the_time():
    """Whose switches and page faults come is told at once, whether they match or not, and again before it is over."""
    found, fault = Unmatched(), BY_NAME["page_fault"].call
    for now, often in ((0.0, [R.Caller(7, fault, 1)]), (1.0, []), (6.0, [R.Caller(7, fault, 1)])):
        assert 101 == len([*found.seen([call_of(7, fault)] * 100 + [call_of(8)])])
        assert often == found.often(now)
    assert [] == found.often(60.0)


def count(found):
    """Count many calls of users 1 and 2, of which those of user 2 match, and few of user 3."""
    calls = {user: call_of(user) for user in (1, 2, 3)}
    for event in found.counted([calls[1]] * 5000 + [calls[2]] * 5000 + [calls[3]] * 50):
        if event is calls[2]:
            found.matched(event)


def call_of(user, row=ROW):
    """Return a call of a user."""
    values = dict.fromkeys(R.Header._fields, 0) | {"kind": R.KIND_CALL, "call": row, "uid": user, "comm": b""}
    data = R.HEADER.pack(*members(values))
    return NamedEvent(BY_NAME["close"], R.HEADER.unpack(data), data, 0, None, Context(ProcessTable(), Users()))


def members(values):
    """Return the values of a header as they are packed: its arguments one by one."""
    for name, value in values.items():
        yield from (0,) * 6 if name == "args" else (value,)
