"""``falcohost record``: what happens on this host is in the capture, as it was seen here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcohost.cli.flags import Flags
from falcohost.cli.inspect_events import Inspection
from falcohost.testing.waiting import PATIENCE, wait_until
from falcohost_syscall.drivers.replay.driver import Replay
from falcohost_syscall.fields.rows import FIELDS

FIELD = {field.name: field for field in FIELDS}
#: What is compared: of a file that an open has made accessible, the two have different names (docs/captures.md).
COMPARED = (
    *("thread.tid", "proc.pid", "proc.ppid", "proc.vpid", "proc.name", "proc.pname", "proc.cmdline", "proc.exepath"),
    *("proc.cwd", "proc.sid", "proc.vpgid", "proc.tty", "proc.exe_ino", "user.uid", "user.loginuid"),
    *("group.gid", "thread.cap_effective", "thread.cap_permitted", "fd.num", "evt.rawres", "container.id"),
)
#: What differs: Falco has the new descriptor of F_DUPFD, and neither a descriptor nor a result of getsockname.
#: That another user has no capabilities is told with the next event.
UNTOLD = {
    ("fcntl", "fd.num"),
    ("getsockname", "fd.num"),
    ("getsockname", "evt.rawres"),
    *((call, f"thread.cap_{kind}") for call in ("setresuid", "setresgid") for kind in ("effective", "permitted")),
}
#: Calls whose event has no descriptor, or the address that was passed.
PASSED = ("bind", "getsockname")
WORK = """
import os, socket, sys, threading
sys.stdin.readline()
folder = sys.argv[1]
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
def ask():
    with socket.create_connection(listening.getsockname()) as client:
        client.send(b"question")
