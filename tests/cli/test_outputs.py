"""Outputs of a running agent: files that move, readers that go away or sleep, outputs that cannot be opened."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.testing.ports import Port
from falcohost.testing.waiting import wait_until

ONLY_NUMBERS = ["--enable-source", "numbers"]

#: A rule of whose alerts few fill the store.
LONG = f"""
- rule: Every number
  desc: Fires on every number.
  condition: number.value > 0
  output: Counted (value=%number.value) {"x" * 4000}
  priority: NOTICE
  source: numbers
"""


#: Three outputs, the last of which is a program.
THREE = """
stdout_output: {enabled: true}
file_output: {enabled: true, filename: events.txt}
program_output: {enabled: true, keep_alive: true, program: "id -u >&2; cat >&2"}
"""


@pytest.fixture(scope="module")
def ended(module_home):
    """Return an agent with these outputs whose source has ended behind five numbers."""
    running = module_home.agent(*module_home.setup(THREE, numbers={"count": 5}), *ONLY_NUMBERS)
    assert running.wait() == 0
    return running


def test_file(ended):
    """The file output has the same lines as stdout."""
    assert 5 == len(ended.alerts)
    assert (ended.folder / "events.txt").read_text().splitlines() == ended.alerts


def test_program(ended):
    """The program has read a line, and what it has printed is in the log."""
    assert "program_output: the program has printed: " in ended.stderr


def test_syslog_that_comes_late(agent, setup, until):
    """Alerts wait for a server that is not there yet, and come in order; doctor, a dry run and the log say it."""
    port = Port()
    address = f"tcp://127.0.0.1:{port.number}"
    command = setup(f"stdout_output: {{enabled: true}}\nsyslog_output: {{enabled: true, address: '{address}'}}")
    running = agent(*command, *ONLY_NUMBERS)
    running.wait_for_alerts(5)
    until(lambda: f"cannot send to syslog at {address}: Connection refused" in running.stderr)
    port.close()
    with socket.create_server(("127.0.0.1", port.number)) as server:
        link, _ = server.accept()
        with link, link.makefile("rb") as received:
            for line in running.alerts[:5]:
                message = received.read(int(b"".join(iter(lambda: received.read(1), b" "))))
                assert message.startswith(b"<13>1 20"), message
                assert message.endswith(f" falcohost - alert - {line}".encode()), (line, message)


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("address: log.example", "syslog_output.address has to be empty, or like udp://HOST:514"),
        ("facility: none", "Unknown facility none; it has to be one of user, mail, daemon"),
        ("ca_cert: /x", "syslog_output.ca_cert needs an address that begins with tls://"),
        ("address: 'tls://x', client_key: /x", "syslog_output.client_key needs client_cert"),
    ],
)
def test_syslog_that_cannot_be(falcohost, setup, block, problem):
    """A value that makes no sense is an error with its place."""
    command = setup(f"syslog_output: {{enabled: true, {block}}}")
    ended = falcohost(*command, *ONLY_NUMBERS, "--dry-run")

    assert 1 == ended.returncode
    assert re.search(rf"falco\.yaml:\d+:\d+: {re.escape(problem)}", ended.stderr), ended.stderr


def test_reopen(agent, setup, until):
    """After SIGUSR1 a file that was moved away is created anew; every alert is in one of the two."""
    running = agent(*setup("file_output: {enabled: true, filename: events.txt, keep_alive: true}"), *ONLY_NUMBERS)
    file, old = running.folder / "events.txt", running.folder / "events.txt.1"
    until(lambda: file.exists() and file.read_text().count("\n") > 5)
    file.rename(old)
    running.process.send_signal(signal.SIGUSR1)

    until(lambda: file.exists() and file.read_text().count("\n") > 5)

    assert running.end() == 0
    assert "SIGUSR1 received, reopening outputs..." in running.stderr
    lines = old.read_text().splitlines() + file.read_text().splitlines()
    assert [line.split("value=")[1] for line in lines] == [f"{number})" for number in range(1, len(lines) + 1)]


def test_a_reader_that_goes_away(agent, setup):
    """When nobody reads stdout any more, and it is the only output, the agent ends with a sentence."""
    read, write = os.pipe()
    running = agent(*setup(), *ONLY_NUMBERS, stdout=write)
    os.close(write)
    os.read(read, 1)
    os.close(read)

    assert running.wait() == 1
    assert running.stderr.splitlines()[-1] == "Error: no output is left: the reader of stdout is gone"
    assert "Traceback" not in running.stderr
    assert "Exception" not in running.stderr


def test_a_reader_that_goes_away_while_a_file_stays(agent, setup, until):
    """The other output goes on when nobody reads stdout any more."""
    read, write = os.pipe()
    config = "stdout_output: {enabled: true}\nfile_output: {enabled: true, filename: events.txt}"
    running = agent(*setup(config), *ONLY_NUMBERS, stdout=write)
    os.close(write)
    os.close(read)
    running.wait_for("output 'stdout': nobody reads stdout any more")
    seen = (running.folder / "events.txt").read_text().count("\n")

    until(lambda: (running.folder / "events.txt").read_text().count("\n") > seen + 5)

    assert running.end() == 0


def small_pipe():
    """Return the ends of a pipe that a hundred alerts fill."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    return read, write


