"""The probe's records of processes: fork, exec, exit, and processes that started before."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import wait_until
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.decoding.decoder import Decoder
from falcohost_syscall.events.event import Context
from falcohost_syscall.processes.containers import Containers
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.users import Users
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

#: The number of the call here.
EXEC = BY_NAME["execve"].numbers[platform.machine()][0]


def kinds(found, kind):
    """Return the records of a kind."""
    return [r for r in found if r.header.kind == kind]


def execed(record):
    """Return what an exec left behind."""
    return R.Execed._make(R.EXECED.unpack(record.sections[R.SEC_EXEC]))


def forked(record):
    """Return the child of a fork."""
    return R.Forked._make(R.FORKED.unpack(record.sections[R.SEC_FORK]))


def test_exec(watched, execve, tmp_path):
    """An exec has file name, executable, arguments, environment and working directory."""
    (tmp_path / "link").symlink_to("/bin/true")
    (record,) = kinds(watched.run("./link", "a b", "", cwd=tmp_path, env={"KEY": "value"}), R.KIND_EXEC)
    sections = record.sections

    assert (b"./link", b"./link\0a b\0\0", b"KEY=value\0") == (
        sections[R.SEC_FILENAME],
        sections[R.SEC_ARGS],
        sections[R.SEC_ENV],
    )
    assert os.path.realpath("/bin/true").encode() == sections[R.SEC_EXE]
    assert bytes(tmp_path) == sections[R.SEC_CWD]
    assert execve == record.header.call


def test_script(watched, tmp_path):
    """Of a script the file name is the script's, the executable its interpreter."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n:\n")
    script.chmod(0o755)
    (record,) = kinds(watched.run(script), R.KIND_EXEC)

    assert bytes(script) == record.sections[R.SEC_FILENAME]
    assert os.path.realpath("/bin/sh").encode() == record.sections[R.SEC_EXE]


def test_executable_facts(watched, tmp_path):
    """Inode and times of the executable are what stat(2) says, and so are session and group."""
    program = tmp_path / "program"
    program.write_bytes(Path(os.path.realpath("/bin/true")).read_bytes())
    program.chmod(0o755)
    (record,) = kinds(watched.run(program, start_new_session=True), R.KIND_EXEC)
    truth, facts = program.stat(), execed(record)

    assert (truth.st_ino, truth.st_ctime_ns, truth.st_mtime_ns) == (facts.exe_ino, facts.exe_ctime, facts.exe_mtime)
    assert (record.header.pid, record.header.pid) == (facts.sid, facts.pgid)


def test_not_writable(watched, tmp_path):
    """Who may not write to its executable is told from who may."""
    script = "os.setgid(65534); os.setuid(65534); os.execv('/bin/true', ['true'])"
    found = kinds(watched.python(script, env={}), R.KIND_EXEC)

    assert [R.EXE_WRITABLE, 0] == [execed(record).exe_flags & R.EXE_WRITABLE for record in found]
    assert [0, 65534] == [record.header.uid for record in found]
    assert 0 == found[1].header.caps


def test_long_arguments(watched):
    """Arguments and environment beyond 4096 bytes come in records of their own, before that of the exec."""
    environment = {"NAME": "y" * 9000}
    found = watched.run("/bin/true", "x" * 100_000, env=environment)
    (record,) = kinds(found, R.KIND_EXEC)
    arguments, variables = more_of(found, R.SEC_MORE_ARGS), more_of(found, R.SEC_MORE_ENV)

    assert b"/bin/true\0" + b"x" * 100_000 + b"\0" == record.sections[R.SEC_ARGS] + arguments
    assert b"NAME=" + b"y" * 9000 + b"\0" == record.sections[R.SEC_ENV] + variables
    assert (100_011, 9006) == (execed(record).args_size, execed(record).env_size)
    assert {(record.header.ts, 100_011), (record.header.ts, 9006)} == {
        (more.header.arg0, more.header.arg2) for more in kinds(found, R.KIND_MORE)
    }
    assert found.index(record) > max(found.index(more) for more in kinds(found, R.KIND_MORE))


def more_of(records, tag):
    """Return all that was sent of one text behind its beginning; each record says where it begins."""
    text = b""
    for more in kinds(records, R.KIND_MORE):
        if tag in more.more:
            assert R.CHUNK + len(text) == more.header.arg1
            text += more.more[tag]
    return text


