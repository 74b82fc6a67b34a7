"""The output ``program``: what a program reads, and when an alert counts as delivered."""

import os
import signal
import time
from pathlib import Path

import pytest

from falcohost import OutputError, OutputRefused
from falcohost.errors import OutputLost
from falcohost.outputs.program import ATTEMPTS, ProgramOutput, program_problem
from falcohost.outputs.program_run import whole_lines
from falcohost.programs import AsNow, run_programs
from falcohost.testing.outputs import alert
from falcohost.testing.waiting import wait_until


class Form:
    """Formats an alert as its rule."""

    json = False

    def line(self, one):
        """Return the line."""
        return one.rule.encode()


@pytest.fixture(autouse=True)
def told(caplog):
    """Return the log, of everything."""
    caplog.set_level("DEBUG", "falcohost")
    return caplog


@pytest.fixture
def output(monkeypatch):
    """Return a function that makes an output of a command; it is closed in the end."""
    monkeypatch.setattr("falcohost.programs._Chosen.choose", None)
    run_programs(lambda user, groups: AsNow())
    made = []

    def output(program, **settings):
        settings = {"keep_alive": True, "user": "", "timeout": 60, "called": "program_output", **settings}
        made.append(ProgramOutput({"program": program, **settings}, Form()))
        return made[-1]

    yield output
    for one in made:
        one.close()


def insist(one, alerts):
    """Deliver as a runner does, without its pauses; return what is refused and how often it took an attempt."""
    for attempt in range(1, 100):
        try:
            one.deliver(alerts)
        except OutputRefused as error:
            return error.refused, attempt
        except OutputError:
            continue
        return {}, attempt
    raise AssertionError


def test_keep_alive(output, tmp_path):
    """One process reads all lines; when deliver returns, it has read them."""
    one = output(f"echo $$ > {tmp_path}/pid; while read line; do echo $$ $line >> {tmp_path}/out; done")
    one.deliver([alert("a"), alert("b")])
    one.deliver([alert("c")])
    one.close()

    pid = (tmp_path / "pid").read_text().strip()
    assert [f"{pid} rule {name}" for name in "abc"] == (tmp_path / "out").read_text().splitlines()


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"a\nb\n", 4),
        (b"a\n" + b"b" * 4094 + b"\n", 2),
        (b"a" * 4095 + b"\nb\n", 4096),
        (b"a" * 4000 + b"\nb\n" + b"c" * 4000 + b"\n", 4003),
        (b"a\n" * 9000, 8192),
        (b"a\n" * 4000, 7998),
        (b"a" * 9000 + b"\n", 8192),
        (b"", 0),
    ],
)
def test_whole_lines_are_written_at_once(data, length):
    """What is written at once ends with a line, unless that alone is larger than the pipe; some of much is left."""
    assert length == whole_lines(memoryview(data), 8192)


def test_more_than_a_pipe_takes(output, tmp_path):
    """A delivery that is larger than the pipe arrives whole and in order, also at a program that reads slowly."""
    alerts = [alert(f"{number:0100}") for number in range(3000)]
    output(f'while read -r line; do echo "$line"; done >> {tmp_path}/out').deliver(alerts)

    wait_until(lambda: (tmp_path / "out").read_text().count("\n") == len(alerts))
    assert [one.rule for one in alerts] == (tmp_path / "out").read_text().splitlines()


@pytest.mark.parametrize("read", [1, 70_000, 280_000])
def test_one_that_ends_with_much_in_its_hands(output, read):
    """A program that ends when it has read some of a delivery has read none of it, also if it ends well."""
    one = output(f"head -c {read} > /dev/null")
    with pytest.raises(OutputError):
        one.deliver([alert(f"{number:0100}") for number in range(3000)])

    assert set() == one._arrived


def test_a_run_for_each(output, tmp_path):
    """Without keep_alive, each alert has a run of its own, which is over when deliver returns."""
    output(f"echo $$ $(cat) >> {tmp_path}/out", keep_alive=False).deliver([alert("a"), alert("b")])

    lines = (tmp_path / "out").read_text().splitlines()
    assert ["rule a", "rule b"] == [line.partition(" ")[2] for line in lines]
    assert 2 == len({line.partition(" ")[0] for line in lines})


def test_one_that_dies_is_started_again(output, tmp_path, told):
    """What a program had not read when it died is read by the next, whole; the log has its last words, escaped."""
    first = f"touch {tmp_path}/mark; read line; echo $line > {tmp_path}/first; printf 'no\\033[1m luck' >&2; exit 3"
    one = output(f"test -e {tmp_path}/mark || {{ {first}; }}; cat > {tmp_path}/out")
    many = [alert(f"{number}" + "x" * 5000) for number in range(4)]
    with pytest.raises(OutputError, match=r"ended with status 3, and said: no\W\[1m luck"):
        one.deliver(many)
    refused, _ = insist(one, many)
    one.close()

    assert {} == refused
    assert [many[0].rule] == (tmp_path / "first").read_text().splitlines()
    assert [one.rule for one in many] == (tmp_path / "out").read_text().splitlines()