def test_a_reader_that_sleeps_delays_nobody(agent, setup, until):
    """While the pipe to the reader of stdout is full, alerts go on to the file; stdout is reported, and all arrive."""
    read, write = small_pipe()
    config = "stdout_output: {enabled: true}\nfile_output: {enabled: true, filename: events.txt}\noutput_timeout: 300\n"
    running = agent(*setup(config, numbers={"interval": 0.002, "count": 400}), *ONLY_NUMBERS, stdout=write)
    os.close(write)
    file = running.folder / "events.txt"
    running.wait_for('"stdout" output timeout, the output is blocked')
    until(lambda: file.exists() and file.read_text().count("\n") == 400)
    got = []
    reader = threading.Thread(target=lambda: got.append(os.fdopen(read).read()))
    reader.start()

    assert running.wait() == 0
    reader.join()
    assert got[0].count("Counted") == 400


def test_what_a_reader_never_took_comes_with_the_next_run(agent, setup):
    """Alerts that a blocked output has not taken at the end are delivered by the next run, before anything new."""
    read, write = small_pipe()
    config = "stdout_output: {enabled: true}\noutput_timeout: 300\n"
    first = agent(*setup(config, numbers={"interval": 0, "count": 400}), *ONLY_NUMBERS, stdout=write)
    os.close(write)
    assert first.wait() == 0
    os.close(read)
    (left,) = re.findall(r"(\d+) alerts is delivered in the next run", first.stderr)

    second = agent(*setup(config, numbers={"count": 1}), *ONLY_NUMBERS)

    assert second.wait() == 0
    assert len(second.alerts) == int(left) + 1


def test_alerts_that_are_given_up_are_alerted_on(agent, setup, until):
    """Alerts deleted for lack of room before a blocked output had them are counted in an alert to other outputs."""
    read, write = small_pipe()
    outputs = (
        "stdout_output: {enabled: true}\nfile_output: {enabled: true, filename: events.txt}\noutput_timeout: 300\n"
    )
    limits = "falcohost: {alerts: {max_size_mb: 1}, fold: {enabled: false}}\njson_output: true\n"
    first = agent(*setup(outputs + limits, LONG, {"interval": 0, "count": 400}), *ONLY_NUMBERS, stdout=write)
    assert first.wait() == 0

    running = agent(*setup(outputs + limits, LONG), *ONLY_NUMBERS, stdout=write)  # which looks how full the store is
    os.close(write)
    file = running.folder / "events.txt"
    until(lambda: file.exists() and "Falcohost internal: alerts given up" in file.read_text())

    running.process.kill()
    os.close(read)
    line = next(line for line in file.read_text().splitlines() if '"source":"internal"' in line)
    assert json.loads(line)["output_fields"]["count"] > 0


