"""Process context on this machine's kernel: nothing of processes that no rule wants, everything of the others."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from falcohost.engine import ir
from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_condition
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.records.record import EXE_ENTERED
from falcohost_syscall.source import SyscallSource

CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
GET: dict[str, Any] = {field.name: field.get for field in FIELDS}
#: Others have nothing to do with these.
MARK = f"/tmp/falcohost-context-{os.getpid()}"
WANTED = f"wanted{os.getpid()}"
OPEN = f"evt.type = openat and fd.name = {MARK}"
#: Says that nothing of what came before is still to be read.
END = f"{MARK}-end"
LAST = f"evt.type = openat and fd.name = {END}"

#: Forks, execs and ends so fast that nobody can look it up in /proc: the event is read later.
QUICK = f"""
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
int main(int argc, char **argv)
{{
    if (strcmp(argv[0], "mark") == 0) {{
        close(open("{MARK}", O_RDONLY));
        _exit(0);
    }}
    for (int i = 0; i < atoi(argv[1]); i++) {{
        if (fork() == 0) {{ execl(argv[0], "mark", argv[2], argv[3], (char *)0); _exit(1); }}
        wait(0);
    }}
    return 0;
}}
"""


def plan(text: str, *fields: str) -> Plan:
    """Return the plan of one rule with this condition, whose output has these *fields*."""
    expr = check(parse(text), CATALOG).expr
    read = {ref.field.name for ref in ir.fields(expr)}
    return Plan("syscall", event_types(expr, frozenset(BY_NAME)), frozenset({*read, *fields}), condition=expr)


class Watched:
    """The source for one rule, and what the rule matches; see ``Sources`` for *anew*."""

    def __init__(self, sources: Any, text: str, *names: str, anew: bool = False) -> None:
        rule = plan(text).condition
        assert rule is not None
        self._matches = compile_condition(rule)
        self.source: SyscallSource = sources.open(plan(f"({text}) or ({LAST})", *names), anew=anew)

    def read(self, fact: Callable[[SyscallEvent], Any], every: bool = False) -> list[Any]:
        """Return what *fact* says of each event so far that matches, or of *every* one that came, at its moment."""
        subprocess.run(["sh", "-c", ': < "$0"', END], check=True)
        found, ended = [], False
        for batch in self.source.batches():
            for event in batch.events:
                ended = ended or event.fdpath == END
                if every or self._matches(event):
                    found.append(fact(event))
            if ended:
                return found
        raise AssertionError("the source has ended")


@pytest.fixture
def watch(sources) -> Callable[..., Watched]:
    """Return a function that opens the source for one rule, whose output has some fields."""
    return functools.partial(Watched, sources)


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> Path:
    """Return a program that starts itself so often (first argument), and each time opens the marked file."""
    folder = tmp_path_factory.mktemp("quick")
    (folder / "quick.c").write_text(QUICK)
    subprocess.run(["gcc", "-O1", "-static", "-o", folder / "quick", folder / "quick.c"], check=True)
    return folder / "quick"


@pytest.fixture(scope="module", autouse=True)
def mark() -> Iterator[None]:
    """Make the marked file, and the last one."""
    for name in (MARK, END):
        Path(name).touch()
    yield
    for name in (MARK, END):
        Path(name).unlink()


def fields(*names: str) -> Callable[[SyscallEvent], tuple[Any, ...]]:
    """Return a function for :meth:`Watched.read`: the values of fields."""
    return lambda event: tuple(GET[name](event, None) for name in names)


def test_nothing_of_what_no_rule_wants(watch, quick):
    """Processes that come and go cost user space not one record (there is the end of some that ran before)."""
    watched = watch("evt.type = openat and fd.name = /nowhere", anew=True)
    subprocess.run([quick, "1000", "x"], check=True)
    watched.read(lambda event: None)

    assert watched.source.stats().received < 200
    assert {} == {name: count for name, count in watched.source.stats().dropped.items() if count}


def test_short_lives(watch, quick):
    """A process that was over before its event was read has its name, command line and parents all the same."""
    names = ("proc.name", "proc.cmdline", "proc.exepath", "proc.pname", "proc.pcmdline", "proc.exe")
    watched = watch(OPEN, *names)
    subprocess.run([quick, "50", "a b", "c"], check=True)
    found = watched.read(fields(*names))

    assert [("quick", "quick a b c", str(quick), "quick", "quick 50 a b c", "mark")] * 50 == found


def test_long_texts(watch, quick, tmp_path):
    """Arguments and paths that are too long for what is kept of every process are whole."""
    deep = tmp_path.joinpath(*("d" * 60 for _ in range(6)))
    deep.mkdir(parents=True)
    program = deep / "quick"
    program.write_bytes(quick.read_bytes())
    program.chmod(0o755)
    watched = watch(OPEN, "proc.args", "proc.exepath")
    subprocess.run([program, "1", "x" * 3000, "y"], check=True)

    assert [("x" * 3000 + " y", str(program))] == watched.read(fields("proc.args", "proc.exepath"))


def test_environment(watch, quick):
    """The environment is told where a rule asks for it, also of a process that is over."""
    watched = watch(OPEN, "proc.env")
    subprocess.run([quick, "1", "x"], check=True, env={"KEY": "1"})

    assert [("KEY=1",)] == watched.read(fields("proc.env"))


def test_execs_are_filtered(watch, quick):
    """Of many execs those pass that the rule wants; the others are counted as left out."""
    condition = f"evt.type = execve and proc.name = quick and proc.args contains {WANTED} and proc.pname = quick"
    watched = watch(condition, anew=True)
    subprocess.run([quick, "20", "other"], check=True)
    subprocess.run([quick, "5", WANTED], check=True)
    subprocess.run(["true"], check=True)
    found = watched.read(fields("evt.type", "proc.name", "proc.cmdline", "proc.pcmdline"), every=True)

    execs = [lines for call, name, *lines in found if (call, name) == ("execve", "quick")]
    assert [[f"quick {WANTED}", f"quick 5 {WANTED}"]] * 5 == execs
    assert watched.source.stats().types["execve"].filtered >= 22


def test_ends_are_filtered(watch, quick):
    """So it is with the ends of processes."""
    watched = watch(f"evt.type = procexit and proc.name = quick and proc.args = {WANTED}")
    subprocess.run([quick, "20", "other"], check=True)
    subprocess.run([quick, "5", WANTED], check=True)
    found = watched.read(fields("proc.cmdline", "proc.pname"))

    assert [(f"quick {WANTED}", "quick")] * 5 == found


def test_ends_of_those_that_were_told(watch, quick):
    """Of whom user space was told, it is told the end: the table does not grow."""
    watched = watch(OPEN)
    before = len(watched.source.driver.context.table)
    subprocess.run([quick, "300", "x"], check=True)

    assert 300 == len(watched.read(fields("proc.name")))
    assert len(watched.source.driver.context.table) < before + 20


def script(text: str) -> list[str]:
    """Return the command line of a Python script."""
    return [sys.executable, "-ISc", f"import os, time\n{text}"]


def test_new_parent(watch):
    """A process whose parent has ended has its new parent, without a word about the old one's end."""
    watched = watch(OPEN, "proc.ppid")
    lines = f"""
        parent, (asked, asks) = os.getpid(), os.pipe()
        if os.fork() == 0:
            os.close(os.open('{MARK}', 0))
            os.write(asks, b'x')
            while os.getppid() == parent: time.sleep(0.01)
            os.close(os.open('{MARK}', 0))
            print(parent, os.getppid())
        else:
            os.read(asked, 1)
        """
    text = "\n".join(line[8:] for line in lines.splitlines())
    old, new = map(int, subprocess.run(script(text), check=True, capture_output=True, text=True).stdout.split())

    assert [(old,), (new,)] == watched.read(fields("proc.ppid"))


