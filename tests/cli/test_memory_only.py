"""An agent that starts without a state folder that can be used: it goes to the disk by itself, with its alerts."""

import contextlib
import json
import os
import signal

import pytest

from falcohost.host.storing.intake import GIVEN_UP
from falcohost.host.storing.process import NAME as STORE
from falcohost.host.supervision.memory_only import IN_MEMORY, KEPT_AGAIN
from falcohost.testing.ports import Port
from falcohost.testing.receiver import Receiver
from falcohost.testing.waiting import wait_until

ONLY_NUMBERS = ("--enable-source", "numbers")

#: Nobody listens for ``dead`` until the agent keeps its state.
CONFIG = """
json_output: true
stdout_output: {{enabled: true}}
falcohost: {{json_include_id: true}}
outputs:
  dead: {{type: http, url: "http://127.0.0.1:{port}/", keep_alive: true}}
"""


@pytest.fixture
def full(small_disk, tmp_path):
    """Return a file that fills the disk with the state folder."""
    small_disk("16m")
    file = tmp_path / "state" / "state.db.full"
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
    return file


@pytest.fixture
def taken(tmp_path):
    """Return a file that is where the state folder is to be."""
    file = tmp_path / "state"
    file.touch()
    return file


def values(lines):
    """Return the numbers that alerts have counted."""
    found = map(json.loads, lines)
    return [one["output_fields"]["number.value"] for one in found if one["source"] == "numbers"]


@pytest.mark.parametrize("obstacle", ["full", "taken"])
@pytest.mark.parametrize("cursor", [True, False], ids=["with cursors", "without"])
def test_it_goes_to_the_disk(request, agent, setup, home, obstacle, cursor):
    """Once the folder can be used it is used, and what was only in memory is delivered and kept, each alert once."""
    obstacle = request.getfixturevalue(obstacle)
    with contextlib.closing(Port()) as port:
        config = CONFIG.format(port=port.number)
        running = agent(*setup(config, numbers={"interval": 0.02, "cursor": cursor}), *ONLY_NUMBERS)
        running.wait_for("in memory only")
        running.wait_for_alerts(100)
        wait_until(lambda: IN_MEMORY in running.stdout, lambda: running.stderr)
        assert KEPT_AGAIN not in running.stdout
        obstacle.unlink()
        running.wait_for("the agent starts anew in place")
        running.wait_for("that were only in memory are carried over to this run")
        carried = int(running.stderr.partition(" alerts that were only in memory are carried")[0].rpartition(" ")[2])
        number = port.number
    receiver = Receiver(port=number)
    try:
        wait_until(lambda: len(receiver.bodies) > carried + 10, lambda: running.stderr)
        assert 0 == running.end()
    finally:
        receiver.close()
    kept = values(home.run("alerts", "--json").stdout.splitlines())
    printed = values(line for line in running.stdout.splitlines() if line.startswith("{"))

    assert KEPT_AGAIN in running.stdout
    assert printed == kept
    assert kept[: len(posted := values(receiver.bodies))] == posted
    if cursor:
        assert [*range(1, len(kept) + 1)] == kept
    assert 1 == running.stderr.count("starts anew in place")


def test_a_store_that_is_killed(agent, setup, taken):
    """What was only in the memory of a killed store is told to be given up; alerts behind it are all delivered."""
    with contextlib.closing(Port()) as port:
        running = agent(*setup(CONFIG.format(port=port.number), numbers={"interval": 0.005}), *ONLY_NUMBERS)
        running.wait_for_alerts(100)
        os.kill(running.service(STORE), signal.SIGKILL)
        wait_until(lambda: GIVEN_UP in running.stdout, lambda: running.stderr)
        found = values(map(json.dumps, running.wait_for_alerts(len(running.alerts) + 200)))

    assert [*range(1, found[-1] + 1)] == sorted(
        set(found)
    )  # one that the former store had not acknowledged comes again


def test_a_store_that_is_killed_before_it_carries(agent, setup, taken):
    """Where a store is killed before it has carried over what was in memory, that is told by this run or the next."""
    with contextlib.closing(Port()) as port:
        config = f"output_timeout: 5000\n{CONFIG.format(port=port.number)}"
        running = agent(*setup(config, numbers={"interval": 0.02}), *ONLY_NUMBERS)
        running.wait_for_alerts(20)
        taken.unlink()
        running.wait_for("numbers: closed")
        os.kill(running.service(STORE), signal.SIGKILL)
        wait_until(lambda: GIVEN_UP in running.stdout, lambda: running.stderr)


def test_what_a_stop_leaves_behind(agent, setup, taken):
    """A run that ends with its state in memory says how many alerts it has not delivered."""
    with contextlib.closing(Port()) as port:
        config = f"output_timeout: 200\n{CONFIG.format(port=port.number)}"
        running = agent(*setup(config, numbers={"interval": 0.02}), *ONLY_NUMBERS)
        running.wait_for_alerts(20)
        running.end(signal.SIGTERM)

    assert "alerts were not delivered to the output 'dead'" in running.stderr


def test_a_folder_of_another_agent_is_left_to_it(agent, setup, tmp_path, monkeypatch):
    """An agent does not wait for the folder that another one uses, which may be starting anew itself."""
    first = agent(*setup(numbers={"interval": 0.05}), *ONLY_NUMBERS)
    first.wait_for_alerts(1)
    second = agent(*setup(numbers={"interval": 0.05}), *ONLY_NUMBERS)
    wait_until(lambda: "the state of this run is in memory only" in second.stdout, lambda: second.stderr)
    first.end()
    seen = len(second.alerts)
    second.wait_for_alerts(seen + 250)

    assert "starts anew" not in second.stderr
    assert "keeping the state of this run in memory only\n" in second.stderr


def test_a_dry_run_says_so(setup, falcohost, full):
    """A dry run on a full disk says what would happen."""
    done = falcohost(*setup(numbers={"count": 1}), *ONLY_NUMBERS, "--dry-run")

    assert (0, True) == (done.returncode, "for numbers, and keep its state in memory only, since" in done.stdout)
    assert f"{os.strerror(28)}." in done.stdout
