"""Filters under the real probe: what they leave out, what they never leave out, and what becomes of them on reload."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest
import random_events

from falcohost.engine import ir
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost.testing import skip_or_fail
from falcohost_syscall.calls import BY_NAME
from falcohost_syscall.drivers.libbpf import Library
from falcohost_syscall.drivers.programs import Kernel
from falcohost_syscall.source import SyscallSource
from falcohost_syscall.users import Users


def plan(text: str, *fields: str) -> Plan:
    """Return the plan of one rule with this condition, whose output has these *fields*."""
    expr = check(parse(text), random_events.CATALOG).expr
    read = {ref.field.name for ref in ir.fields(expr)}
    return Plan("syscall", event_types(expr, frozenset(BY_NAME)), frozenset({*read, *fields}), condition=expr)


@pytest.fixture
def watch(bpf):
    """Return a function that opens the source for one rule."""
    opened = []

    def watch(text, *fields, **settings):
        source = SyscallSource({"engine": {}, "falcohost": settings})
        opened.append(source)
        source.open(plan(text, *fields), None)
        return source

    yield watch
    for source in opened:
        source.close()


@pytest.fixture
def searches(bpf):
    """Skip where the kernel looks through no text of more than 255 bytes, and lets events with such texts pass."""
    if not Kernel(Library()).has_may_goto:
        skip_or_fail("may_goto", "the verifier follows a search byte by byte, so that long texts are not searched")


def run(script: str) -> int:
    """Run Python code in a process of its own; return its pid."""
    process = subprocess.Popen([sys.executable, "-ISc", f"import os, socket\n{script}"])
    assert process.wait() == 0
    return process.pid


def seen(source, pid: int, seconds: float = 0.3) -> list[str]:
    """Return the types and paths of the events of a process."""
    found = []
    end = time.monotonic() + seconds
    for batch in source.batches():
        found += [f"{e.type} {e.fdpath or e.path}" for e in batch.events if e.proc.pid == pid]
        if time.monotonic() > end:
            return found
    return found


@contextmanager
def measured(source) -> Iterator[list[int]]:
    """Measure what calls cost; what is told at last is the most that it can be, in ns: the time of all processors."""
    most: list[int] = []
    began = time.monotonic_ns()
    source.measure(True)
    yield most
    source.measure(False)
    most.append((time.monotonic_ns() - began) * (os.cpu_count() or 1))


OPENS = """
for path in ("/etc/passwd", "/etc/hostname", "/etc/passwd"): os.close(os.open(path, os.O_RDONLY))
os.close(os.open("/etc/passwd", os.O_RDWR))
"""


def test_only_what_is_wanted(watch):
    """Of many opens those pass that the rule wants, and the others are counted as filtered."""
    source = watch("evt.type = openat and fd.name = /etc/passwd and evt.is_open_write = true")
    pid = run(OPENS)

    assert ["openat /etc/passwd"] == seen(source, pid)
    count = source.stats().types["openat"]
    assert count.seen >= 4
    assert count.passed < count.seen - 2
    assert source.stats().filtered >= count.filtered > 2


def test_time_is_taken_only_while_it_is_asked_for(watch):
    """While costs are measured, each call that was seen is timed, left out or not, and so are those of no rule."""
    source = watch("evt.type = openat and fd.name = /etc/passwd and evt.is_open_write = true")
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
    """What forks, execs and ends take is measured too: where a rule wants them as their type, left out or not."""
    source = watch(f"evt.type in (execve, procexit) and evt.type = {wanted} and proc.name = true")
    with measured(source) as most:
        for program in ["/bin/true", "/bin/false"] * 10:
            subprocess.run([program], check=False)
    found = source.stats()
    count = found.types[wanted]

    assert count.passed >= 10
    assert count.filtered >= 10
    assert count.timed >= 20
    assert 50 * count.timed < count.ns < most[0]
    for name in others:
        assert found.unwanted[name].timed >= 20
        assert 50 * found.unwanted[name].timed < found.unwanted[name].ns < most[0]


TO_OTHERS = """
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
client = socket.create_connection(("127.0.0.1", port))
client.sendto(b"x", ("127.0.0.9", 9))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.9", port))
"""


@pytest.mark.parametrize(("end", "number"), [("127.0.0.1", 1), ("127.0.0.9", 1), ("127.0.0.8", 0)])
def test_address_that_is_passed(watch, end, number):
    """An address decides where a datagram goes, and not where a connection does."""
    source = watch(f"evt.type = sendto and fd.rip = {end}")

    assert ["sendto None"] * number == seen(source, run(TO_OTHERS))


def test_switched_off(watch):
    """Without push-down every event of the rule's types passes."""
    source = watch("evt.type = openat and fd.name = /etc/passwd", pushdown=False)
    found = seen(source, run(OPENS))

    assert {"openat /etc/passwd", "openat /etc/hostname"} <= set(found)
    assert source.stats().filtered <= (os.cpu_count() or 1)  # calls that are under way while it is counted


