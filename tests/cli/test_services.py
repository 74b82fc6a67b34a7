"""The store process and the outputs process of a running agent: who has what, and what becomes of them when killed."""

import contextlib
import gzip
import os
import signal
import socket
import stat
import tempfile
import time
from pathlib import Path

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.storing.overseer import GONE, HANGS, WORKS
from falcohost.host.storing.process import NAME as STORE
from falcohost.host.supervision.signals import SAME
from falcohost.readable import readable
from falcohost.store.history import History, Wanted
from falcohost.testing.waiting import wait_until

ONLY_NUMBERS = ("--enable-source", "numbers")

RESTARTED = "Falcohost internal: process restarted"


def opened(pid):
    """Return the paths of the files that a process has open."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except FileNotFoundError:
            continue
    return found


def stored(folder):
    """Return the messages of all stored alerts, in order."""
    history = History(folder / "state")
    try:
        return [alert.message for alert in history.alerts(Wanted())]
    finally:
        history.close()


def numbers(messages):
    """Return the numbers that alerts have counted."""
    return [int(text.partition("value=")[2].rstrip(")")) for text in messages if "value=" in text]


def test_only_the_store_has_the_database(agent, setup, tmp_path):
    """No other process has the file open, in whatever state the run is."""
    running = agent(*setup(numbers={"interval": 0.01}), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    having = {
        name
        for pid, name in [(running.process.pid, "supervisor"), *running.children().items()]
        if any(Path(path).name.startswith("state.db") for path in opened(pid))
    }

    assert {STORE} == having
    assert {STORE, OUTPUTS} < set(running.children().values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has users to give")
def test_each_has_a_user_of_its_own(agent, setup, tmp_path):
    """Store, outputs and worker have different users without capabilities; the state is the store's alone."""
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "state" / "state.db.broken-1").write_text("former")
    running = agent(*setup(numbers={"interval": 0.01}), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    users = {}
    for pid, name in running.children().items():
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        users[name] = int(status["Uid"].split()[0])
        assert {status[f"Cap{kind}"] for kind in ("Eff", "Prm", "Bnd", "Amb")} == {"0" * 16}
        assert {"2", "1"} == {status["Seccomp"], status["NoNewPrivs"]}
    state = tmp_path / "state"
    modes = {file.name: (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) for file in state.iterdir()}

    assert 3 == len({*users.values()} - {0})
    assert (users[STORE], 0o700) == (state.stat().st_uid, stat.S_IMODE(state.stat().st_mode))
    assert {0o600} == {mode for _, mode in modes.values()}
    assert {users[STORE]} == {user for name, (user, _) in modes.items() if name != "agent.sock"}
    assert "/state" not in " ".join(opened(running.service(OUTPUTS)))
    assert str(state) == str(Path(f"/proc/{running.service(STORE)}/root").readlink())


def test_a_directory_with_other_files_is_not_given_away(agent, setup, tmp_path):
    """A state directory that holds something else keeps its user, and the state of the run is in memory."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "notes.txt").write_text("mine")
    running = agent(*setup(numbers={"count": 3}), *ONLY_NUMBERS)
    running.wait()

    assert "has other files (notes.txt), but is given to the user of the store" in running.stderr
    assert "keeping the state of this run in memory only" in running.stderr
    assert os.geteuid() == (tmp_path / "state").stat().st_uid
    assert 3 == len(running.alerts)


@pytest.fixture
def end():
    """Return the path of a file that is not there yet, and that workers will see."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "end"


@pytest.fixture
def full(small_disk, tmp_path):
    """Return a function that fills the disk with the state, which has a few megabytes."""
    small_disk("4m")

    def full():
        with (tmp_path / "state" / "state.db.full").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    return full


def test_the_store_is_killed_while_the_disk_is_full(agent, setup, full, end):
    """Alerts that are only in memory have numbers that no output has had, so that none is taken for delivered."""
    running = agent(*setup("json_output: true", numbers={"interval": 0.002, "until": str(end)}), *ONLY_NUMBERS)
    running.wait_for_alerts(50)
    full()
    wait_until(lambda: "cannot be written" in running.stderr, lambda: running.stderr)
    for kills in range(1, 4):
        seen = len(running.alerts)
        running.wait_for_alerts(seen + 200)
        os.kill(running.service(STORE), signal.SIGKILL)
        wait_until(lambda kills=kills: running.stderr.count("has ended and is started again") >= kills)
    running.wait_for_alerts(len(running.alerts) + 50)
    end.touch()
    assert 0 == running.wait()
    told = numbers(alert["output"] for alert in running.alerts if alert["rule"] == "Every number")

    assert list(range(1, max(told) + 1)) == sorted(set(told))


@pytest.mark.parametrize("which", [STORE, OUTPUTS])
def test_one_that_is_killed_is_replaced_at_once(agent, setup, tmp_path, end, which):
    """Nothing is lost, nothing is stored twice; outputs may have the last alerts again; the loss is an alert."""
    running = agent(*setup("json_output: true", numbers={"interval": 0.002, "until": str(end)}), *ONLY_NUMBERS)
    running.wait_for_alerts(50)
    for kills in range(1, 4):
        os.kill(running.service(which), signal.SIGKILL)
        wait_until(lambda kills=kills: running.stderr.count("has ended and is started again") >= kills)
        seen = len(running.alerts)
        running.wait_for_alerts(seen + 20)
    end.touch()
    assert 0 == running.wait()
    told = [alert["output"] for alert in running.alerts if alert["rule"] == "Every number"]
    counts = numbers(stored(tmp_path))

    assert len(counts) >= 110
    assert list(range(1, len(counts) + 1)) == counts == list(dict.fromkeys(numbers(told)))
    assert (len(told) == len(counts)) or which == OUTPUTS
    restarts = {(alert["time"], alert["priority"]) for alert in running.alerts if alert["rule"] == RESTARTED}
    assert ["Critical"] * 3 == [priority for _, priority in restarts]
    assert f"Every number: {len(counts)}" in running.stdout


def test_a_supervisor_that_is_killed(agent, setup, tmp_path):
    """Nothing outlives it but for the moment that it takes to deliver an alert about it, and all alerts before."""
    running = agent(*setup("json_output: true", numbers={"interval": 0.005}), *ONLY_NUMBERS)
    running.wait_for_alerts(50)
    ours = [os.pidfd_open(pid) for pid in running.children()]
    running.process.kill()
    running.process.wait()
    wait_until(lambda: len(ours) == len(readable(ours, 0)))
    for one in ours:
        os.close(one)
    messages = stored(tmp_path)

    assert [("Critical", GONE)] == [(x["priority"], x["rule"]) for x in running.alerts if x["source"] == "internal"]
    assert numbers(messages) == numbers([one["output"] for one in running.alerts])
    assert list(range(1, len(messages))) == numbers(messages)


def test_a_supervisor_that_is_stopped(agent, setup, soak):
    """It is an alert, which does not need it; and another when it goes on."""
    if not soak(True, False):
        pytest.skip("takes 15 seconds; runs with --soak")
    running = agent(*setup("json_output: true", numbers={"interval": 0.01}), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    time.sleep(5)  # it has heard something of the supervisor
    running.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: HANGS in {alert["rule"] for alert in running.alerts})
    running.process.send_signal(signal.SIGCONT)
    wait_until(lambda: WORKS in {alert["rule"] for alert in running.alerts})


def test_a_second_signal_does_not_wait_for_outputs(agent, setup, tmp_path):
    """A stop that waits for an output is ended by a second signal."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    config = f"output_timeout: 60000\nfile_output: {{enabled: true, keep_alive: true, filename: {tmp_path}/pipe}}"
    running = agent(*setup(config, numbers={"interval": 0, "count": 3000}), *ONLY_NUMBERS)
    wait_until(lambda: "has ended" in running.stderr)
    running.process.send_signal(signal.SIGTERM)
    time.sleep(2 * SAME)  # or it counts as the same signal

    assert 0 == running.end()
    os.close(reader)


def test_nobody_else_reaches_the_links(agent, setup, tmp_path):
    """The processes speak over socket pairs; the one socket with a name is for commands, and is the agent's user's."""
    running = agent(*setup(numbers={"interval": 0.01}), *ONLY_NUMBERS)
    running.wait_for_alerts(3)
    named = [line for line in Path("/proc/net/unix").read_text().splitlines() if str(tmp_path) in line]

    assert all("agent.sock" in line for line in named)
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(tmp_path / "state" / "agent.sock"))


def test_the_next_run_goes_on(agent, setup, tmp_path):
    """The state that one run has given to the user of its store is used by the next, and can be looked at by root."""
    for expected in (3, 6):
        running = agent(*setup(numbers={"count": 3}), *ONLY_NUMBERS)
        assert 0 == running.wait()

        assert "in memory only" not in running.stderr
        assert expected == len(stored(tmp_path))


def test_a_file_of_root_is_rotated(agent, setup, tmp_path):
    """Outputs without rights have files of root rotated and compressed; kills lose nothing."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    rotation = "max_size_mb: 0.0005, max_files: 1000, compress: true"
    config = f"file_output: {{enabled: true, filename: {folder}/out, {rotation}}}"
    running = agent(*setup(config, numbers={"interval": 0.005}), *ONLY_NUMBERS)
    for count in (3, 6, 9):
        wait_until(lambda count=count: len(list(folder.iterdir())) > count, lambda: running.stderr)
        os.kill(running.service(OUTPUTS), signal.SIGKILL)
    wait_until(lambda: any(one.suffix == ".gz" for one in folder.iterdir()), lambda: running.stderr)
    running.end()
    told = []
    for file in sorted(folder.iterdir(), key=lambda one: (one.name == "out", one.name)):
        if file.suffix != ".part":
            told += (gzip.open if file.suffix == ".gz" else open)(file, "rt").read().splitlines()
    found = numbers(told)

    assert list(range(1, max(found) + 1)) == sorted(set(found))
    assert len(found) - len(set(found)) <= 3 * 256  # what was on its way at a kill comes again
    assert [] == [line for line in running.stderr.splitlines() if "cannot be" in line]


def test_a_file_of_root_moves(agent, setup, tmp_path):
    """Outputs without rights write a file in a folder of root, and have it created anew after SIGUSR1."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    config = f"file_output: {{enabled: true, keep_alive: true, filename: {folder}/./out}}"
    running = agent(*setup(config, numbers={"interval": 0.01}), *ONLY_NUMBERS)
    wait_until(lambda: (folder / "out").exists() and (folder / "out").read_text())
    (folder / "out").rename(folder / "old")
    running.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: (folder / "out").exists() and (folder / "out").read_text(), lambda: running.stderr)
    running.end()
    told = (folder / "old").read_text() + (folder / "out").read_text()

    assert numbers(told.splitlines()) == list(range(1, len(numbers(told.splitlines())) + 1))
    assert 0o600 == stat.S_IMODE((folder / "out").stat().st_mode)
