"""``falcohost inspect FILE.scap``: events of a capture as a table, JSON, tree, story and counts."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import subprocess
import sys

import pytest
from workload import captures

SHELL = captures.block(captures.PROCESSES, captures.thread(7, 7, 1, b"bash", exe=b"bash"))


@pytest.fixture
def work(root, home):
    """Return the capture of the documentation's examples: a shell fetches a program and runs it."""
    spec = importlib.util.spec_from_file_location("example_capture", root / "docs" / "example_capture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = home.folder / "work.scap"
    module.make(path)
    return str(path)


@pytest.fixture
def written(home):
    """Return a function that writes a capture of these blocks, and returns its path."""

    def written(*blocks):
        path = home.folder / "made ${x}.scap"
        path.write_bytes(captures.section() + SHELL + b"".join(blocks))
        return str(path)

    return written


@pytest.fixture
def inspected(falcohost):
    """Return a function that inspects a capture, and returns the lines that are printed."""

    def inspected(*arguments, **variables):
        done = falcohost("inspect", *arguments, **variables)
        assert (0, "") == (done.returncode, done.stderr)
        return done.stdout.splitlines()

    return inspected


def test_a_table(inspected, work):
    """Without options all events are a table; the head has the names of its fields."""
    head, *rows = inspected(work)

    assert ["evt.num", "evt.time", "proc.name", "thread.tid", "evt.type", "evt.args"] == head.split()
    assert 20 == len(rows)
    assert ["4", "22:13:20.004500000", "curl", "1201", "socket"] == rows[3].split()[:5]


def test_fields_and_filter(inspected, work):
    """--fields chooses the columns, the filter the events; its words need not be one argument."""
    assert ["proc.name  fd.name", "tool       /etc/passwd"] == inspected(
        work, "--fields", "proc.name,fd.name", "evt.type", "=", "read", "and", "fd.name", "startswith", "/etc"
    )


def test_a_field_with_a_comma_in_its_argument(inspected, work):
    """A comma in brackets is a part of the argument."""
    assert ["proc.env[a,b]  evt.num", "               1"] == [
        line.rstrip() for line in inspected(work, "-f", "proc.env[a,b],evt.num", "-n", "1")
    ]


def test_json(inspected, work):
    """--json prints the fields of each event as a line, absent ones as null."""
    assert [{"evt.num": 1, "fd.name": None}, {"evt.num": 2, "fd.name": None}] == [
        json.loads(line) for line in inspected(work, "-n", "2", "--json", "-f", "evt.num,fd.name")
    ]


def test_a_count_is_one_of_lines_below_headings(inspected, work):
    """-n does not count headings, so that -n 1 shows one event, process or line of a story."""
    for options, headings in (((), 1), (("--tree",), 1), (("--pid", "1201"), 2), (("-p", "%evt.num"), 0)):
        every = inspected(work, *options)
        for count in (1, 2):
            assert every[: headings + count] == inspected(work, *options, "-n", str(count)), options


def test_the_first_process_has_no_parent(inspected, written):
    """The story of a process without a parent says so, and names none."""
    listed = captures.block(captures.PROCESSES, captures.thread(1, 1, 0, b"systemd", exe=b"systemd"))
    capture = written(listed, captures.event("close", 1, res=0, fd=3))

    assert inspected(capture, "--pid", "1")[1].startswith("  no parent, ")


@pytest.mark.parametrize("name", ["nope", "", "a b"])
def test_what_is_no_field(falcohost, work, name):
    """What cannot be a field is named, with how fields look."""
    done = falcohost("inspect", work, "--fields", f"evt.num,{name}")

    assert 1 == done.returncode
    assert (
        f"--fields: expected a field such as proc.name, not '{name}'; 'falcohost fields syscall' lists" in done.stderr
    )


def test_a_format(inspected, work):
    """-p prints each event in a format."""
    assert ["curl opened /home/anna/tool"] == inspected(
        work, "-p", "%proc.name opened %fd.name", "evt.type = openat and fd.name contains tool"
    )


def test_a_part(inspected, work):
    """--from and --to choose a part; the events keep their numbers."""
    assert ["3", "4"] == inspected(work, "--from", "+3ms", "--to", "+5ms", "-p", "%evt.num")


def test_a_tree(inspected, work):
    """--tree shows processes below their parents, those without events too."""
    _, *lines = inspected(work, "--tree", "evt.type != clone")

    assert [
        "900  sshd",
        "1200  └─ bash",
        "13  1201     ├─ curl -o tool http://192.0.2.7/tool  (anna)",
        "5  1202     └─ tool --all  (anna)",
    ] == [line.strip() for line in lines]


def test_a_tree_as_json(inspected, work):
    """With --json each process is a line, parents first."""
    found = [json.loads(line) for line in inspected(work, "--tree", "--json")]

    assert [(900, None, 0), (1200, 900, 2), (1201, 1200, 13), (1202, 1200, 5)] == [
        (one["pid"], one["ppid"], one["events"]) for one in found
    ]


def test_an_id_that_is_given_again(inspected, written):
    """A process with the id of one that has ended is another one."""
    life = (
        captures.event("clone", 7, res=8, comm=b"bash", tid=7, pid=7, ptid=1, vtid=7, vpid=7),
        captures.event("chdir", 8, res=0, path=b"/"),
        captures.event("procexit", 8, status=0, ret=0, sig=0, core=0, reaper_tid=0),
    )
    capture = written(*(captures.at(captures.TS + n * 60_000_000_000, one) for n, one in enumerate((*life, *life))))

    assert [7, 8, 8] == [json.loads(line)["pid"] for line in inspected(capture, "--tree", "--json", "proc.pid > 0")]
    assert 2 == sum(not line.startswith(" ") for line in inspected(capture, "--pid", "8"))


def test_parents_in_a_circle(inspected, written):
    """Two processes that are each other's parents, as damage can have it, are both shown."""
    entries = (captures.thread(20, 20, 21, b"a", exe=b"a"), captures.thread(21, 21, 20, b"b", exe=b"b"))
    events = (captures.event("chdir", tid, res=0, path=b"/") for tid in (20, 21, 20))
    capture = written(*(captures.block(captures.PROCESSES, entry) for entry in entries), *events)

    assert {20: 2, 21: 1} == {
        one["pid"]: one["events"] for one in map(json.loads, inspected(capture, "--tree", "--json"))
    }


def test_a_story(inspected, work):
    """--pid tells what a process did; repetitions are one line, failures have their error."""
    who, parent, *lines = inspected(work, "--pid", "1201")

    assert "1201 curl -o tool http://192.0.2.7/tool" == who
    assert "parent 1200 (bash), user anna" in parent
    assert "+0.001500  openat              /home/anna/.curlrc  ENOENT" in lines[1]
    assert "read ×4             10.0.0.5:40000->192.0.2.7:80  5,792 bytes" in lines[5]
    assert 9 == len(lines)


def test_a_story_as_json(inspected, work):
    """With --json every event of the process is a line, without folds."""
    assert 13 == len(inspected(work, "--pid", "1201", "--json"))


def test_top(inspected, work):
    """--top counts events by the values of fields, and adds up bytes; what does not fit is told."""
    head, first, others = inspected(work, "--top", "proc.name", "-n", "1")

    assert ["events", "share", "bytes", "proc.name"] == head.split()
    assert ["13", "65.0%", "11,662", "curl"] == first.split()
    assert ["7", "35.0%", "2", "others"] == others.split()


def test_top_as_json(inspected, work):
    """With --json each row is a line."""
    assert {"proc.name": "curl", "events": 13, "bytes": 11662} == json.loads(
        inspected(work, "--top", "proc.name", "--json")[0]
    )


def test_control_characters(inspected, written):
    """What an attacker may have named is made printable in every output."""
    name = b"\x1b[31mred\n"
    capture = written(
        captures.block(captures.PROCESSES, captures.thread(9, 9, 1, name, exe=name, args=name + b"\0")),
        captures.event("openat", 9, fd=3, dirfd=-100, name=b"/" + name, flags=1, mode=0, dev=1, ino=2),
    )

    for options in ((), ("--tree",), ("--pid", "9"), ("--top", "proc.name,fd.name"), ("-p", "%proc.cmdline %fd.name")):
        shown = inspected(capture, *options)
        assert "red" in " ".join(shown)
        assert "\x1b" not in " ".join(shown)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("proc.nam = x",), "FILTER: filter_check called with nonexistent field proc.nam; did you mean proc.name?"),
        (("proc.name =",), "FILTER: "),
        (("-f", "fd.nam"), "--fields: filter_check called with nonexistent field fd.nam; did you mean fd.name?"),
        (("--top", "evt.arg"), "--top: filter syntax error: evt.arg; it needs an argument: evt.arg.NAME"),
        (("-p", "%fd.nam"), "--format: unknown filter"),
        (("--tree", "--top", "proc.name"), "--tree and --top are different outputs; choose one"),
        (("-p", "%evt.num", "--json"), "--format is text; --fields chooses the fields of --json"),
        (("--from", "soon"), "expected a time such as 2026-11-28T08:14:00 or +90s, not 'soon'"),
    ],
)
def test_mistakes(falcohost, work, arguments, problem):
    """A mistake is told with what would mend it."""
    done = falcohost("inspect", work, *arguments)

    assert (1, "") == (done.returncode, done.stdout)
    assert problem in done.stderr