def test_what_never_matches_is_not_collected(watch):
    """Calls of a type that no rule can match cost nothing: they are not even counted."""
    source = watch("evt.type in (openat, getppid) and (fd.name = /etc/passwd or evt.is_io = true)")
    run("for _ in range(100): os.getppid()")

    assert "getppid" not in source.stats().types


def test_files_that_are_made(watch, tmp_path):
    """Of opens that may make a file those pass that give it the wanted mode."""
    source = watch("evt.type = openat and evt.is_open_create = true and evt.arg.mode glob 04???")
    opens = [("a", 0o4755, "O_CREAT"), ("b", 0o755, "O_CREAT"), ("a", 0o4755, "O_RDONLY"), (".", 0o4700, "O_TMPFILE")]
    lines = [f"os.open('{tmp_path / name}', os.{flag} | os.O_RDWR, {mode})" for name, mode, flag in opens]

    assert [f"openat {tmp_path}/a"] == seen(source, run("\n".join(lines[:3])))
    assert ["openat"] == [event.split()[0] for event in seen(source, run(lines[3]))]


def test_any_spelling(watch, tmp_path):
    """A file is wanted by the name that the kernel finds, however the caller spells it."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    source = watch("evt.type in (open, openat) and fd.name = /etc/passwd")
    found = seen(source, run(f"os.open('{tmp_path}/link', 0)\nos.chdir('/etc')\nos.open('.././etc//passwd', 0)"))

    assert ["openat /etc/passwd"] * 2 == found


def test_files_that_are_not_there(watch):
    """An open that failed is wanted by the name that was asked for, and left out if that is another."""
    wanted = ["/nowhere/.a", "/nowhere//.a", "/nowhere/./.a", "/nowhere/b/../.a", "/nowhere/.a/", "nowhere/.a"]
    other = ["/nowhere/.b", "/nowhere/.a/b", "/nowhere/.."]
    source = watch("evt.type in (open, openat) and fd.directory = /nowhere and fd.name endswith .a")
    script = "os.chdir('/')\nfor path in {}:\n try: os.open(path, 0)\n except OSError: pass"
    found = seen(source, run(script.format([*wanted, *other])))

    assert {f"openat {path}" for path in wanted} <= set(found)
    assert not {f"openat {path}" for path in other[:2]} & set(found)


def test_names_of_unix_sockets(watch):
    """The name of a connected AF_UNIX socket begins with no path: what is written into it is left out."""
    source = watch("evt.type = write and fd.name startswith /dev/")
    found = seen(
        source, run("a, b = socket.socketpair()\nos.write(a.fileno(), b'x')\nos.write(os.open('/dev/null', 1), b'x')")
    )

    assert ["write /dev/null"] == found


UNIX = """
server = socket.socket(socket.AF_UNIX)
server.bind("{folder}/wanted.sock")
server.listen(9)
os.symlink("{folder}/wanted.sock", "{folder}/link")
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\\0fh-wanted")
abstract.listen(9)
os.chdir("{folder}")
for address in ("{folder}/wanted.sock", "wanted.sock", "link", "nowhere/wanted.sock", "other", "\\0fh-wanted", "\\0fh"):
    try: socket.socket(socket.AF_UNIX).connect(address)
    except OSError: pass"""


@pytest.mark.parametrize(
    ("condition", "number"),
    [
        ("fd.name endswith /wanted.sock", 4),
        ("fd.name contains wanted", 5),
        ("fd.name endswith @fh-wanted", 1),
        ("fd.name = nowhere/wanted.sock", 1),
        ("fd.name glob '*/wanted.sock' and not fd.name contains nowhere", 4),
        ("fd.name contains nobody", 0),
    ],
)
def test_paths_of_unix_sockets(watch, searches, tmp_path, condition, number):
    """A connection passes if what the rule asks for may be in the name of its socket: a path, or an abstract name."""
    source = watch(f"evt.type = connect and {condition}")

    assert number == len(seen(source, run(UNIX.format(folder=tmp_path))))


def test_kind_of_ipv6_sockets(watch):
    """A socket of IPv6 is told by its ends, and by the end that is passed: mapped addresses are of IPv4."""
    source = watch("evt.type in (connect, bind) and fd.type = ipv6")
    script = """
