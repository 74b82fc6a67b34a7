"""Filters under the real probe: on reload, where the kernel refuses them, while what they cost is measured."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from watching import OPENS, plan, run, seen

from falcohost.events import Plan
from falcohost.testing.waiting import wait_until
from falcohost_syscall.calls.rows import BY_NAME, EXIT
from falcohost_syscall.drivers.modern_ebpf.filters import OF_CALLS
from falcohost_syscall.filters.condition import Point
from falcohost_syscall.filters.load import compiled
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.necessary import necessary


@contextmanager
def measured(source) -> Iterator[list[int]]:
    """Measure what calls cost; what is told at last is the most that it can be, in ns: the time of all processors."""
    most: list[int] = []
    began = time.monotonic_ns()
    source.measure(True)
    yield most
    source.measure(False)
    most.append((time.monotonic_ns() - began) * (os.cpu_count() or 1))


def test_time_is_taken_only_while_it_is_asked_for(watch):
    """While costs are measured, each call that was seen is timed, left out or not, and so are those of no rule."""
    condition = "evt.type = openat and fd.name = /etc/passwd and evt.is_open_write = true"
    source = watch(condition, attach="tracepoint")  # the kernel's functions do not show calls of no rule
    run(OPENS)
    before = source.stats()
    with measured(source) as most:
        pid = run(f"{OPENS}\nfor _ in range(1000): os.getppid()")
    after = source.stats()
    run(OPENS)
    later = source.stats()

    assert ["openat /etc/passwd"] == seen(source, pid)
    count, now = before.types["openat"], after.types["openat"]
    assert (count.timed, count.ns, before.unwanted) == (0, 0, {})
    assert 4 <= now.timed <= now.seen - count.seen
    assert 50 * now.timed < now.ns < most[0]
    calls = after.unwanted["calls"]
    assert calls.timed > 1000
    assert 5 * calls.timed < calls.ns < most[0]
    assert (later.types["openat"].timed, later.unwanted["calls"]) == (now.timed, calls)


@pytest.mark.parametrize(("wanted", "others"), [("execve", ["forks", "exits"]), ("procexit", ["forks", "execs"])])
def test_time_of_processes(watch, wanted, others):
    """Forks, execs and exits are measured too: as their type if a rule asks for them, filtered out or not."""
    source = watch(
        f"evt.type in (execve, procexit) and evt.type = {wanted} and proc.name = true", ends=False, anew=True
    )
    with measured(source) as most:
        for program in ["/bin/true", "/bin/false"] * 20:
            subprocess.run([program], check=False)
    found = source.stats()
    count = found.types[wanted]

    assert count.passed >= 20
    assert count.filtered >= 20
    assert count.timed >= 20
    assert 50 * count.timed < count.ns < most[0]
    for name in others:
        assert found.unwanted[name].timed >= 20
        assert 50 * found.unwanted[name].timed < found.unwanted[name].ns < most[0]


def test_ends_that_no_rule_wants(watch):
    """The end of a process that is known is counted where a rule wants ends, and not before."""
    source = watch("evt.type in (mkdir, mkdirat)", ends=False, anew=True)
    for _ in range(10):
        run("try: os.mkdir('/')\nexcept OSError: pass")  # known, and gone
    before = source.stats().types
    source.update(plan("evt.type = procexit and proc.name = nothing", ends=False))
    for _ in range(10):
        subprocess.run(["/bin/true"], check=True)
    count = source.stats().types["procexit"]

    assert "procexit" not in before
    assert count.seen >= 10
    assert count.filtered >= 10


def test_switched_off(watch):
    """Without push-down every event of the rule's types passes."""
    source = watch("evt.type = openat and fd.name = /etc/passwd", pushdown=False)
    found = seen(source, run(OPENS))

    assert {"openat /etc/passwd", "openat /etc/hostname"} <= set(found)
    assert source.stats().filtered <= (os.cpu_count() or 1)  # calls that are under way while it is counted


def test_reload(watch):
    """Another rule's filter takes the place of the first; what both want is never left out."""
    source = watch("evt.type = openat and fd.name = /etc/passwd")
    source.update(plan("evt.type = openat and fd.name = /etc/hostname"))
    assert ["openat /etc/hostname"] == seen(source, run(OPENS))

    source.update(Plan("syscall", frozenset({"openat", EXIT})))
    assert "openat /etc/passwd" in seen(source, run(OPENS))


STREAM = """
import select, sys
count = 0
while not select.select([sys.stdin], [], [], 0.0005)[0]:
    os.close(os.open("/etc/passwd", 0))
    count += 1
print(count)"""


