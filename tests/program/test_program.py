"""A program that prints a log: what it prints, how it ends, what is left of it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcohost import SourceError
from falcohost.events import Plan
from falcohost.jsonlog import JsonLog, JsonSource, Limits
from falcohost.jsonlog.refusals import NOT_JSON, TOO_LARGE
from falcohost.program import Program, ProgramInput
from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import PATIENCE, wait_until

LOG = JsonLog(source="app", plugin="tester")


class Ran:
    """A source that runs *text* in a shell, and the numbers that it has read."""

    def __init__(self, *command, always=False, **options):
        given = ProgramInput(Program(command, always), plugin="tester", clock=ManualClock(), **options)
        self.source = JsonSource(LOG, given)
        self.source.open(Plan(source="app"), None)
        self.numbers, self.keys, self.records = [], [], []
        self._batches = self.source.batches()

    def wait(self, count=1 << 30, seconds=PATIENCE):
        """Read until there are so many numbers, or its end; return them all."""
        end = time.monotonic() + seconds
        for batch in self._batches:
            for event in batch.events:
                self.numbers.append(event.record["n"])
                self.keys.append(event.key)
                event.whole()
                self.records.append(event.record)
            assert batch.cursor is None
            if len(self.numbers) >= count or time.monotonic() > end:
                break
        return self.numbers

    def next_numbers(self):
        """Return those of the next batch."""
        return [event.record["n"] for event in next(self._batches).events]

    @property
    def dropped(self):
        """The refused records."""
        return dict(self.source.stats().dropped)


@pytest.fixture
def run():
    """Return a function that runs a text in a shell, or a command; all is ended in the end."""
    with contextlib.ExitStack() as stack:

        def run(*command, **options):
            ran = Ran(*(command if len(command) > 1 else ("/bin/sh", "-c", *command)), **options)
            stack.callback(ran.source.close)
            return ran

        yield run


@pytest.fixture(autouse=True)
def told(caplog):
    """Return the log, of everything."""
    caplog.set_level("DEBUG", "falcohost")
    return caplog


def is_there(pid):
    """Return whether a process is there, and is more than what its parent has not reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_it_prints(run):
    """Lines are records, the last also without its end; the source ends with a program that ends well."""
    ran = run("""echo '{"n":1}'; printf '{"n":'; sleep 0.3; echo '2}'; printf '[{"n":3},{"n":4}]'""")

    assert ran.wait() == [1, 2, 3, 4]
    assert ran.dropped == {}


def test_a_line_comes_at_once(run):
    """A line is served while the program goes on."""
    assert run("""echo '{"n":1}'; sleep 1000""").wait(1) == [1]


def test_closed_stderr(run):
    """A program that has closed stderr is waited for as any other: looks do not come back at once, again and again."""
    ran = run("""exec 2>&-; echo '{"n":1}'; exec sleep 1000""")
    ran.wait(1)
    begun = time.monotonic()

    assert [[]] * 3 == [ran.next_numbers() for _ in range(3)]
    assert time.monotonic() - begun > 0.4  # which two of them take, and no busy machine makes less


def test_what_it_should_not_print(run):
    """A line that is no JSON, or too long, is counted, and the next is served."""
    text = """echo '{"n":1}'; echo what; printf '"'; head -c 300000 /dev/zero | tr '\\0' x; echo '"'; echo '{"n":2}'"""
    ran = run(text, limits=Limits(document=100_000))

    assert ran.wait() == [1, 2]
    assert ran.dropped == {NOT_JSON: 1, TOO_LARGE: 1}


def test_a_failure(run, told, tmp_path):
    """A program that fails is started again, its last words are told; alike records of two lives are two events."""
    mark = tmp_path / "mark"
    text = f"""echo '{{"n":1}}'; printf 'no\\033[1m luck\\n' >&2; test -e {mark} || {{ touch {mark}; exit 3; }}"""
    ran = run(text)

    assert ran.wait() == [1, 1]
    assert len(set(ran.keys)) == 2
    assert [line for line in told.messages if "ended with status 3; its last output: no?[1m luck" in line] != []
    assert [line for line in told.messages if "works again" in line] != []


def test_always(run):
    """By the setting, a program that ends well is started again."""
    assert run("""echo '{"n":1}'""", always=True).wait(3) == [1, 1, 1]