def test_a_file_that_cannot_be_opened(agent, setup):
    """An output that cannot be opened keeps the agent from starting, with a sentence."""
    running = agent(*setup("file_output: {enabled: true, filename: /nowhere/events.txt}"), *ONLY_NUMBERS)

    assert running.wait() == 1
    assert running.stderr.splitlines()[-1] == (
        "Error: failed to open output file /nowhere/events.txt: No such file or directory"
    )


def test_unbuffered(environment, setup, tmp_path):
    """With -U each alert can be read at once, also where outputs are buffered by configuration."""
    command = [sys.executable, "-m", "falcohost", *setup("buffered_outputs: true\n", numbers={"interval": 0.3})]
    with subprocess.Popen(
        [*command, "-U", *ONLY_NUMBERS],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env=environment,
    ) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        process.terminate()

    assert [b"Counted" in line for line in lines] == [True, True]


@pytest.fixture
def shared():
    """Return a folder in which everybody may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_program_of_an_agent(agent, setup, shared):
    """A program has a user that is neither root nor the outputs'; it, and who runs it, are replaced when killed."""
    got = shared / "got"
    command = f"while read line; do echo $(id -u) $$ $(grep CapEff /proc/$$/status) $line >> {got}; done"
    config = f"program_output: {{enabled: true, keep_alive: true, program: '{command}'}}\njson_output: true"
    running = agent(*setup(config, numbers={"interval": 0.01}), *ONLY_NUMBERS)
    wait_until(lambda: got.exists() and got.read_text().count("\n") > 3, lambda: running.stderr)
    user, pid, _, capabilities = got.read_text().splitlines()[0].split()[:4]
    other = Path(f"/proc/{running.service(OUTPUTS)}").stat().st_uid
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: got.read_text().splitlines()[-1].split()[1] != pid, lambda: running.stderr)
    now = got.read_text().splitlines()[-1].split()[1]
    keeper = int(Path(f"/proc/{now}/stat").read_text().rpartition(")")[2].split()[1])
    assert Path(f"/proc/{keeper}/comm").read_text() == "falcohost-keep\n"
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: got.read_text().splitlines()[-1].split()[1] not in (pid, now), lambda: running.stderr)
    running.end()
    lines = [json.loads(line[line.index("{") :]) for line in got.read_text().splitlines()]
    found = [line["output_fields"]["number.value"] for line in lines if line["source"] == "numbers"]

    assert user not in ("0", str(other))
    assert 0 == int(capabilities, 16)
    assert len(set(range(1, max(found) + 1)) - set(found)) <= 2  # what it had read when it was killed


#: Two outputs of a kind, each with its alerts.
NAMED = """
json_output: true
falcohost: {watch_interval: 0.2}
outputs:
  all: {type: file, filename: all.txt}
  few: {type: file, filename: few.txt, rules: [Every n*], priority: notice, sources: [numbers]}
"""


def test_outputs_by_name(agent, setup, falcohost, tmp_path):
    """Each gets its alerts by itself; a reload adds one, whose alerts are those from then on, and removes one."""
    command = setup(NAMED, numbers={"interval": 0.01}, others={"count": 3})
    running = agent(*command)
    all_file, few = running.folder / "all.txt", running.folder / "few.txt"
    wait_until(lambda: few.exists() and few.read_text().count("\n") > 3, lambda: running.stderr)
    wait_until(lambda: '"source":"others"' in all_file.read_text())
    done = falcohost("store")
    assert {"all", "few"} <= set(re.findall(r"\w+", done.stdout)), done.stdout
    setup(NAMED.replace("few:", "new:").replace("few.txt", "new.txt"), numbers={"interval": 0.01})
    new = running.folder / "new.txt"
    wait_until(lambda: new.exists() and new.read_text().count("\n") > 3, lambda: running.stderr)
    had = few.read_text()
    seen = new.read_text().count("\n")
    wait_until(lambda: new.read_text().count("\n") > seen + 3)
    running.end()

    assert had == few.read_text()
    for file in (few, new):
        assert {"numbers"} == {json.loads(line)["source"] for line in file.read_text().splitlines()}
    kept = few.read_text()
    few.unlink()
    done = falcohost(*command[:2], "store", "resend", "--output", "new", "--since", "1h")
    assert "alerts were delivered" in done.stdout, done
    assert kept.splitlines()[0] in (tmp_path / "new.txt").read_text().splitlines()