for address in ("::1", "::ffff:127.0.0.1"):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind((address, 0))
    s.connect((address, 9))"""

    assert ["bind None", "connect None"] == seen(source, run(script))


def test_last_parts_of_names(watch, tmp_path):
    """Of files that were opened before, those of another last name are left out; links and other mounts count."""
    names = ["wanted", "wante", "wanted-too", "other", "averylongname"]
    wanted = [tmp_path / name for name in (names[0], names[4], "linked")]
    (tmp_path / "linked").touch()
    (tmp_path / "link").hardlink_to(tmp_path / "linked")
    source = watch(f"evt.type = write and fd.name in ({', '.join(map(str, wanted))})")
    paths = [str(tmp_path / name) for name in (*names, "link")]
    found = seen(source, run(f"for path in {paths}: os.write(os.open(path, os.O_CREAT | os.O_WRONLY), b'x')"))

    assert [f"write {tmp_path}/{name}" for name in ("wanted", "averylongname", "link")] == found


def test_last_parts_of_opened_names(watch, tmp_path, monkeypatch):
    """Of files that are opened, too, however they are spelled, and through links."""
    monkeypatch.chdir(tmp_path)
    deep = tmp_path / "-".join(["long"] * 9) / "wanted"
    deep.parent.mkdir()
    wanted = [tmp_path / "wanted", deep, tmp_path / "elsewhere"]
    for file in (*wanted, tmp_path / "other"):
        file.touch()
    (tmp_path / "another").symlink_to("wanted")
    (tmp_path / "elsewhere-too").symlink_to("other")
    source = watch(f"evt.type = openat and fd.name in ({', '.join(map(str, wanted))}, {tmp_path}/elsewhere-too)")
    paths = [*map(str, wanted), "wanted", f"{tmp_path}//wanted", f"{deep.parent}/../wanted", f"{tmp_path}/another"]
    paths += [f"{tmp_path}/elsewhere-too", f"{tmp_path}/other", "other", f"/proc/self/root{tmp_path}/wanted"]
    found = seen(source, run(f"for path in {paths}: os.close(os.open(path, os.O_RDONLY))"))

    first, long, elsewhere = (f"openat {file}" for file in wanted)
    assert [first, long, elsewhere, *[first] * 4, f"openat {tmp_path}/other", first] == found


ENVIRONMENT = """
for name, value in (("A", "b"), ("FH_TUNABLES", "x"), ("LONG", "x" * 3000 + "fh_tunables"), ("FH_OTHER", "/tmp/x")):
    if not os.fork(): os.execve("/bin/true", ["true", name], {"HOME": "/", name: value})
    os.wait()"""


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("proc.env icontains fh_TUNABLES", ["FH_TUNABLES", "LONG"]),
        ("proc.env contains FH_ and not proc.env contains TUNABLES", ["FH_OTHER"]),
        ("proc.env[FH_OTHER] startswith /tmp/", ["FH_OTHER"]),
        ("proc.env[ABSENT] startswith /tmp/", []),
    ],
)
def test_environments(watch, searches, condition, expected):
    """Of programs that are started those pass in whose environment it is, as far as the kernel can search."""
    source = watch(f"evt.type = execve and proc.exepath endswith /true and proc.pexe startswith / and {condition}")
    subprocess.run([sys.executable, "-ISc", f"import os\n{ENVIRONMENT}"], check=True)
    events = [event for batch in islice(source.batches(), 2) for event in batch.events]

    assert expected == [event.proc.image.argv[1] for event in events if event.proc.image.argv[0] == "true"]


@pytest.mark.parametrize(("value", "expected"), [("x", ["openat /dev/null"]), ("y" * 3000, []), ("y" * 5000, [])])
def test_environments_of_calls(watch, searches, monkeypatch, value, expected):
    """Of calls those pass whose process was started with the variable, or made by one that was; of the others none."""
    monkeypatch.setenv("FH_LONG", value)
    source = watch("evt.type = openat and fd.name = /dev/null and proc.env contains 'FH_LONG=x'")
    found = seen(source, run("if os.fork(): os.wait()\nelse: os.execve('/bin/true', ['true'], {})\nopen('/dev/null')"))

    assert expected == found
    assert source.stats().types["openat"].filtered > 0


NAMES = """
import ctypes
for name in (b"kworker/7:2", b"kworker", b"other"): ctypes.CDLL(None).prctl(15, name)
class Args(ctypes.Structure): _fields_ = [("flags", ctypes.c_uint64), ("rest", ctypes.c_uint64 * 10)]
for flags in (0, 1 << 28):
    args = Args(flags)
    if ctypes.CDLL(None).syscall(435, ctypes.byref(args), 88) == 0: os._exit(0)"""


@pytest.mark.parametrize(
    ("condition", "number"),
    [
        ("evt.type = prctl and evt.arg.arg2_str startswith kworker/", 1),
        ("evt.type = prctl and evt.arg.arg2_str in (kworker, other)", 2),
        ("evt.type = prctl and not evt.arg.arg2_str startswith kworker", 1),
        ("evt.type = clone3 and evt.rawres > 0 and evt.arg.flags contains CLONE_NEWUSER", 1),
        ("evt.type = clone3 and evt.rawres > 0 and not evt.arg.flags contains CLONE_NEWUSER", 1),
    ],
)
def test_names_and_flags_behind_addresses(watch, condition, number):
    """Threads are told by the name that they take, and forks by flags that lie in the caller's memory."""
    source = watch(condition)

    assert number == len(seen(source, run(NAMES)))