def test_much_on_stderr(run):
    """A program that complains without end, or has closed its output, does not stand still."""
    ran = run("""head -c 1000000 /dev/zero >&2; echo '{"n":1}'; exec >&-; head -c 200000 /dev/zero >&2""")

    assert ran.wait() == [1]


def test_a_program_that_is_not_there(tmp_path, run, told):
    """A name that stands for nothing is an error; what cannot be executed is tried again."""
    with pytest.raises(SourceError, match="the program no-such-program cannot be found"):
        run("no-such-program", "-x")
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)

    ran = run(str(broken), "x")
    for _ in range(10):
        assert ran.next_numbers() == []
    assert [line for line in told.messages if "cannot be started: No such file or directory" in line] != []


#: Prints its own process id, and those of a child that has left the session and of one whose parent has ended.
FAMILY = """setsid sleep 1000 & echo '{"n":'$!'}'; (sleep 1000 & echo '{"n":'$!'}'); echo '{"n":'$$'}'; wait"""


def test_nothing_is_left_when_it_is_closed(run):
    """When the source is closed the program ends, and what it has started."""
    ran = run(FAMILY)
    pids = ran.wait(3)
    assert all(map(is_there, pids))

    ran.source.close()
    wait_until(lambda: not any(map(is_there, pids)))


def test_nothing_is_left_when_it_ends(run):
    """Processes that a program leaves behind at its end are ended too."""
    (pid,) = run("""sleep 1000 & echo '{"n":'$!'}'""").wait()

    wait_until(lambda: not is_there(pid))


WORKER = """
import sys
sys.path[:0] = {path!r}
from falcohost.jsonlog import JsonSource, JsonLog
from falcohost.events import Plan
from falcohost.program import Program, ProgramInput
from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import PATIENCE, wait_until
source = JsonSource(JsonLog(source="app", plugin="t"), ProgramInput(Program(["/bin/sh", "-c", {text!r}]), plugin="t"))
source.open(Plan(source="app"), None)
for batch in source.batches():
    for event in batch.events:
        print(event.record["n"], flush=True)
"""


def test_nothing_is_left_when_the_worker_is_killed():
    """However the worker ends, the program ends with it, and what it has started."""
    script = WORKER.format(path=sys.path, text=FAMILY)
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pids = [int(worker.stdout.readline()) for _ in range(3)]
    assert all(map(is_there, pids))

    worker.kill()
    worker.wait()
    worker.stdout.close()
    wait_until(lambda: not any(map(is_there, pids)))


HOW_IT_BEGINS = """
for n in $(ls /proc/self/fd); do echo '{"n":'$n'}'; done
cat
for what in SigIgn SigBlk; do grep -q "$what:.*[1-9a-f]" /proc/self/status && echo '{"n":"'$what'"}'; done
exit 0
"""


def test_how_it_begins(run):
    """A program has no input, none of the worker's descriptors, and no signal that is ignored or blocked."""
    with socket.socket() as inherited:
        os.set_inheritable(inherited.fileno(), True)
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGQUIT)}
        try:
            ran = run(HOW_IT_BEGINS)
            assert ran.wait() == [0, 1, 2, 3]
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def test_what_it_inherits(run, monkeypatch, tmp_path):
    """A program gets few variables, no descriptors, a session of its own, and no way to more privileges."""
    for name in ("TOKEN", "LD_PRELOAD", "HOME", "CREDENTIALS_DIRECTORY", "PYTHONPATH"):
        monkeypatch.setenv(name, str(tmp_path) if name != "LD_PRELOAD" else "")
    monkeypatch.setenv("LC_TIME", "C")
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        ran = run(sys.executable, "-c", _TELLS)
        assert ran.wait(1) == [1]
        (told,) = ran.records

    assert (
        {"PATH", "LC_TIME"}
        <= set(told["variables"])
        <= {"PATH", "LANG", "LANGUAGE", "LC_TIME", "LC_ALL", "TZ", "LC_CTYPE"}
    )
    assert [0, 1, 2] == told["descriptors"]
    assert told["session"] not in (os.getsid(0), 0)
    assert "1" == told["no_new_privs"]


_TELLS = """
import json, os
def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
told = {"n": 1, "variables": list(os.environ), "descriptors": [n for n in range(1000) if is_open(n)],
        "session": os.getsid(0), "no_new_privs": status["NoNewPrivs"].strip()}
print(json.dumps(told), flush=True)
import time; time.sleep(1000)
"""