def test_nothing_missed_while_reloading(watch, soak):
    """Of a steady stream of events that two plans want, none is left out and none doubled over many reloads."""
    reloads = soak(400, 40)
    plans = [plan(f"evt.type = openat and fd.name in (/etc/passwd, {other})") for other in ("/etc/hostname", "/x")]
    source = watch("evt.type = openat and fd.name = /etc/passwd")
    command = [sys.executable, "-ISc", f"import os{STREAM}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    batches, found = source.batches(), 0
    for reload in range(reloads):
        source.update(plans[reload % 2])
        found += sum(event.proc.pid == process.pid and event.fdpath == "/etc/passwd" for event in next(batches).events)
    printed, _ = process.communicate()
    found += len([path for path in seen(source, process.pid) if path == "openat /etc/passwd"])

    assert int(printed) - source.stats().types["openat"].lost <= found <= int(printed)
    assert found > reloads


@pytest.mark.parametrize("file", ["passwd", "falcohost/passwd"])
def test_new_users(watch, tmp_path, monkeypatch, file):
    """A user is asked for by its number, and by another one once the accounts have changed."""
    monkeypatch.setattr("falcohost_syscall.processes.users.INTERVAL", 0.0)
    accounts = tmp_path / "etc" / file
    accounts.parent.mkdir(parents=True)
    source = watch("evt.type = openat and user.name = mallory and fd.name = /dev/null", "user.name")
    monkeypatch.setattr("falcohost_syscall.drivers.modern_ebpf.loader.LOOKS", 0.0)
    driver = source.driver
    monkeypatch.setattr("falcohost_syscall.processes.users.ROOT", tmp_path)
    driver.users = driver.context.users = Users()
    opens = "os.setuid({})\nos.open('/dev/null', 0)"
    found = {}
    for uid in (65530, 65531):
        accounts.write_text(f"mallory:x:{uid}:{uid}::/:/bin/sh\n")
        seen(source, run(""))
        found[uid] = [seen(source, run(opens.format(one))) for one in (65530, 65531)]

    assert {65530: [["openat /dev/null"], []], 65531: [[], ["openat /dev/null"]]} == found


def test_refused_at_one_point(watch, caplog):
    """Where a filter is too large once it asks for processes, what comes before is asked in full."""
    parts = (f"(fd.name = /srv/app{n} and proc.args = argument{n})" for n in range(2000))
    with caplog.at_level(logging.WARNING, "falcohost"):
        source = watch(f"evt.type = openat and (fd.name = /etc/hostname or {' or '.join(parts)})")

    assert 1 == source.stats().weakened
    assert "more events pass" in caplog.text
    assert ["openat /etc/hostname"] == seen(source, run(OPENS))


def test_refused_filters(watch, caplog):
    """A filter that is too large becomes a weaker one, which is said and counted; events still pass."""
    parts = (f"(fd.name startswith /a{n}/ and fd.name endswith .b{n})" for n in range(3000))
    with caplog.at_level(logging.WARNING, "falcohost"):
        source = watch(f"evt.type = openat and (fd.name = /etc/passwd or {' or '.join(parts)})")

    assert 1 == source.stats().weakened
    assert "more events pass" in caplog.text
    wait_until(lambda: "openat /etc/passwd" in seen(source, run(OPENS)))


def test_filters_that_are_not_tried(watch, caplog):
    """Tests that would take the verifier too long are left out of a filter; this is logged and counted."""
    numbers = ", ".join(str(2 * number) for number in range(1000))
    with caplog.at_level(logging.WARNING, "falcohost"):
        source = watch(f"evt.type = openat and fd.name = /etc/passwd and fd.num in (0, {numbers}, 3, 5)")

    assert 1 == source.stats().weakened
    assert "more events pass" in caplog.text
    assert {"openat /etc/passwd"} == set(seen(source, run(OPENS)))


def test_a_weaker_filter_is_not_asked_twice(filter_bench):
    """Where a filter became what was asked before, the probe is spared it."""
    text = " or ".join(f"(fd.name = /srv/{number} and not proc.name = x{number})" for number in range(3000))
    condition = necessary(plan(text, ends=False).condition, decide(BY_NAME["read"], Users()))
    programs, weaker = compiled(condition, filter_bench.kernel, filter_bench.maps, OF_CALLS)
    filter_bench.unload(programs)

    assert [Point.OBJECT] == list(programs)
    assert weaker is not None