def test_session_and_directory(watch):
    """Changes by setsid, setpgid and chdir are seen at the next event, though none of these calls is collected."""
    names = ("proc.sid", "proc.pgid", "proc.cwd")
    watched = watch(OPEN, *names, anew=True)
    opened = f"os.close(os.open('{MARK}', 0))\n"
    text = f"{opened}os.chdir('/usr/bin')\n{opened}os.setsid()\n{opened}os.chdir('/')\n{opened}print(os.getpid())"
    pid = int(subprocess.run(script(text), check=True, capture_output=True, text=True, cwd="/usr").stdout)
    found = watched.read(fields(*names))

    assert ["/usr/", "/usr/bin/", "/usr/bin/", "/"] == [cwd for _, _, cwd in found]
    assert [pid, pid] == [sid for sid, _, _ in found[2:]]
    assert pid not in {sid for sid, _, _ in found[:2]}
    assert [pid, pid] == [pgid for _, pgid, _ in found[2:]]
    assert {"openat"} == set(watched.source.stats().types)


def test_leader_that_is_no_ancestor(watch, quick):
    """The leader of the process group is told of, though the event is not its own and it is no ancestor."""
    watched = watch(OPEN, "proc.vpgid.name")
    text = f"""
first = os.fork()
if first == 0:
    os.setpgid(0, 0)
    os.execv("/bin/sleep", ["sleep", "60"])
while open(f"/proc/{{first}}/comm").read() != "sleep\\n":
    time.sleep(0.01)
second = os.fork()
if second == 0:
    os.setpgid(0, first)
    os.execv("{quick}", ["mark"])
os.waitpid(second, 0)
os.kill(first, 9)
"""
    subprocess.run(script(text), check=True)

    assert [("sleep",)] == watched.read(fields("proc.vpgid.name"))


