"""Filters under the real probe: what they leave out of calls and files, and what they never leave out."""

from __future__ import annotations

import os

import pytest
from watching import OPENS, events, run, seen

from falcohost_syscall.processes.cgroup_names import HOST


def test_only_what_is_wanted(watch):
    """Of many opens those pass that the rule wants, and the others are counted as filtered."""
    source = watch("evt.type = openat and fd.name = /etc/passwd and evt.is_open_write = true")
    pid = run(OPENS)

    assert ["openat /etc/passwd"] == seen(source, pid)
    count = source.stats().types["openat"]
    assert count.seen >= 4
    assert count.passed < count.seen - 2
    assert source.stats().filtered >= count.filtered > 2


def test_what_never_matches_is_not_collected(watch):
    """Calls of a type that no rule can match cost nothing: they are not even counted."""
    source = watch("evt.type in (openat, getppid) and (fd.name = /etc/passwd or evt.is_io = true)")
    run("for _ in range(100): os.getppid()")

    assert "getppid" not in source.stats().types


def test_files_that_are_made(watch, tmp_path):
    """Of opens those pass that make a file with the wanted mode, not those that find it there."""
    source = watch("evt.type = openat and evt.is_open_create = true and evt.arg.mode glob 04???")
    opens = [
        ("a", 0o4755, "O_CREAT"),
        ("a", 0o4755, "O_CREAT"),
        ("b", 0o755, "O_CREAT"),
        ("a", 0o4755, "O_RDONLY"),
        (".", 0o4700, "O_TMPFILE"),
    ]
    lines = [f"os.open('{tmp_path / name}', os.{flag} | os.O_RDWR, {mode})" for name, mode, flag in opens]

    assert [f"openat {tmp_path}/a"] == seen(source, run("\n".join(lines[:-1])))
    assert ["openat"] == [event.split()[0] for event in seen(source, run(lines[-1]))]


def test_bits_of_modes(watch, tmp_path):
    """The mode of a new file is compared as a text by any pattern; those with bits that the kernel leaves out pass."""
    source = watch('evt.type = openat and evt.is_open_create = true and evt.arg.mode glob "*[2-7]???"')
    modes = (0o644, 0o1755, 0o5755, 0o100755, 0o104755)
    lines = [f"os.open('{tmp_path}/{mode:o}', os.O_CREAT | os.O_RDWR, {mode})" for mode in modes]

    passed = [f"openat {tmp_path}/{mode}" for mode in ("5755", "100755", "104755")]

    assert passed == seen(source, run("\n".join(lines)))


