"""The driver: what it collects and what not, what it counts, in which order it hands out, and how it fails."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from read_probe import ReadProbe

from falcohost.errors import SourceError
from falcohost_syscall.drivers.modern_ebpf import loading, probe, requirements
from falcohost_syscall.drivers.modern_ebpf.attach.functions import ENTRIES
from falcohost_syscall.drivers.modern_ebpf.forms import OBJECTS
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.kernel import given_types
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

# A call that nobody else on the machine makes.
RARE = R.CallSpec(1, 0)
BPF = Path(R.__file__).parents[1] / "bpf"
PLUGIN, CORE = Path(R.__file__).parents[2], Path(sys.modules["falcohost"].__path__[0]).parent


def calls(found, pid=None):
    """Return how many of the records are calls, of the process *pid* if it is given."""
    return sum(r.header.kind == R.KIND_CALL and pid in (None, r.header.pid) for r in found)


@pytest.mark.parametrize("image", sorted(OBJECTS.values()))
def test_programs(image):
    """The object for each processor has every program that the driver names."""
    loaded = Object(Library(), (BPF / image).read_bytes())
    names = [
        *probe._PROGRAMS,
        *loading.URING,
        *probe._LEFT_OUT.values(),
        *ENTRIES,
        "sys_exit",
        "dump_task",
    ]

    assert all(loaded.program(name) for name in names)
    loaded.close()


def test_set_calls(watched, openat):
    """A call is collected from when it is asked for until it is not, and counted."""
    script = "import os\nfor _ in range(10): os.sched_get_priority_max(1)"
    watched.read_all()
    before = watched.driver.counts().get(1, R.CallCount())
    watched.driver.set_calls({146: RARE})
    process = subprocess.Popen([sys.executable, "-ISc", script])
    found = watched.read_until_exit(process.pid)
    watched.driver.set_calls({})
    after = watched.driver.counts()[1]
    found += watched.read_all()

    assert 0 == process.wait()
    assert 10 == calls(found, process.pid)
    counted = calls(found)  # others may call it, too
    assert counted == after[1] - before[1] <= after[0] - before[0]
    assert 0 == calls(watched.python("for _ in range(10): os.sched_get_priority_max(1)"))


def test_own_calls(watched, openat):
    """The agent does not see its own calls, unless told to."""
    watched.driver.set_calls({146: RARE})
    watched.read_all()
    os.sched_get_priority_max(1)
    ignored = calls(watched.read_all(), os.getpid())
    watched.driver.observe(os.getpid())
    os.sched_get_priority_max(1)
    observed = calls(watched.read_all(), os.getpid())
    watched.driver.ignore(os.getpid())
    watched.driver.set_calls({})

    assert (0, 1) == (ignored, observed)


def test_children_of_an_ignored_process(watched):
    """Only the process itself is ignored, not what it forks, whatever that executes."""
    work = "for _ in range(10): os.sched_get_priority_max(1)"
    script = f"""
os.write(1, b"x")
os.read(0, 1)
if os.fork() == 0:
    {work}
    os.execv(sys.executable, [sys.executable, "-ISc", "import os\\n{work.replace("10", "7")}"])