def test_arguments_that_are_too_long(watched):
    """128 KiB of them are sent."""
    found = watched.run("/bin/true", *["x" * 100_000] * 3)
    (record,) = kinds(found, R.KIND_EXEC)

    assert 300_013 == execed(record).args_size
    assert (128 << 10) - R.CHUNK == len(more_of(found, R.SEC_MORE_ARGS))


def test_many_arguments_of_an_exec_that_fails(watched):
    """Of an exec that fails the record says whether all arguments are there."""
    script = """
for count in (5, 500):
    try: os.execv("/nowhere", ["nowhere", *["x"] * count])
    except OSError: pass"""
    watched.driver.set_calls({EXEC: R.CallSpec(9, R.WANT_PATH | R.WANT_FAILED_ONLY, path_arg=0)})
    found = [r for r in watched.python(script) if r.sections.get(R.SEC_PATH) == b"/nowhere"]
    watched.driver.set_calls({})

    assert [0, R.FLAG_CUT] == [record.header.flags & R.FLAG_CUT for record in found]


def test_execveat(watched, execve, tmp_path):
    """An exec of a descriptor is an execve, as in Falco, and its executable is known all the same."""
    script = "os.execve(os.open('/bin/true', os.O_RDONLY), ['true'], {})"
    record = kinds(watched.python(script), R.KIND_EXEC)[-1]

    assert execve == record.header.call
    assert record.sections[R.SEC_FILENAME].startswith(b"/dev/fd/")
    assert os.path.realpath("/bin/true").encode() == record.sections[R.SEC_EXE]


def test_memfd(watched):
    """A program that runs from memory is told by its flag and its name."""
    script = "fd = os.memfd_create('hidden', 0); os.write(fd, open('/bin/true', 'rb').read()); "
    script += "os.execve(fd, ['true'], {})"
    record = kinds(watched.python(script), R.KIND_EXEC)[-1]

    assert R.EXE_FROM_MEMFD == execed(record).exe_flags & R.EXE_FROM_MEMFD
    assert b"memfd:hidden" == record.sections[R.SEC_EXE]


@pytest.mark.parametrize(
    ("kind", "folder", "expected"),
    [("tmpfs", "/mnt", True), ("ramfs", "/opt", True), ("tmpfs", "/tmp", False), ("tmpfs", "/var/tmp", False)],
)
def test_in_tmpfs(watched, kind, folder, expected):
    """A program in a tmpfs or ramfs is told by a flag, unless that is mounted where such file systems usually are."""
    command = f"mount -t {kind} none {folder} && cp /bin/true {folder}/x && exec {folder}/x"
    record = kinds(watched.run("unshare", "-m", "sh", "-c", command), R.KIND_EXEC)[-1]

    assert f"{folder}/x".encode() == record.sections[R.SEC_EXE]
    assert expected is bool(execed(record).exe_flags & R.EXE_FROM_TMPFS)


@pytest.mark.parametrize(
    ("folder", "deep", "expected"),
    [("/tmp", 2, False), ("/tmp", 3, False), ("/tmp", 4, True), ("/var/tmp", 2, False), ("/mnt", 2, True)],
)
def test_in_tmpfs_over_another(watched, folder, deep, expected):
    """A tmpfs over another one is where the lowest is mounted, as far as they are followed."""
    mounts = map(str.split, Path("/proc/self/mountinfo").read_text().splitlines())
    there = sum(line[4] == folder and "tmpfs" in line for line in mounts)  # in a guest
    command = f"mount -t tmpfs none {folder} && " * (deep - there) + f"cp /bin/true {folder}/x && exec {folder}/x"
    record = kinds(watched.run("unshare", "-m", "sh", "-c", command), R.KIND_EXEC)[-1]

    assert f"{folder}/x".encode() == record.sections[R.SEC_EXE]
    assert expected is bool(execed(record).exe_flags & R.EXE_FROM_TMPFS)


def test_in_tmpfs_below_another(watched):
    """A tmpfs that is called tmp counts where it is in no root directory."""
    command = "mount -t tmpfs none /mnt && mkdir /mnt/tmp && mount -t tmpfs none /mnt/tmp"
    command += " && cp /bin/true /mnt/tmp/x && exec /mnt/tmp/x"
    record = kinds(watched.run("unshare", "-m", "sh", "-c", command), R.KIND_EXEC)[-1]

    assert b"/mnt/tmp/x" == record.sections[R.SEC_EXE]
    assert R.EXE_FROM_TMPFS == execed(record).exe_flags & R.EXE_FROM_TMPFS


