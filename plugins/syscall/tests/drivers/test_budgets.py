"""Who fills a ring loses its own records; those of others, and what is certain to be wanted, still get room."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from read_probe import ReadProbe

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.modern_ebpf.config import default_ring_size
from falcohost_syscall.drivers.modern_ebpf.integrity import Integrity
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

RING = 1 << 18
RARE, OPEN = 146, 257
RARELY = R.CallSpec(RARE, R.WANT_CWD)
OPENS = R.CallSpec(OPEN, R.WANT_FD | R.WANT_PATH, fd_arg=R.RET_ARG, path_arg=1, dir_arg=0)
ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
CGROUPS = next((path for path in ROOTS if (path / "cgroup.procs").exists()), None)


#: The budgets of users are apart, so that what else runs on this machine takes nothing from this one.
AS_OTHER = "os.setgid(61235); os.setuid(61235)"


@pytest.fixture
def probe(machine, request):
    """Return a loaded probe that nobody reads, and that tells of execs; its parameter is the size of its rings."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")
    param = getattr(request, "param", RING)
    calls, processes = param if isinstance(param, tuple) else (param, param)
    settings = LoadSettings(execve=300, ring_size=calls, process_ring_size=processes)
    with ReadProbe(settings, Options(execve=True, exec_cwd=True)) as driver:
        yield driver


def run(script, **options):
    """Run Python to its end and return its pid."""
    child = subprocess.Popen([sys.executable, "-ISc", f"import os, sys\n{script}"], env={}, **options)
    assert child.wait() == 0
    return child.pid


def headers(driver):
    """Return the headers of all records that wait."""
    found = []
    while batch := driver.read():
        found += map(parts.header, batch)
    return found


@pytest.mark.parametrize("probe", [(RING, RING), (16 * RING, RING)], indirect=True)
def test_working_directories(probe, tmp_path):
    """Who changes its directory before each call does not cost the starts of others, however small their ring is."""
    probe.set_calls({RARE: RARELY})
    for name in "ab":
        (tmp_path / (name * 200)).mkdir()
    run(f"for i in range(3000): os.chdir('{tmp_path}/' + 'ab'[i % 2] * 200); os.sched_get_priority_max(1)")
    other = run("os.sched_get_priority_max(1)")
    found = headers(probe)
    lost = probe.lost()

    assert {R.KIND_EXEC, R.KIND_CALL} <= {header.kind for header in found if header.pid == other}
    assert lost["flood"] > 1000
    assert (0, 0) == (lost["proc_ring_full"], lost["ring_full"])


def test_every_call_has_its_context(probe, tmp_path):
    """A call whose process's context found no room is left out too, so each says in which directory it was made."""
    probe.set_calls({RARE: RARELY})
    for name in "ab":
        (tmp_path / (name * 200)).mkdir()
    pid = run(f"for i in range(2000): os.chdir('{tmp_path}/' + 'ab'[i % 2] * 200); os.sched_get_priority_max(1)")
    cwd, compared = None, 0
    while batch := probe.read():
        for record in batch:
            header, sections = parts.header(record), dict(parts.sections(record))
            if header.pid != pid:
                continue
            if header.kind == R.KIND_CALL:
                assert cwd == sections[R.SEC_CWD]
                compared += 1
            elif header.kind in (R.KIND_TASK, R.KIND_EXEC):
                cwd = sections.get(R.SEC_CWD, cwd)

    assert 2000 == compared + probe.lost()["flood"]
    assert compared > 20