os.wait()
{work}"""
    watched.driver.set_calls({146: RARE})
    child = subprocess.Popen(
        [sys.executable, "-ISc", f"import os, sys\n{script}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdout.read(1)
    watched.driver.ignore(child.pid)
    child.communicate(b"x")
    found = watched.read_family(child.pid)
    watched.driver.set_calls({})
    watched.driver.observe(child.pid)

    assert 10 + 7 == calls(found)
    assert 0 == child.returncode


def test_order(watched, openat):
    """Records of both rings come in the order of time, and no call before the fork of its process."""
    watched.driver.set_calls({146: RARE})
    script = "for _ in range(300):\n    if os.fork() == 0: os.sched_get_priority_max(1); os._exit(0)\n    os.wait()"
    found = [r for r in watched.python(script) if r.header.kind != R.KIND_CGROUP]
    watched.driver.set_calls({})
    forked = {
        R.FORKED.unpack(r.sections[R.SEC_FORK])[0]: i for i, r in enumerate(found) if r.header.kind == R.KIND_FORK
    }
    called = {r.header.pid: i for i, r in enumerate(found) if r.header.kind == R.KIND_CALL}
    ended = {r.header.pid: i for i, r in enumerate(found) if r.header.kind == R.KIND_EXIT}

    assert 300 == len(forked)
    assert all(forked[pid] < called[pid] < ended[pid] for pid in forked)


def test_more_calls_than_a_batch(watched, openat):
    """Process records newer than the last call of a batch wait, so no process ends before its calls are reported."""
    watched.driver.set_calls({146: RARE})
    watched.read_all()
    script = "import os\nfor _ in range(9000): os.sched_get_priority_max(1)"
    process = subprocess.Popen([sys.executable, "-ISc", script], env={})
    assert 0 == process.wait()
    batches = []
    while batch := watched.driver.read():
        batches.append(batch)
    watched.driver.set_calls({})
    times = [parts.header(record).ts for batch in batches for record in batch]

    assert len(batches) > 1
    headers = [parts.header(record) for batch in batches for record in batch]
    assert 9000 == sum(header.kind == R.KIND_CALL and header.pid == process.pid for header in headers)
    assert sorted(times) == times


WRITE, WRITEV = 1, 20
WRITES = {
    WRITE: R.CallSpec(WRITE, R.WANT_DATA, data_arg=1),
    WRITEV: R.CallSpec(WRITEV, R.WANT_IOV, data_arg=1),
}


@pytest.mark.parametrize("length", [1, 80, 81, 4095, 4096])
def test_snaplen(machine, openat, length):
    """As many bytes of the data that is written are sent as the setting says, from one buffer or from several."""
    with ReadProbe(LoadSettings(snaplen=length)) as driver:
        driver.set_calls(WRITES)
        script = (
            "for n in (1, 80, 4096, 9000): os.write(2, b'x' * n); os.writev(2, [b'y' * (n // 2), b'z' * (n - n // 2)])"
        )
        with subprocess.Popen([sys.executable, "-ISc", f"import os\n{script}"], stderr=subprocess.DEVNULL) as child:
            child.wait()
        found: dict[int, list[bytes]] = {}
        while batch := driver.read():
            for record in batch:
                if (header := parts.header(record)).pid == child.pid and header.kind == R.KIND_CALL:
                    found.setdefault(header.call, []).append(dict(parts.sections(record))[R.SEC_DATA])

        sizes = (1, 80, 4096, 9000)
        assert [(b"x" * n)[:length] for n in sizes] == found[WRITE]
        assert [(b"y" * (n // 2) + b"z" * (n - n // 2))[:length] for n in sizes] == found[WRITEV]


FLOODS = {
    "one process": "for _ in range(9000): os.sched_get_priority_max(1)",
    "many processes": """
for _ in range(15):
    if os.fork() == 0:
        for _ in range(600): os.sched_get_priority_max(1)
        os._exit(0)
    os.wait()""",
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_flood(machine, openat, flood):
    """Calls that find no room are counted, and cost no call of a process that makes few."""
    with ReadProbe(LoadSettings(ring_size=1 << 16)) as driver:
        driver.set_calls({146: RARE})
        driver.set_pace(1 << 15)
        for script in (flood, "os.setuid(61235); os.sched_get_priority_max(1)"):
            child = subprocess.Popen([sys.executable, "-ISc", f"import os\n{script}"], env={})
            child.wait()
        records = []
        while batch := driver.read():
            records += batch
        calls = [header for header in map(parts.header, records) if header.kind == R.KIND_CALL]
        lost = driver.lost()

        assert child.pid == calls[-1].pid
        assert 9001 == len(calls) + lost["flood"]
        assert lost["flood"] > 0
        assert 0 == lost["ring_full"]


def test_wrap(machine, openat):
    """Nothing is lost or torn while the ring turns many times."""
    with ReadProbe(LoadSettings(ring_size=1 << 16)) as driver:
        driver.set_calls({146: R.CallSpec(1, R.WANT_CWD)})
        script = "import os, time\nfor i in range(6000):\n    os.sched_get_priority_max(1)\n"
        script += "    if i % 50 == 0: time.sleep(0.002)"
        with subprocess.Popen([sys.executable, "-ISc", script], env={}, cwd="/usr/lib") as process:
            found = []
            while process.poll() is None:
                driver.wait(0.001)
                found += driver.read()
            while batch := driver.read():
                found += batch
        seen = [record for record in found if (h := parts.header(record)).kind == R.KIND_CALL and h.call == 1]

        assert 6000 == len(seen) + driver.lost()["flood"]
        assert {((R.SEC_CWD, b"/usr/lib"),)} == {tuple(parts.sections(record)) for record in seen}


def test_wake(watched, openat):
    """Waiting ends by itself when a ring fills."""
    watched.driver.set_calls({146: RARE})
    script = "import os\ninput()\nfor _ in range(9000): os.sched_get_priority_max(1)"
    with subprocess.Popen([sys.executable, "-ISc", script], env={}, stdin=subprocess.PIPE) as process:
        watched.read_all()
        started = time.monotonic()
        process.stdin.write(b"\n")
        process.stdin.close()
        watched.driver.wait(10)
        waited = time.monotonic() - started
        process.wait()
    watched.driver.set_calls({})

    assert waited < 5


def test_wake_of_one_who_sleeps(watched, openat):
    """A reader that has read all, and has asked for it, is woken for one record of either ring."""
    watched.driver.set_calls({146: RARE})
    rings = watched.driver.feed.rings
    script = "import os, sys, time\nsys.stdin.read()\nos.sched_get_priority_max(1)\ntime.sleep(1000)"
    with subprocess.Popen([sys.executable, "-ISc", script], env={}, stdin=subprocess.PIPE) as process:
        time.sleep(0.5)

        def awaited(cause, kind):
            """Return how long the reader sleeps until it has the child's record of a kind, which *cause* makes."""
            watched.read_all()
            rings.wait_for_next(0, 0)
            cause()
            started, found = time.monotonic(), []
            while not any(r.header.kind == kind and r.header.pid == process.pid for r in found):
                if time.monotonic() > started + 20:
                    break
                rings.wait_for_next(10, 10)
                found += watched.read_all()
            return time.monotonic() - started

        assert awaited(process.stdin.close, R.KIND_CALL) < 5
        assert awaited(process.kill, R.KIND_EXIT) < 5
    watched.driver.set_calls({})