def test_exec_by_thread(watch, tmp_path):
    """A process of which another thread has executed something is what it runs now, and is forgotten at its end."""
    (tmp_path / "thread.c").write_text(f"""
        #include <fcntl.h>
        #include <pthread.h>
        #include <unistd.h>
        static char *self;
        static void *run(void *p) {{ execl(self, "again", "x", (char *)0); return 0; }}
        int main(int argc, char **argv) {{
            pthread_t t;
            self = argv[0];
            close(open("{MARK}", O_RDONLY));
            if (argc == 2) return 0;
            self = "/proc/self/exe";
            pthread_create(&t, 0, run, 0); pthread_join(t, 0); return 1; }}""")
    subprocess.run(["gcc", "-w", "-pthread", "-o", tmp_path / "thread", tmp_path / "thread.c"], check=True)
    watched = watch(OPEN, "proc.args")
    before = len(watched.source.driver.context.table)
    process = subprocess.Popen([tmp_path / "thread"])
    assert process.wait() == 0

    assert [("thread", ""), ("exe", "x")] == watched.read(fields("proc.name", "proc.args"))
    assert process.pid not in watched.source.driver.context.table.processes
    assert len(watched.source.driver.context.table) <= before + 10


def test_who_entered_a_pid_namespace(watch):
    """Who came from outside is marked: not the first process, nor what others start, not even in a namespace below."""
    watched = watch(OPEN)
    look = f"read x < {MARK}; :"
    below = f"unshare -p sh -c 'sleep 100 & sh -c \"$0\" below; kill $!' '{look}'"
    with subprocess.Popen(
        ["unshare", "-p", "-f", "sh", "-c", f"{look}; echo; sleep 1000; :", "first"], stdout=-1
    ) as one:
        assert one.stdout is not None and one.stdout.readline()
        pid = Path(f"/proc/{one.pid}/task/{one.pid}/children").read_text().strip()
        inside = f"{look}; sh -c '{look}' child; {below}"
        subprocess.run(["nsenter", "-t", pid, "-p", "sh", "-c", inside, "entered"], check=True)
        os.kill(int(pid), signal.SIGKILL)

    found = watched.read(lambda event: (event.proc.argv()[-1], bool(event.proc.image.exe_flags & EXE_ENTERED)))
    assert [("first", False), ("entered", True), ("child", False), ("below", False)] == found