CONNECTED = """
a, b = socket.socketpair()
a.send(b"x")
r, s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
r.bind(("127.0.0.1", 0))
s.sendto(b"x", r.getsockname())
s.connect(r.getsockname())
for _ in range(3): s.sendto(b"x", r.getsockname())"""


@pytest.mark.parametrize(("condition", "number"), [("= true", 4), ("= false", 1), ("exists", 5)])
def test_connected_sockets(watch, condition, number):
    """Of sends those pass whose socket is connected, or those whose is not."""
    source = watch(f"evt.type = sendto and fd.connected {condition}")

    assert ["sendto None"] * number == seen(source, run(CONNECTED))


SENDS = """
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
a.sendmsg([b"x"])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in (9, 10): s.sendmsg([b"x"], [], 0, ("127.0.0.1", port))
s.connect(("127.0.0.1", 9))
os.write(s.fileno(), b"x")"""


def test_sends_without_an_address(watch):
    """A message that names no address changes no socket's name, and is left out."""
    source = watch("evt.type = sendmsg and fd.name_changed = true", "fd.name_changed")

    assert ["sendmsg None"] * 2 == seen(source, run(SENDS))


@pytest.mark.parametrize(("condition", "expected"), [("fd.sport = 9", ["sendmsg", "write"]), ("fd.sport = 11", [])])
def test_ends_of_sockets(watch, condition, expected):
    """An event that neither end of its socket makes wanted is left out, whichever is the server's."""
    source = watch(f"evt.type in (sendmsg, write) and fd.l4proto = udp and {condition}")

    assert expected == [event.split()[0] for event in seen(source, run(SENDS))]