def run_python(script):
    """Run a script with the source's packages in another process; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": f"{PLUGIN}:{CORE}"}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


LOAD = """
from falcohost.errors import SourceError
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
try:
    Probe().close()
except SourceError as error:
    print(error)
"""


def test_not_root(machine):
    """Without privileges one sentence says which, and how to get them."""
    done = run_python(f"import os, falcohost_syscall.drivers.modern_ebpf.probe; os.setuid(65534)\n{LOAD}")

    assert done.stdout.startswith("Loading the probe needs root, or the capabilities CAP_BPF and CAP_PERFMON")
    assert "" == done.stderr


def test_no_btf(monkeypatch, tmp_path):
    """Without BTF one sentence says so, with the drivers that do without."""
    monkeypatch.setattr(given_types, "OWN", tmp_path / "none")

    with pytest.raises(SourceError, match=r"has no BTF.* set engine\.kind to ebpf .* or kmod "):
        requirements.check()


def test_old_kernel(monkeypatch):
    """Too old a kernel is named, with the oldest that will do, and the drivers for older ones."""
    monkeypatch.setattr(requirements, "takes_none", lambda library: True)
    monkeypatch.setattr(requirements, "OLDEST_KERNELS", dict.fromkeys(requirements.OLDEST_KERNELS, "99.1"))

    with pytest.raises(
        SourceError, match=r"needs Linux 99\.1 or newer, this is .* set engine\.kind to ebpf .* or kmod "
    ):
        requirements.check()


def test_locked_down(monkeypatch, tmp_path):
    """A kernel that lets nobody read its memory is named, and with what to boot instead."""
    (tmp_path / "lockdown").write_text("none integrity [confidentiality]\n")
    monkeypatch.setattr(requirements, "LOCKDOWN", tmp_path / "lockdown")

    with pytest.raises(SourceError, match="boot with lockdown=integrity"):
        requirements.check()


def test_no_libbpf(monkeypatch):
    """Without libbpf the sentence names the package."""
    monkeypatch.setattr(requirements, "LIBRARY", "libnone.so.1")
    (problem,) = [r.problem for r in requirements.requirements() if r.what == "libbpf"]

    assert "apt install libbpf1" in problem


def test_refused(machine, monkeypatch):
    """When libbpf refuses the probe, its own words are in the error."""
    monkeypatch.setattr(loading, "image", lambda **form: b"not an object")

    with pytest.raises(SourceError, match="libbpf cannot open the probe") as caught:
        Probe()
    assert "libbpf: " in str(caught.value)


def test_nothing_left(machine):
    """Closing unloads everything."""
    gc.collect()
    before = open_files()
    Probe().close()

    assert not open_files() - before


def open_files() -> Counter[str]:
    """Return what this process has open; an earlier test's may be closed meanwhile, by a thread of its own."""
    return Counter(str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