def test_no_capture(falcohost, home):
    """What is no capture is refused."""
    (home.folder / "a.txt").write_text("This is a text, and no capture of anything.")
    done = falcohost("inspect", str(home.folder / "a.txt"))

    assert 1 == done.returncode
    assert done.stderr.endswith("a.txt: byte 0: this is not a capture of Falco or sysdig.\n")


def test_nothing_found_and_damage(falcohost, written):
    """Stderr says that no event matches, and what was left out."""
    event = captures.event("chdir", 7, res=0, path=b"/")
    done = falcohost("inspect", written(event, b"\xff" * 40, event), "evt.type = openat")

    assert (0, "") == (done.returncode, done.stdout)
    assert "none of 2 events matches" in done.stderr
    assert "1 damaged place was left out" in done.stderr


def test_colours_on_a_terminal(on_a_terminal, work):
    """A terminal gets colours, unless the user wants none."""
    assert "\x1b[1m" in on_a_terminal("inspect", work)
    assert "\x1b" not in on_a_terminal("inspect", work, NO_COLOR="1")


def test_a_pager_on_a_terminal(work, home):
    """On a terminal the user's pager shows the output."""
    pager = home.folder / "pager"
    pager.write_text("#!/bin/sh\necho paged; cat\n")
    pager.chmod(0o755)
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "falcohost", "inspect", work, "--top", "proc.name"],
        stdin=theirs,
        stdout=theirs,
        env=home.environment | {"PAGER": str(pager)},
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how a terminal says that all have closed it
        pass
    os.close(ours)

    assert 0 == done.wait()
    assert shown.startswith(b"paged")
    assert b"curl" in shown


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("--fields evt.num,fd.nameraw", "evt.num,fd.nameraw"), ("--top fs.path.targetraw", "fs.path.targetraw")],
)
def test_completion(falcohost, work, typed, expected):
    """The last of several fields completes."""
    words = f"falcohost inspect {work} {typed}"
    done = falcohost(_FALCOHOST_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="4")

    assert f"plain,{expected}\n" == done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "name a capture, or use --live for what happens on this host"),
        (("evt.type = open",), "evt.type = open: there is no such file; the capture stands before the filter"),
        (("WORK", "--seconds", "1"), "--seconds is for --live; --to ends the part of a capture that is shown"),
        (("--live", "--from", "+1s"), "--from and --to are for captures; --seconds ends --live"),
        (("--live", "WORK"), "--live shows what happens on this host; leave out WORK"),
    ],
)
def test_a_capture_or_this_host(falcohost, work, arguments, problem):
    """Either a capture is named, or --live; what is for the other is told."""
    done = falcohost("inspect", *(work if word == "WORK" else word for word in arguments))

    assert (1, f"Error: {problem.replace('WORK', work)}\n") == (done.returncode, done.stderr)