def test_reload(watch):
    """Another rule's filter takes the place of the first; what both want is never left out."""
    source = watch("evt.type = openat and fd.name = /etc/passwd")
    source.update(plan("evt.type = openat and fd.name = /etc/hostname"))
    assert ["openat /etc/hostname"] == seen(source, run(OPENS))

    source.update(Plan("syscall", frozenset({"openat"})))
    assert "openat /etc/passwd" in seen(source, run(OPENS))


STREAM = """
import select, sys
count = 0
while not select.select([sys.stdin], [], [], 0.0005)[0]:
    os.close(os.open("/etc/passwd", 0))
    count += 1
print(count)"""


def test_nothing_missed_while_reloading(watch):
    """Of a steady stream of events that two plans want, none is missed and none doubled over 200 reloads."""
    plans = [plan(f"evt.type = openat and fd.name in (/etc/passwd, {other})") for other in ("/etc/hostname", "/x")]
    source = watch("evt.type = openat and fd.name = /etc/passwd")
    command = [sys.executable, "-ISc", f"import os{STREAM}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    batches, found = source.batches(), 0
    for reload in range(200):
        source.update(plans[reload % 2])
        found += sum(event.proc.pid == process.pid and event.fdpath == "/etc/passwd" for event in next(batches).events)
    printed, _ = process.communicate()
    found += len([path for path in seen(source, process.pid) if path == "openat /etc/passwd"])

    assert int(printed) == found
    assert found > 2000


def test_calls_that_keep_the_table_true(watch):
    """Where a table hears of all processes, a chdir that no rule can want reaches it if directories are asked for."""
    source = watch("evt.type in (openat, chdir) and fd.name = /etc/passwd", "proc.cwd", process_context=False)
    pid = run("os.chdir('/etc'); os.open('passwd', 0)")

    assert "openat /etc/passwd" in seen(source, pid)
    assert source.stats().types["chdir"].filtered == 0


def test_containers(watch, container_cgroup):
    """Whether a process is in a container is learnt from its first event, and then asked by the kernel."""
    source = watch("evt.type = openat and container.id != host and fd.name = /etc/passwd")
    inside = f"open('{container_cgroup}/cgroup.procs', 'w').write(str(os.getpid()))\n{OPENS}"
    run(OPENS)
    seen(source, 0, 0.1)
    outside = run(OPENS)

    assert [] == seen(source, outside)
    assert ["openat /etc/passwd"] * 3 == seen(source, run(inside))


def test_new_users(watch, tmp_path, monkeypatch):
    """A user is asked for by its number, and by another one once the accounts have changed."""
    monkeypatch.setattr("falcohost_syscall.users.INTERVAL", 0.0)
    accounts = tmp_path / "etc/passwd"
    accounts.parent.mkdir()
    source = watch("evt.type = openat and user.name = mallory and fd.name = /dev/null", "user.name")
    source.context.users = Users(tmp_path)
    opens = "os.setuid({})\nos.open('/dev/null', 0)"
    found = {}
    for uid in (65530, 65531):
        accounts.write_text(f"mallory:x:{uid}:{uid}::/:/bin/sh\n")
        seen(source, 0, 0.1)
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
    assert "openat /etc/passwd" in seen(source, run(OPENS))