def test_resending_to_a_program(agent, setup, falcohost, shared):
    """A program gets alerts again from a command of root, but not as root; without their secrets, as from the agent."""
    got = shared / "got"
    program = f'echo $(id -u) "$(cat)" >> {got}'
    rules = """
- rule: Every number
  desc: Fires on every number.
  condition: number.value > 0
  output: Counted (password=%number.value value=%number.value) Bearer abcdefgh
  priority: NOTICE
  source: numbers
"""
    config = f"outputs: {{pager: {{type: program, program: '{program}', keep_alive: false}}}}"
    command = setup(config, rules=rules, numbers={"count": 2, "interval": 0})
    assert 0 == agent(*command, *ONLY_NUMBERS).wait()
    before = got.read_text().splitlines()
    done = falcohost(*command[:2], "store", "resend", "--output", "pager", "--since", "1h")

    lines = got.read_text().splitlines()
    assert "2 alerts were delivered." in done.stdout, done
    assert 2 * len(before) == len(lines) == 4
    assert "0" not in {line.partition(" ")[0] for line in lines}
    assert [line.partition(" ")[2] for line in before] == [line.partition(" ")[2] for line in lines[2:]]
    assert all(line.endswith("Bearer ***") for line in lines)


def test_a_store_without_secrets(agent, setup, falcohost, home):
    """With falcohost.redact.store neither the store nor an output of Falco's has what is secret."""
    config = 'falcohost: {redact: {store: true, patterns: ["value=([0-9]+)"]}}'
    running = agent(*setup(config, numbers={"count": 2}), "--enable-source", "numbers")

    assert 0 == running.wait()
    assert 2 == sum("Counted (value=***)" in line for line in running.alerts)
    assert 2 == falcohost("alerts").stdout.count("Counted (value=***)")
    assert not any(b"(value=1" in file.read_bytes() for file in (home.folder / "state").glob("state.db*"))


#: An output that is dead, and gets only one of the alerts.
FILTERED = """
stdout_output: {{enabled: true}}
outputs:
  dead: {{type: http, url: "http://127.0.0.1:{port}/", rules: ["Falcohost internal: agent started"]}}
falcohost: {{internal: {{agent_started: true}}}}
"""


def test_what_waits_is_what_an_output_gets(home, until):
    """Stats count for a dead output only what its filter lets through, also after a restart, as the store does."""
    port = Port()
    command = [*home.setup(FILTERED.format(port=port.number), numbers={"interval": 0.02}), *ONLY_NUMBERS]

    def waiting():
        found = json.loads(home.run("stats", "--json").stdout)
        return {one["name"]: one["waiting"] for one in found["outputs"]}, found["store"]["last"]

    def one_run(starts):
        running = home.agent(*command)
        running.wait_for_alerts(20)
        until(lambda: waiting()[1] >= 20 * starts, lambda: (waiting(), running.stderr))
        until(lambda: waiting()[0]["dead"] == starts, lambda: (waiting(), running.stderr))
        found = json.loads(home.run(*command[:2], "store", "--json").stdout)["marks"]
        assert starts == {one["name"]: one["waiting"] for one in found}["dead"]
        running.end(signal.SIGTERM)

    for starts in (1, 2):
        one_run(starts)
    port.close()