def test_not_in_tmpfs(watched):
    """Programs on disks and memfds are in no tmpfs, and that is known."""
    script = "fd = os.memfd_create('hidden', 0); os.write(fd, open('/bin/true', 'rb').read()); os.execve(fd, ['x'], {})"
    python, memory = kinds(watched.python(script), R.KIND_EXEC)[-2:]

    assert R.EXE_PLACE_KNOWN == execed(python).exe_flags & (R.EXE_PLACE_KNOWN | R.EXE_FROM_TMPFS)
    assert R.EXE_PLACE_KNOWN == execed(memory).exe_flags & (R.EXE_PLACE_KNOWN | R.EXE_FROM_TMPFS)


def test_failed_exec(watched, openat):
    """An exec that fails is a call with its path and arguments; one that succeeds is not reported twice."""
    watched.driver.set_calls({EXEC: R.CallSpec(9, R.WANT_PATH | R.WANT_FAILED_ONLY, path_arg=0)})
    script = "try: os.execv('/none', ['none', 'a b', ''])\nexcept OSError: pass\nos.execv('/bin/true', ['true'])"
    found = watched.python(script, env={})
    (record,) = [r for r in kinds(found, R.KIND_CALL) if r.sections[R.SEC_PATH] == b"/none"]
    watched.driver.set_calls({})

    assert (-2, b"none\0a b\0\0") == (record.header.ret, record.sections[R.SEC_ARGS])
    assert 2 == len(kinds(found, R.KIND_EXEC))


def test_exec_by_thread(watched, c_program):
    """A thread that calls exec becomes the process: the pid stays, and the record has the tid that called."""
    program = c_program("""
        #include <pthread.h>
        #include <unistd.h>
        static void *run(void *p) { execl("/bin/true", "true", (char *)0); return 0; }
        int main(void) { pthread_t t; pthread_create(&t, 0, run, 0); pthread_join(t, 0); return 1; }""")
    found = watched.run(program)
    (fork,) = kinds(found, R.KIND_FORK)
    record = kinds(found, R.KIND_EXEC)[-1]

    assert R.FLAG_NEWTHREAD == fork.header.flags
    assert forked(fork).tid == record.header.arg0
    assert record.header.pid == record.header.tid == forked(fork).pid


@pytest.mark.parametrize(
    "how", ["fork()", "vfork()", "syscall(SYS_clone3, &(struct clone_args){.exit_signal = 17}, 64)"]
)
def test_fork(watched, c_program, how):
    """Each way to make a process gives its ids, start and parent."""
    program = c_program(f"""
        #include <unistd.h>
        #include <linux/sched.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        int main(void) {{ if (({how}) == 0) _exit(3); wait(0); return 0; }}""")
    found = watched.run(program)
    (fork,) = kinds(found, R.KIND_FORK)
    child = forked(fork)
    end = next(r for r in kinds(found, R.KIND_EXIT) if r.header.pid == child.pid)

    assert (fork.header.pid, child.pid) == (child.ppid, child.tid)
    assert (child.start, 3 << 8, 1) == (end.header.start, end.header.arg0, end.header.arg1)


def test_sibling(watched, c_program):
    """A child made with CLONE_PARENT has its maker's parent."""
    program = c_program("""
        #include <unistd.h>
        #include <linux/sched.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        int main(void) {
            if (fork() == 0) {
                syscall(SYS_clone, CLONE_PARENT | 17, 0, 0, 0, 0);
                _exit(0);
            }
            wait(0); wait(0); return 0; }""")
    first, second = kinds(watched.run(program), R.KIND_FORK)

    assert first.header.pid == forked(second).ppid
    assert forked(first).pid == second.header.pid


def test_signal(watched):
    """A process that a signal ended has the signal in its exit code."""
    found = watched.run("sh", "-c", "sh -c 'kill -9 $$'; true")
    codes = [r.header.arg0 for r in kinds(found, R.KIND_EXIT) if r.header.arg1]

    assert 9 in codes


def test_threads_end(watched):
    """Only the last thread of a process ends it."""
    script = "import threading\nt = threading.Thread(target=lambda: None); t.start(); t.join()"

    assert [0, 1] == [r.header.arg1 for r in kinds(watched.python(script), R.KIND_EXIT)]