asking = threading.Thread(target=ask)
asking.start()
accepted = listening.accept()[0]
accepted.recv(100)
asking.join()
there = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
made = os.open("made", os.O_CREAT | os.O_WRONLY, dir_fd=there)
copy = os.dup(made)
os.write(copy, b"x")
os.fchmod(made, 0o600)
os.rename("made", "renamed", src_dir_fd=there, dst_dir_fd=there)
os.chdir(folder)
os.unlink("renamed")
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
open("/etc/hostname").close()
os._exit(3)
"""


@pytest.fixture
def working(tmp_path):
    """Return a process that waits for a line before it works."""
    process = subprocess.Popen([sys.executable, "-ISc", WORK, tmp_path], stdin=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def values(event):
    """Return fields of an event."""
    found = []
    for name in COMPARED:
        name, _, arg = name.rstrip("]").partition("[")
        found.append(FIELD[name].get(event, int(arg) if arg else None))
    return event.type, event.ts, *found


def descriptor(event):
    """Return type and name of the descriptor of an event that uses one."""
    if event.row.creates_fd or event.type == "connect":
        return None
    return event.fd_type, FIELD["fd.name"].get(event, None)


def replayed(path):
    """Yield the events of a capture."""
    driver = Replay({"engine": {"kind": "replay", "replay": {"capture_file": str(path)}}})
    driver.open(None)
    for batch in driver.batches():
        yield from batch.events
    assert {"damaged": 0} == driver.stats().dropped


@pytest.mark.parametrize("only", ["", "and evt.type in (write, unlink, openat)"])
def test_events_are_as_they_were_seen(driver, working, tmp_path, only):
    """All events of a process, or some of them, have in the capture the fields that they had here."""
    config = Flags(options=(f"engine.kind={driver}",)).configuration()
    inspection = Inspection(config, ("FILTER", f"proc.pid = {working.pid} {only}"))
    recorder = inspection.spec.recorder(inspection.source)
    inspection.on_request = recorder.on_request
    inspection.open(inspection.of_fields((*recorder.fields, *COMPARED)))
    path = tmp_path / "made.scap"
    path.write_bytes(recorder.begin())
    seen, deadline = [], time.monotonic() + PATIENCE
    with path.open("ab") as file:
        for batch in inspection.batches():
            if not seen and working.poll() is None and not working.stdin.closed:
                working.communicate("go\n", timeout=PATIENCE)
            for event in batch:
                file.write(recorder.record(event))
                seen.append((values(event), descriptor(event)))
            last = dict(zip(("type", "ts", *COMPARED), seen[-1][0], strict=True)) if seen else {}
            inspection.stopped = last.get("type") == ("openat" if only else "procexit") and last["user.uid"] == 65534
            assert time.monotonic() < deadline
    found = [(values(event), descriptor(event)) for event in replayed(path)]

    assert {"write", "unlink", "openat"} <= {one[0][0] for one in seen}
    assert [one[:2] for one, _ in seen] == [one[:2] for one, _ in found]
    assert [] == [
        (mine[0], name, mine[place], theirs[place])
        for (mine, _), (theirs, _) in zip(seen, found, strict=True)
        for place, name in enumerate(COMPARED, 2)
        if mine[place] != theirs[place] and (mine[0], name) not in UNTOLD
    ]
    assert [] == [
        (mine[0], one, other)
        for (mine, one), (_, other) in zip(seen, found, strict=True)
        if one is not None and one[0] not in (None, "pipe") and mine[0] not in PASSED and one != other
    ]


@pytest.fixture
def recording(driver, tmp_path):
    """Return a function that starts ``falcohost record`` and returns it when its file exists; all are ended."""
    started = []

    def recording(*arguments, path=tmp_path / "made.scap", **options):
        command = [sys.executable, "-m", "falcohost", "-o", f"engine.kind={driver}", "record", "-o", path, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        started.append(process)
        wait_until(lambda: process.poll() is not None or any(tmp_path.glob("made*")))
        return process

    yield recording
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(recording, tmp_path, number):
    """Ctrl-C, SIGTERM and the end of the terminal end a recording: its file is whole, private, with what happened."""
    marked = tmp_path / "marked"
    process = recording("--json", "evt.type", "in", "(unlink, unlinkat)", "and", "fs.path.name", "=", str(marked))
    path = tmp_path / "made.scap"

    def done():
        marked.touch()
        marked.unlink()
        return any(True for _ in replayed(path)) if path.stat().st_size else False

    wait_until(done)
    process.send_signal(number)
    told = json.loads(process.communicate(timeout=PATIENCE)[0])
    events = [*replayed(path)]

    assert 0 == process.returncode
    assert [str(path)] == told["files"]
    assert len(events) == told["events"] > 0
    assert path.stat().st_size == told["bytes"]
    assert {str(marked)} == {event.abspath for event in events}
    assert 0o600 == path.stat().st_mode & 0o777


def test_what_happened_before_the_end(recording, tmp_path):
    """What happened right before the signal, and waits in the rings, is in the file, too."""
    first, last = tmp_path / "first", [tmp_path / f"last{number}" for number in range(200)]
    path = tmp_path / "made.scap"
    process = recording("--json", f"evt.type in (unlink, unlinkat) and proc.pid = {os.getpid()}")

    def begun():
        first.touch()
        first.unlink()
        return any(True for _ in replayed(path)) if path.stat().st_size else False

    wait_until(begun)
    for one in last:
        one.touch()
    for one in last:
        one.unlink()
    process.send_signal(signal.SIGINT)
    told = json.loads(process.communicate(timeout=PATIENCE)[0])

    assert {} == told["lost"]
    assert [*map(str, last)] == [event.abspath for event in replayed(path)][-len(last) :]


def test_it_goes_first(recording):
    """A recording goes before other programs, as the agent does, so that less is lost."""
    process, own = recording("evt.type = unlink and proc.pid = 1"), os.getpriority(os.PRIO_PROCESS, 0)

    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, process.pid) == (own or -10))


@pytest.fixture
def busy():
    """Another process opens, reads and closes a file all the time, also where nobody else does anything."""
    script = "import pathlib, sys\nwhile True:\n    pathlib.Path(sys.executable).open('rb').read(1)"
    process = subprocess.Popen([sys.executable, "-c", script])
    yield
    process.kill()
    process.wait()


@pytest.mark.usefixtures("busy")
def test_seconds(recording, tmp_path):
    """--seconds ends a recording without a filter; compressed captures are read too. Its own calls are not in it."""
    path = tmp_path / "made.scap.gz"
    process = recording("--seconds", "1", path=path)
    output, errors = process.communicate(timeout=PATIENCE)

    assert (0, "") == (process.returncode, output), errors
    assert errors.splitlines()[-1].startswith(f"{path}: ")
    assert b"\x1f\x8b" == path.read_bytes()[:2]
    events = [(event.type, event.pid) for event in replayed(path)]
    assert {"openat", "close", "read"} <= {name for name, _ in events}
    assert [] == [name for name, pid in events if pid == process.pid]


@pytest.mark.usefixtures("busy")
def test_killed(recording, tmp_path):
    """Of a recording that was killed, the capture has all but what happened last."""
    path = tmp_path / "made.scap.gz"
    process = recording(path=path)

    def some():
        tmp_path.stat()
        return path.stat().st_size > 1 << 20

    wait_until(some)
    process.kill()
    process.wait()
    driver = Replay({"engine": {"kind": "replay", "replay": {"capture_file": str(path)}}})
    driver.open(None)
    count = sum(1 for batch in driver.batches() for _ in batch.events)

    assert count > 1000
    assert driver.stats().dropped["damaged"] <= 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--rotate", "2"), "Error: --rotate needs --size, at which a new file begins\n"),
        (("evt.typ = open",), "did you mean evt.type?"),
        (("--size", "10"), "expected a size of at least 1M, such as 100M or 2G, not '10'."),
    ],
)
def test_mistakes(recording, tmp_path, arguments, problem):
    """A mistake is told, and no file is made."""
    process = recording(*arguments)

    assert problem in process.communicate(timeout=PATIENCE)[1]
    assert process.returncode
    assert not any(tmp_path.glob("made*"))


def test_a_file_that_exists(recording, tmp_path):
    """A file that exists is left as it is."""
    path = tmp_path / "made.scap"
    path.write_text("mine")
    process = recording()

    assert f"Error: {path} exists already; name a new file\n" == process.communicate(timeout=PATIENCE)[1]
    assert "mine" == path.read_text()


@pytest.mark.parametrize(
    "form",
    [("-p", "%proc.name %fs.path.name"), ("--top", "proc.name,fs.path.name", "--json", "--seconds", "2")],
)
def test_live(bpf, tmp_path, form):
    """``falcohost inspect --live`` shows what happens here: lines at once, counts at the end."""
    marked = tmp_path / "marked"
    command = [sys.executable, "-m", "falcohost", "inspect", "--live", *form, f"fs.path.name = {marked}"]
    process = subprocess.Popen(
        [*command, "and", "evt.type", "in", "(unlink, unlinkat)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.set_blocking(process.stdout.fileno(), False)
    shown = []

    def some():
        marked.touch()
        marked.unlink()
        shown.append(process.stdout.read() or b"")
        return any(shown) or process.poll() is not None

    wait_until(some)
    if form[0] == "-p":
        process.send_signal(signal.SIGINT)
    os.set_blocking(process.stdout.fileno(), True)
    rest, errors = process.communicate(timeout=PATIENCE)
    lines = (b"".join(shown) + rest).decode().splitlines()

    assert (0, b"") == (process.returncode, errors)
    if form[0] == "-p":
        assert {f"{Path('/proc/self/comm').read_text().strip()} {marked}"} == set(lines)
    else:
        assert [str(marked)] == [json.loads(line)["fs.path.name"] for line in lines]


@pytest.mark.parametrize(("options", "size"), [((), 32 << 20), (("engine.modern_ebpf.buf_size_preset=2",), 2 << 20)])
def test_rings_are_large(options, size):
    """While something is recorded or shown, rings are large, unless the configuration gives their size."""
    inspection = Inspection(Flags(options=options).configuration())

    assert size == inspection.source.driver._config.ring_size