@pytest.mark.parametrize("probe", [(16 * RING, RING)], indirect=True)
def test_processes_that_calls_are_about(probe):
    """One that a call is about ends untold if there was no room to tell of it: ends of told ones need no room."""
    probe.set_calls({RARE: R.CallSpec(RARE, 0, pid_arg=0)})
    run("""
for i in range(3000):
    r, w = os.pipe()
    child = os.fork()
    if not child: os.read(r, 1); os._exit(0)
    try: os.sched_get_priority_max(child)
    except OSError: os.write(w, b"x")
    os.waitpid(child, 0); os.close(r); os.close(w)
""")
    found = headers(probe)
    told, ended = ({one.pid for one in found if one.kind == kind} for kind in (R.KIND_TASK, R.KIND_EXIT))

    assert 100 < len(told) < 2900
    assert set() == ended - told - {one.pid for one in found if one.kind == R.KIND_EXEC}


@pytest.mark.parametrize("probe", [64 * RING], indirect=True)
def test_what_filters_cannot_tell(probe, tmp_path):
    """Opens of files whose path is too long for a filter do not cost the process's other opens."""
    probe.set_calls({OPEN: OPENS})
    probe.set_pace(32 * RING)
    script = f"""
os.chdir({str(tmp_path)!r})
os.chmod(".", 0o777)
{AS_OTHER}
for i in range(22):
    os.mkdir("d" * 200); os.chdir("d" * 200)
os.close(os.open("file", os.O_CREAT))
for i in range(4000): os.close(os.open("file", os.O_RDONLY))
for i in range(50): os.close(os.open("/etc/passwd", os.O_RDONLY))
"""
    pid = run(script)
    paths = []
    while batch := probe.read():
        for record in batch:
            if (header := parts.header(record)).pid == pid and header.kind == R.KIND_CALL:
                paths.append(dict(parts.sections(record)).get(R.SEC_FDPATH))

    assert 50 == paths.count(b"/etc/passwd")
    assert probe.lost()["flood"] > 1000


@pytest.mark.parametrize("probe", [32 * RING], indirect=True)
def test_many_long_arguments(probe):
    """Programs with long arguments, one after the other, cost neither their own starts nor those of others."""
    probe.set_options(Options(execve=True, exec_cwd=True, more_args=True))
    run("for i in range(80):\n    os.spawnv(os.P_WAIT, '/bin/true', ['true', *['x' * 1000] * 100])")
    other = run("")
    found = headers(probe)
    lost = probe.lost()

    assert [R.KIND_EXEC] == [header.kind for header in found if header.pid == other and header.kind == R.KIND_EXEC]
    assert lost["more"] > 10
    assert 0 == lost["proc_ring_full"]