def test_reaper(watched):
    """The end of a process says who gets its children: the nearest ancestor that asked for them."""
    script = "import ctypes, time\nctypes.CDLL(None).prctl(36, 1)\n"  # PR_SET_CHILD_SUBREAPER
    script += "if os.fork() == 0:\n    middle = os.getpid()\n    if os.fork() == 0:\n"
    script += "        while os.getppid() == middle: time.sleep(0.01)\n    os._exit(0)\n"
    script += "os.wait(); os.wait()"
    found = watched.python(script, env={})
    top, middle = kinds(found, R.KIND_FORK)
    end = next(r for r in kinds(found, R.KIND_EXIT) if r.header.pid == middle.header.pid)
    grandchild_end = next(r for r in kinds(found, R.KIND_EXIT) if r.header.pid == forked(middle).pid)

    assert top.header.pid == end.header.arg2
    assert top.header.pid == grandchild_end.header.ppid


def test_pid_namespace(watched):
    """In a pid namespace of its own a process has both its numbers, and the start of its init."""
    found = watched.run("unshare", "-pf", "sh", "-c", "/bin/true; :")
    record = kinds(found, R.KIND_EXEC)[-1]
    init = kinds(found, R.KIND_EXEC)[-2]

    assert (1, 2) == (init.header.vpid, record.header.vpid)
    assert record.header.vpid != record.header.pid
    assert init.header.start == execed(record).pidns_start


def test_cgroup(watched, tmp_path):
    """The paths of a cgroup come before the first record of a process in it, every hierarchy with its name."""
    top = next(
        (p for p in map(Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/pids")) if os.access(p / "cgroup.procs", os.W_OK)),
        None,
    )
    if top is None:
        skip_or_fail("bpf", "no cgroup can be made below /sys/fs/cgroup")
    name = secrets.token_hex(32)
    group = top / "docker" / name
    group.mkdir(parents=True)
    try:
        found = watched.run("sh", "-c", f"echo $$ > {group}/cgroup.procs; exec cat /proc/self/cgroup")
        record = kinds(found, R.KIND_EXEC)[-1]
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()
        with contextlib.suppress(OSError):  # another test may have its own group there
            group.parent.rmdir()
    announced = [r for r in kinds(found, R.KIND_CGROUP) if r.header.cgroup == record.header.cgroup]

    assert found.index(announced[0]) < found.index(record)
    assert any(path.endswith(f"=/docker/{name}".encode()) for path in announced[0].cgroups), announced[0].cgroups


def test_running_processes(watched):
    """Processes that ran before are told like an exec, kernel threads included, threads not."""
    with subprocess.Popen([sys.executable, "-Sc", "input()"], stdin=subprocess.PIPE, cwd="/usr") as process:
        tasks = {parts.header(record).pid: record for record in watched.driver.tasks_listed()}
        process.communicate(b"\n")
    sections = dict(parts.sections(tasks[process.pid]))
    numbers = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}

    assert os.path.realpath(sys.executable).encode() == sections[R.SEC_EXE]
    assert b"/usr" == sections[R.SEC_CWD]
    assert os.getpid() == parts.header(tasks[process.pid]).ppid
    # Some sandboxes keep their init from BPF.
    assert numbers - tasks.keys() - {1} <= {number for number in numbers if number > process.pid}


def test_many_running_processes(watched):
    """Each gets its own arguments, and of which container a cgroup is is asked once, however many are in it."""
    keys = []

    class Learning(Containers):
        def learn(self, key, cgroups):
            keys.append(key)
            super().learn(key, cgroups)

    table = LiveProcesses()
    with contextlib.ExitStack() as stack:
        command = [sys.executable, "-ISc", "print(flush=True); input()"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        made = [stack.enter_context(subprocess.Popen([*command, str(n)], **pipes)) for n in range(40)]
        for process in made:
            process.stdout.readline()  # before it has its arguments, the exec is seen to have succeeded
        decoder = Decoder(Context(table, Users(), Learning()), table)
        decoder.list_tasks(watched.driver.tasks_listed(), all_processes=True)
        for process in made:
            process.stdin.write(b"\n")
    listed = [table.processes[process.pid] for process in made]

    assert [str(n) for n in range(40)] == [process.image.argv[-1] for process in listed]
    assert [1] == [keys.count(key) for key in {process.cgroup for process in listed}]


def test_start_time(watched):
    """The start of a process is the one in /proc/PID/stat."""
    tasks = {parts.header(record).pid: parts.header(record) for record in watched.driver.tasks_listed()}
    truth = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])

    assert truth == tasks[os.getpid()].start * os.sysconf("SC_CLK_TCK") // 10**9