def test_any_spelling(watch, tmp_path):
    """A file is wanted by the name that the kernel finds, however the caller spells it."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    source = watch("evt.type in (open, openat) and fd.name = /etc/passwd")
    found = seen(source, run(f"os.open('{tmp_path}/link', 0)\nos.chdir('/etc')\nos.open('.././etc//passwd', 0)"))

    assert ["openat /etc/passwd"] * 2 == found


def test_what_was_passed(watch):
    """The path as it was passed is asked, and told, of a file that is opened by its real name and of others."""
    source = watch(
        "evt.type = openat and fd.name = /etc/passwd and (fd.nameraw contains ../ or fd.nameraw = /etc/passwd)"
    )
    paths = ["/etc/passwd", "/etc/../etc/passwd", "/etc//passwd", "passwd", "../etc/passwd"]
    pid = run(f"os.chdir('/etc')\nfor path in {paths}: os.open(path, os.O_RDONLY)")
    found = [(e.fdpath, e.path) for e in events(source, pid) if e.proc.pid == pid and e.type == "openat"]

    assert [("/etc/passwd", path) for path in (paths[0], paths[1], paths[4])] == found


def test_files_that_are_not_there(watch):
    """An open that failed is wanted by the name that was asked for, and left out if that is another."""
    wanted = ["/nowhere/.a", "/nowhere//.a", "/nowhere/./.a", "/nowhere/b/../.a", "/nowhere/.a/", "nowhere/.a"]
    other = ["/nowhere/.b", "/nowhere/.a/b", "/nowhere/.."]
    source = watch("evt.type in (open, openat) and fd.directory = /nowhere and fd.name endswith .a")
    script = "os.chdir('/')\nfor path in {}:\n try: os.open(path, 0)\n except OSError: pass"
    found = seen(source, run(script.format([*wanted, *other])))

    assert {f"openat {path}" for path in wanted} <= set(found)
    assert not {f"openat {path}" for path in other[:2]} & set(found)


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
    parent = run(ENVIRONMENT)
    started = [event.proc for event in events(source, parent) if event.type == "execve"]

    assert [["true", name] for name in expected] == [[*one.image.argv] for one in started if one.ppid == parent]


PASSES = ["openat /dev/null"]


@pytest.mark.parametrize(("value", "expected"), [("x", PASSES), ("y" * 3000, []), ("y" * 5000, PASSES)])
def test_environments_of_calls(watch, searches, monkeypatch, value, expected):
    """Calls pass whose process was started with the variable, or with more than the kernel keeps; others do not."""
    for name in set(os.environ) - {"PATH"}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FH_LONG", value)
    source = watch("evt.type = openat and fd.name = /dev/null and proc.env contains 'FH_LONG=x'")
    found = seen(source, run("if os.fork(): os.wait()\nelse: os.execve('/bin/true', ['true'], {})\nopen('/dev/null')"))

    assert expected == found
    assert source.stats().types["openat"].filtered > 0


NAMES = """
import ctypes
for name in (b"kworker/7:2", b"kworker", b"other"): ctypes.CDLL(None).prctl(15, name)
ctypes.CDLL(None).prctl(3)
class Args(ctypes.Structure): _fields_ = [("flags", ctypes.c_uint64), ("rest", ctypes.c_uint64 * 10)]
for flags in (0, 1 << 28):
    args = Args(flags)
    if ctypes.CDLL(None).syscall(435, ctypes.byref(args), 88) == 0: os._exit(0)"""


@pytest.mark.parametrize(
    ("condition", "number"),
    [
        ("evt.type = prctl and evt.arg.arg2_str startswith kworker/", 3),
        ("evt.type = prctl and not evt.arg.arg2_str startswith kworker", 4),
        ("evt.type = clone3 and evt.rawres > 0 and evt.arg.flags contains CLONE_NEWUSER", 1),
        ("evt.type = clone3 and evt.rawres > 0 and not evt.arg.flags contains CLONE_NEWUSER", 1),
    ],
)
def test_names_and_flags_behind_addresses(watch, condition, number):
    """That a thread takes a name is told, not which; forks are told by flags that lie in the caller's memory."""
    source = watch(condition)

    assert number == len(seen(source, run(NAMES)))


def test_calls_that_keep_the_table_true(watch):
    """Where a table hears of all processes, a chdir that no rule can want reaches it if directories are asked for."""
    source = watch("evt.type in (openat, chdir) and fd.name = /etc/passwd", "proc.cwd", process_context=False)
    pid = run("os.chdir('/etc'); os.open('passwd', 0)")

    assert "openat /etc/passwd" in seen(source, pid)
    assert source.stats().types["chdir"].filtered == 0


def test_containers(watch, container_cgroup):
    """Whether a process is in a container is decided at its first event, and then asked by the kernel."""
    source = watch("evt.type = openat and container.id != host and fd.name = /etc/passwd")
    inside = f"open('{container_cgroup}/cgroup.procs', 'w').write(str(os.getpid()))\n{OPENS}"
    first = run(OPENS)
    assert {HOST} >= {event.container for event in events(source, first) if event.proc.pid == first}  # as rules read it
    outside = run(OPENS)

    assert [] == seen(source, outside)
    assert ["openat /etc/passwd"] * 3 == seen(source, run(inside))