def test_one_that_died_meanwhile(output, tmp_path):
    """A program that died between two deliveries is started again."""
    one = output(f"echo $$ > {tmp_path}/pid; cat >> {tmp_path}/out")
    one.deliver([alert("a")])
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    insist(one, [alert("b")])

    wait_until(lambda: "rule b\n" in (tmp_path / "out").read_text())


def test_one_that_does_not_read(output, tmp_path):
    """A program that reads nothing has its time; then it is killed, with what it has started."""
    one = output(f"sleep 1000 & echo $! > {tmp_path}/child; wait", timeout=1)
    with pytest.raises(OutputError, match="has read nothing for 1 s"):
        one.deliver([alert("a")])

    child = Path("/proc", (tmp_path / "child").read_text().strip())
    wait_until(lambda: not child.exists())


def test_one_that_does_not_end(output):
    """A run that takes too long is killed."""
    with pytest.raises(OutputError, match="has not ended after 1 s"):
        output("cat; exec sleep 1000", keep_alive=False, timeout=1).deliver([alert("a")])


def test_one_that_reads_no_more(output):
    """A program that closes its input and goes on has not read the alert."""
    with pytest.raises(OutputError, match="has closed its input"):
        output("exec <&-; exec sleep 1000").deliver([alert("a")])


@pytest.mark.parametrize("keep_alive", [True, False])
def test_an_alert_that_it_does_not_bear(output, tmp_path, keep_alive):
    """An alert of which the program dies is refused after some attempts; all others arrive."""
    text = f'while read line; do case "$line" in *bad*) exit 1;; esac; echo $line >> {tmp_path}/out; done'
    one = output(text, keep_alive=keep_alive)
    refused, attempts = insist(one, [alert("a"), alert("bad"), alert("c")])

    if refused or not keep_alive:
        assert {1: "the program has ended with status 1"} == refused
    assert attempts <= ATTEMPTS + keep_alive
    insist(one, [alert("d")])
    one.close()
    assert ["rule a", "rule c", "rule d"] == [
        line for line in dict.fromkeys((tmp_path / "out").read_text().split("\n")) if line
    ]


@pytest.mark.parametrize("status", [75, 126, 127])
def test_what_is_no_fault_of_an_alert(output, status):
    """By some statuses a program says that it cannot work now: nothing is ever refused for that."""
    one = output(f"cat; exit {status}", keep_alive=False)
    for _ in range(2 * ATTEMPTS):
        with pytest.raises(OutputError, match=f"status {status}") as raised:
            one.deliver([alert("a")])
        assert not isinstance(raised.value, OutputRefused)


def test_what_arrived_is_not_passed_on_again(output, tmp_path):
    """Runs that ended well before another failed are not repeated."""
    text = f"cat >> {tmp_path}/out; test -e {tmp_path}/mark || ! grep -q b {tmp_path}/out"
    one = output(text, keep_alive=False)
    with pytest.raises(OutputError):
        one.deliver([alert("a"), alert("b")])
    (tmp_path / "mark").touch()
    one.deliver([alert("a"), alert("b")])

    assert ["rule a", "rule b", "rule b"] == (tmp_path / "out").read_text().splitlines()


def test_one_that_talks(output):
    """A program that prints without end does not stand still, nor does who listens."""
    output("head -c 3000000 /dev/zero >&2; cat; head -c 3000000 /dev/zero", keep_alive=False).deliver([alert("a")])


def test_reopen(output, tmp_path):
    """At reopen the program ends by itself, having read all; the next alert starts another."""
    one = output(f"cat >> {tmp_path}/out; echo end >> {tmp_path}/out")
    one.deliver([alert("a")])
    one.reopen()
    one.deliver([alert("b")])
    one.close()

    assert ["rule a", "end", "rule b", "end"] == (tmp_path / "out").read_text().splitlines()


def test_one_that_does_not_part(output):
    """A program that ignores the end of its input is killed soon at the end."""
    one = output("while :; do read line || sleep 1; done")
    one.deliver([alert("a")])
    begun = time.monotonic()
    one.close()

    assert time.monotonic() - begun < 60  # not for ever


def test_without_its_keeper(output):
    """Without the process that may start programs, the host is told that this one is of no use any more."""
    one = output("cat")
    os.kill(one._keeper._pid, signal.SIGKILL)
    with pytest.raises(OutputLost):
        one.deliver([alert("a")])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_never_root(monkeypatch):
    """Where no other user can be had, root runs no program."""
    monkeypatch.setattr("falcohost.programs._Chosen.choose", None)
    with pytest.raises(OutputError, match="does not run as root"):
        ProgramOutput({"program": "cat", "keep_alive": True, "user": "", "timeout": 1, "called": "x"}, Form())


def test_problems():
    """A user that is not there, or is root, is found before the start."""
    assert program_problem({"user": ""}) is None
    assert "does not exist" in program_problem({"user": "nobody-like-this"})
    assert "who is root" in program_problem({"user": "root"})