@pytest.mark.parametrize("probe", [(default_ring_size(1), default_ring_size(1) // 2)], indirect=True)
def test_a_few_long_arguments(probe):
    """Programs with 120 KiB of arguments are nothing unusual: of four, nothing is lost, however small the machine."""
    probe.set_options(Options(execve=True, exec_cwd=True, more_args=True))
    run("for i in range(4):\n    os.spawnv(os.P_WAIT, '/bin/true', ['true', *['x' * 1023] * 120])")
    headers(probe)

    assert 0 == probe.lost()["more"]


def test_users(probe):
    """A user who spreads a flood over cgroups does not cost the calls of others."""
    if CGROUPS is None or not os.access(CGROUPS, os.W_OK):
        skip_or_fail("cgroups", "no cgroup can be made here")
    probe.set_calls({RARE: RARELY})
    folders = [CGROUPS / f"falcohost-test-{os.getpid()}-{number}" for number in range(16)]
    try:
        for folder in folders:
            folder.mkdir()
            run(
                f"open('{folder}/cgroup.procs', 'w').write('0')\nos.setgid(65534); os.setuid(65534)\n"
                "for _ in range(4):\n    if os.fork() == 0:\n        break\n"
                "for _ in range(2000): os.sched_get_priority_max(1)\n"
                "try:\n    while True: os.wait()\nexcept ChildProcessError: pass"
            )
        other = run("os.sched_get_priority_max(1)")
        found = headers(probe)
    finally:
        for folder in folders:
            folder.rmdir()

    assert {R.KIND_EXEC, R.KIND_CALL} <= {header.kind for header in found if header.pid == other}
    assert (0, 0) == (probe.lost()["proc_ring_full"], probe.lost()["ring_full"])


@pytest.mark.parametrize("probe", [32 * RING], indirect=True)
def test_a_quick_reader(probe):
    """While the reader keeps up, one process may fill half of the ring at once, and nothing of it is lost."""
    probe.set_calls({RARE: RARELY})
    probe.set_pace(16 * RING)
    pid = run("for _ in range(14000): os.sched_get_priority_max(1)")
    found = [header for header in headers(probe) if header.pid == pid and header.kind == R.KIND_CALL]

    assert (14000, 0) == (len(found), probe.lost()["flood"])


@pytest.mark.parametrize("probe", [32 * RING], indirect=True)
def test_a_slow_reader(probe):
    """While it does not, a process gets a quarter of the ring at most, so that what others do is read soon."""
    probe.set_calls({RARE: RARELY})
    probe.set_pace(1)
    pid = run("for _ in range(14000): os.sched_get_priority_max(1)")
    found = [header for header in headers(probe) if header.pid == pid and header.kind == R.KIND_CALL]

    assert 14000 == len(found) + probe.lost()["flood"]
    assert 100 * len(found) < 8 * RING


@pytest.mark.parametrize("probe", [32 * RING], indirect=True)
def test_the_pace_is_measured(probe):
    """A reader that gets through less than is written is found to be slow; one that does not read at all is not."""
    probe.set_calls({RARE: RARELY})
    first = probe.pace
    rings = probe.feed.rings

    def is_slow():
        if rings.read(1):
            probe.feed.release(rings.position)
        return 0 < probe.pace < RING

    with subprocess.Popen(
        [sys.executable, "-ISc", "import os\nwhile True: os.sched_get_priority_max(1)"], env={}
    ) as child:
        try:
            wait_until(lambda: probe.lost()["flood"] > 0)
            stalled = probe.pace
            wait_until(is_slow, lambda: f"the pace is {probe.pace}")
        finally:
            child.kill()

    assert (0, 0) == (first, stalled)  # not measured


@pytest.mark.parametrize("probe", [32 * RING], indirect=True)
def test_a_reader_that_sleeps_is_not_slow(probe):
    """One that has read all of the last time can do more, though it sleeps and gives back a byte less."""
    probe.set_calls({RARE: RARELY})
    run("for _ in range(4000): os.sched_get_priority_max(1)")
    while probe.read():
        pass
    rings = probe.feed.rings
    soon = RING
    probe.set_measured(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 10**9, rings.position.calls, soon)
    rings.wait_for_next(0, 0)
    assert rings.asked
    run("for _ in range(4000): os.sched_get_priority_max(1)")

    assert 2 * soon | 1 == probe.pace


FORKS = "for _ in range(3000):\n    if os.fork() == 0: os._exit(0)\n    os.wait()"


@pytest.mark.parametrize("probe", [16 * RING], indirect=True)
def test_forks(probe):
    """Who makes processes, one after the other, does not cost those of others."""
    probe.set_options(Options(all_processes=True))
    probe.set_pace(1)
    flooding = run(f"os.setgid(65534); os.setuid(65534)\n{FORKS}")
    other = run(f"{AS_OTHER}\nif os.fork() == 0: os._exit(0)\nos.wait()")
    found = headers(probe)
    lost = probe.lost()

    assert {R.KIND_FORK, R.KIND_EXIT} <= {header.kind for header in found if header.pid == other}
    assert any(header.kind == R.KIND_FORK for header in found if header.pid == flooding)
    assert lost["flood"] > 1000
    assert 0 == lost["proc_ring_full"]


#: Each process makes one call, so that it gets room though its user and its cgroup have none.
SHORT = f"{AS_OTHER}\nwhile True:\n    if os.fork() == 0: os.sched_get_priority_max(1); os._exit(0)\n    os.wait()"
SPENT = struct.Struct("=QQ")


@pytest.mark.parametrize("probe", [(RING, 64 * RING)], indirect=True)
def test_many_short_processes(probe):
    """Groups whose processes come and go never owe more than the ring has, however long that goes on."""
    probe.set_calls({RARE: RARELY})
    probe.set_pace(RING // 4)
    integrity, owed, got = Integrity(probe), 0, 0
    with subprocess.Popen([sys.executable, "-ISc", f"import os\n{SHORT}"], env={}) as child:
        try:
            while got < 3 * RING:
                lost = probe.lost()["flood"]
                wait_until(lambda before=lost: probe.lost()["flood"] > before)
                got += sum(len(one) for one in probe.feed.rings.read(200) if parts.header(one).kind == R.KIND_CALL)
                probe.feed.release(probe.feed.rings.position)
                owed = max([owed, *(spent for _, (_, spent) in entries(probe, "groups_spent"))])
            found = list(integrity.check())
        finally:
            child.kill()

    assert 0 < owed < RING
    assert [] == found


def test_a_check_that_waits_for_a_processor(probe, monkeypatch):
    """What the kernel notes while the check of the budgets waits is not in the future, and what is is found."""
    probe.set_calls({RARE: RARELY})
    integrity, listed = Integrity(probe), probe.object.listed
    flood = f"{AS_OTHER}\nfor _ in range(3000): os.sched_get_priority_max(1)"

    def listed_late(map_fd, *sizes):
        if map_fd == probe.map_fd("processes_spent"):
            time.sleep(1.5)  # more than the check allows for
            run(flood)
        return listed(map_fd, *sizes)

    monkeypatch.setattr(probe.object, "listed", listed_late)
    run(flood)

    assert [] == list(integrity.check())
    assert any(entries(probe, "processes_spent"))

    later = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 10**12
    probe.object.update(probe.map_fd("processes_spent"), bytes(16), SPENT.pack(later, 1))
    [said] = Integrity(probe).check()

    assert said.startswith("entries of the map 'processes_spent' say that more was spent than anybody has (number: 1)")


def entries(probe, name):
    """Return keys of spent budgets, with as of when and how many bytes are spent."""
    return [(key, SPENT.unpack(value)) for key, value in probe.object.listed(probe.map_fd(name), 16, SPENT.size)]


#: Becomes 600 processes with long arguments, says so, and waits.
MANY = """
import signal
os.setgid(65534); os.setuid(65534)
for _ in range(600):
    if os.fork() == 0:
        signal.pause()
        os._exit(0)
print("there", flush=True)
sys.stdin.read()
os.killpg(0, signal.SIGKILL)
"""


@pytest.mark.parametrize("probe", [32 * RING], indirect=True)
def test_long_texts_that_are_kept(probe):
    """A user has a quota of the room for them; when processes end, others of that user have it again."""
    command = [sys.executable, "-ISc", f"import os, sys\n{MANY}", "x" * 1000]
    for _ in range(2):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, env={}, start_new_session=True, **pipes) as crowd:
            assert b"there\n" == crowd.stdout.readline()
            members = members_of(crowd.pid)
            found = images(probe)
            with subprocess.Popen(
                [sys.executable, "-ISc", "open(0).read()", "x" * 1000], env={}, stdin=subprocess.PIPE
            ) as other:
                wait_until(lambda: other.pid in images(probe), lambda: "the arguments of another user are not kept")
            crowd.stdin.close()
        wait_until(lambda gone=members: not gone & images(probe), lambda: "texts of ended processes are kept")

        assert 601 == len(members)
        assert 512 == len(members & found - {crowd.pid})  # that one has begun as root


def members_of(session):
    """Return the processes of a session."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[3]) == session:
                found.add(int(path.parent.name))
    return found


def images(probe):
    """Return the processes of which the kernel keeps long texts."""
    large = probe.map_fd("large_images")
    pids = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return {pid for pid in pids if probe.object.find(large, struct.pack("=I", pid), R.LARGE_IMAGE.size) is not None}
