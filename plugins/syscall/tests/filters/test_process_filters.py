"""Filters about processes under the real probe: what the kernel is asked is what the fields say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from watching import plan

from falcohost_syscall.fields.of_process import ancestor
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.records.record import ARGS_KEPT, EXE_KEPT

#: What is longer cannot be written in a rule.
LONGEST = 255
GET = {field.name: field.get for field in FIELDS}
#: Others have nothing to do with it.
MARK = f"/tmp/falcohost-processes-{os.getpid()}"
OPEN = f"evt.type = openat and fd.name = {MARK}"
#: Says that nothing of what came before is still to be read.
END = f"{MARK}-end"
ENDING = f"evt.type = openat and fd.name = {END}"
SCRIPT = f'import os; os.open("{MARK}", os.O_CREAT)'
TEXTS = [
    *("proc.name", "proc.exe", "proc.exepath", "proc.args", "proc.cmdline", "proc.pname", "proc.pexe", "proc.pexepath"),
    *("proc.pcmdline", "proc.aname[1]", "proc.aname[2]", "proc.aname[3]", "proc.aexepath[1]"),
    *("proc.aexepath[2]", "proc.aexe[3]", "proc.acmdline[2]", "proc.aargs[4]"),
]
NUMBERS = ["proc.tty", "user.loginuid", "proc.apid[2]", "proc.apid[3]"]


def command(*arguments: str, argv0: str = sys.executable) -> list[str]:
    """Return a command line under which a shell starts a program that opens the marked file."""
    return ["bash", "-c", 'exec -a "$0" "$@" & wait', argv0, sys.executable, "-ISc", SCRIPT, *arguments]


COMMANDS = {
    "plain": command(),
    "blanks": command("a b", "", " c", argv0="two words"),
    "empty": command("", argv0=""),
    "utf-8": command("é", argv0="ü"),
    "longer": command("x" * 30),
}


#: Runs what it is given, as a list, for each line.
STARTER = "import json, subprocess, sys; [print(subprocess.call(json.loads(line)), flush=True) for line in sys.stdin]"


class Starter:
    """Runs command lines from a process that was there before the probe, as its ancestors were.

    What somebody else's processes do while a probe begins may have it meet their ancestors before it is told what these
    are; it then does not know that as long as they live, and filters let pass what depends on it. So those of this one
    have no other children.
    """

    def __init__(self) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        env = os.environ | {"PYTHON": sys.executable, "STARTER": STARTER, "INNER": '"$PYTHON" -ISc "$STARTER"; exit'}
        self._process = subprocess.Popen(["bash", "-c", 'bash -c "$INNER"; exit'], text=True, env=env, **pipes)
        self.run(["true"])

    def run(self, command: list[str]) -> None:
        """Run a command line, and wait for its end."""
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "0\n"

    def end(self) -> None:
        """End."""
        self._process.communicate()


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    """Return a process that starts others."""
    starter = Starter()
    yield starter
    starter.end()


def marked(source):
    """Return what fields say, at its moment, of each event so far that opens the marked file."""
    subprocess.run(["bash", "-c", ': > "$0"', END], check=True)
    found = []
    for batch in source.batches():
        for event in batch.events:
            if event.fdpath == END:
                return found
            if event.fdpath == MARK:
                told = {field: value(event, field) for field in (*TEXTS, *NUMBERS) if is_told(event, field)}
                found.append({field: said for field, said in told.items() if len(str(said).encode()) <= LONGEST})
    raise AssertionError("the source has ended")


def is_told(event, name):
    """Return whether the kernel keeps what a field says: whoever started the tests may have a longer command line."""
    generation = int(name[:-1].partition("[")[2]) if "[" in name else int(name.startswith("proc.p"))
    image = ancestor(event.proc, generation).image
    return len(image.args_raw) <= ARGS_KEPT and len(image.exepath_raw) <= EXE_KEPT


def value(event, name):
    """Return what a field says."""
    name, _, rest = name.partition("[")
    return GET[name](event, int(rest[:-1]) if rest else None)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_asked_is_what_fields_say(starter, watch, name):
    """Events pass filters that name the values of their fields, and do not pass filters that exclude them."""
    source = watch(f"{OPEN} or {ENDING}", *TEXTS, *NUMBERS)
    starter.run(COMMANDS[name])
    (truth,) = marked(source)
    assert {*TEXTS, *NUMBERS} == truth.keys()
    checks = [
        f"{field} = '{found}'" if isinstance(found, str) else f"{field} = {found}" for field, found in truth.items()
    ]

    source.update(plan(f"{OPEN} and {' and '.join(checks)} or {ENDING}"))
    starter.run(COMMANDS[name])
    assert [truth] == marked(source)
    for check in checks:
        source.update(plan(f"{OPEN} and not {check} or {ENDING}"))
        starter.run(COMMANDS[name])
        assert [] == marked(source), check


def test_begin_of_arguments_that_are_too_many(watch):
    """Of those the kernel knows how they begin; what that does not tell, passes."""
    passed = {
        "proc.args startswith '-ISc import'": True,
        "proc.cmdline startswith 'python' and proc.cmdline glob 'python*'": True,
        "proc.args exists": True,
        "proc.args contains nowhere": True,
        f"proc.args startswith '-ISc {SCRIPT} {'x' * 100}'": True,
        "proc.args startswith '-ISx'": False,
        "proc.args in (-ISc, python)": False,
        "not proc.args startswith '-ISc import'": False,
        "not proc.args exists": False,
        "proc.exe startswith /nowhere": False,
    }
    source = watch(f"{OPEN} or {ENDING}", *TEXTS)
    for check, expected in passed.items():
        source.update(plan(f"{OPEN} and {check} or {ENDING}"))
        subprocess.run(command("x" * 600), check=True)
        assert len(marked(source)) == expected, check
