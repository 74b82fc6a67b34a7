"""The table of calls: numbers, what the probe reads, and Falco's parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from falcohost.events import Plan
from falcohost.testing import skip_or_fail
from falcohost_syscall.calls import rows
from falcohost_syscall.drivers.modern_ebpf import wanted
from falcohost_syscall.drivers.modern_ebpf.decoding.values import _READ
from falcohost_syscall.facts.descriptors import RET
from falcohost_syscall.filters.condition import TRUE, Bits, Literal, all_of, any_of, negate, within
from falcohost_syscall.parameters.texts import _RENDER
from falcohost_syscall.records.record import COMPAT_BASE, MAX_CALLS, NO_ARG, RET_ARG

#: Every event type that issue 2 names.
NEEDED = """
open openat openat2 creat open_by_handle_at execve execveat clone fork vfork clone3 procexit connect accept accept4 bind
listen socket socketpair sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg dup dup2 dup3 symlink symlinkat link linkat
unlink unlinkat rename renameat renameat2 mkdir mkdirat rmdir chmod fchmod fchmodat chown lchown fchown fchownat ptrace
setns unshare mount umount umount2 init_module finit_module memfd_create prctl setuid setgid setreuid setregid setresuid
setresgid kill tkill tgkill bpf chroot chdir fchdir io_uring_setup capset userfaultfd read write pread pwrite mmap
splice pipe pipe2 inotify_init1 eventfd2 timerfd_create signalfd4 mknod mknodat quotactl seccomp
"""


@pytest.mark.parametrize("name", NEEDED.split())
def test_has_every_needed_event(name):
    """There is a row for each event type that the public rules and the issue name."""
    assert name in rows.BY_NAME


def test_row_numbers_are_places():
    """Row n is the n-th, from 1, and fits what the probe can count."""
    assert [row.call for row in rows.CALLS] == list(range(1, len(rows.CALLS) + 1))
    assert len(rows.CALLS) < MAX_CALLS


#: Calls that one row stands for, by their names in the kernel and the row's.
OTHER_NAMES = {
    ("ugetrlimit", "getrlimit"), ("send", "sendto"), ("recv", "recvfrom"), ("_llseek", "llseek"),
    ("_newselect", "_newselect"), ("fstatat", "newfstatat"), ("sync_file_range2", "sync_file_range"),
}  # fmt: skip


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "i386", "arm"])
def test_numbers_are_used_once(machine):
    """No number of a system call stands in two rows."""
    numbers = [number for row in rows.CALLS for number in row.numbers.get(machine, ())]

    assert len(numbers) == len(set(numbers))
    assert max(numbers) < COMPAT_BASE


@pytest.mark.parametrize(
    ("name", "machine", "numbers"),
    [
        ("openat", "x86_64", (257,)),
        ("openat", "aarch64", (56,)),
        ("openat", "i386", (295,)),
        ("open", "aarch64", None),
        ("umount", "x86_64", None),
        ("umount", "i386", (22,)),
        ("pread", "x86_64", (17,)),
        ("setuid", "i386", (23, 213)),
        ("utimensat", "i386", (320, 412)),
        ("ftruncate", "i386", (93, 194)),
        ("openat", "arm", (322,)),
        ("open", "arm", (5,)),
        ("setuid", "arm", (23, 213)),
        ("umount", "arm", None),
        ("sendto", "arm", (289, 290)),
        ("mount_setattr", "arm", (442,)),
        ("pwritev", "x86_64", (296,)),
        ("fchmodat2", "x86_64", (452,)),
    ],
)
def test_numbers(name, machine, numbers):
    """Spellings that Falco gives one name share a row; what a machine has not has no number."""
    assert numbers == rows.BY_NAME[name].numbers.get(machine)


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("i386", "/usr/include/x86_64-linux-gnu/asm/unistd_32.h"),
        ("arm", "/usr/arm-linux-gnueabihf/include/asm/unistd-eabi.h"),
    ],
)
def test_numbers_of_32_bits(machine, header):
    """Each number is that of a call with the row's name in the kernel's header, or of a form of it."""
    if not Path(header).exists():
        skip_or_fail("clang" if machine == "i386" else "arm", f"{header} is missing: install linux-libc-dev for it")
    found = re.findall(r"#define __NR_(?:arm_)?(\w+)\s+(?:\(__NR_SYSCALL_BASE ?\+ ?)?(\d+)", Path(header).read_text())
    names = {int(number): re.sub(r"(?<=.)(_time64|_64|64|32|_time32)$", "", name) for name, number in found}
    numbers = [(number, row.name) for row in rows.CALLS for number in row.numbers.get(machine, ())]

    assert [] == [
        (number, name, names[number])
        for number, name in numbers
        if number in names and _plain(names[number]) != _plain(name) and (names[number], name) not in OTHER_NAMES
    ]


def _plain(name):
    """Return a call's name as all forms of it have it."""
    return re.sub(r"(_time64|_64|64|32)$", "", name)


def test_numbers_of_newer_processors():
    """A call has a number on arm64 if the kernel's header for new processors has one, and that one."""
    header = Path("/usr/include/asm-generic/unistd.h")
    if not header.exists():
        skip_or_fail("clang", f"{header} is missing: install linux-libc-dev")
    kernel = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
    known = [row for row in rows.CALLS if row.name in kernel]

    assert known
    assert [] == [row.name for row in known if kernel[row.name] not in row.numbers.get("aarch64", ())]


def test_parameters_can_be_read_and_rendered():
    """Every parameter has a source that is known and a kind that can be shown."""
    params = [param for row in rows.CALLS for param in row.params]

    assert [param for param in params if not param.source.isdigit() and param.source not in _READ] == []
    assert [param for param in params if param.kind not in _RENDER] == []


def test_parameters_are_falcos():
    """The names and the order of the parameters are those of Falco's event table."""
    names = [param.name for param in rows.BY_NAME["openat2"].params]

    assert ["fd", "dirfd", "name", "flags", "mode", "resolve", "dev", "ino"] == names


def test_probe_is_told_where_arguments_are():
    """openat: the fd is what it returns, the path its second argument, relative to the first."""
    row = rows.BY_NAME["openat"]

    assert (RET_ARG, 1, 0, NO_ARG) == (row.fd_arg, row.path_arg, row.dir_arg, row.addr_arg)
    assert rows.WANT_FD | rows.WANT_PATH == row.want


def test_names_of_other_events_are_known():
    """A rule may name an event that never comes; what no one ever named is refused."""
    assert {"switch", "setxattr", "pread64", "container"} <= rows.EVENT_NAMES
    assert "opn" not in rows.EVENT_NAMES


def test_collects_what_the_plan_names():
    """Only the calls of the plan's event types are collected, for 64 and 32 bits."""
    plan = Plan(source="syscall", event_types=frozenset({"openat", "procexit"}))

    assert {257, COMPAT_BASE + 295} == set(wanted.calls(wanted.collected(plan, {}), "x86_64"))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (TRUE, {56, COMPAT_BASE + 120}),
        (within(RET, (0, RET.highest)), {56, COMPAT_BASE + 120}),
        (within(RET, (1, RET.highest)), set()),
        (negate(within(RET, (0, 0))), set()),
        (any_of((within(RET, (1, RET.highest)), Literal(Bits(RET, 1)))), {56, COMPAT_BASE + 120}),
        (all_of((within(RET, (1, RET.highest)), Literal(Bits(RET, 1)))), set()),
    ],
)
def test_calls_that_return_twice(condition, expected):
    """Of the calls that make processes those are named of which a rule may want the return in the new process."""
    needed = {"clone": condition, "openat": TRUE}

    assert expected == wanted.returning_twice(frozenset({"clone", "openat"}), "x86_64", needed=needed)


def test_collects_no_reads_by_default():
    """A plan that wants any event gets all rows but the most frequent ones."""
    types = wanted.event_types(Plan(source="syscall"))

    assert {"openat", "connect", "execve", "procexit"} <= types
    assert not {"read", "write", "close", "mmap", "futex"} & types


def test_collects_what_the_process_table_needs():
    """Where all processes are told of, the calls that change sessions or directories are collected if rules ask."""
    plan = Plan(source="syscall", event_types=frozenset({"openat"}), fields=frozenset({"proc.sname", "proc.cwd"}))

    assert {"openat", "setsid", "setpgid", "chdir", "fchdir"} == wanted.collected(plan, {}, all_processes=True)
    assert {"openat"} == wanted.collected(plan, {}) == wanted.event_types(plan)


def test_calls_of_32_bit_arm():
    """On arm64, calls of 32-bit programs have Arm's numbers, and one that passes no address is not read for one."""
    plan = Plan("syscall", frozenset({"openat", "sendto"}))
    found = wanted.calls(wanted.collected(plan, {}), "aarch64")

    assert {56, COMPAT_BASE + 322, 206, COMPAT_BASE + 289, COMPAT_BASE + 290} == set(found)
    assert (NO_ARG, 4) == (found[COMPAT_BASE + 289].addr_arg, found[COMPAT_BASE + 290].addr_arg)


def test_equal_parameters_are_there_once():
    """Rows share equal parameters, and places of them: all processes have these rows."""
    params = [param for row in rows.CALLS for param in row.params]

    assert len({*params}) == len({id(param) for param in params})
    assert len({row.params for row in rows.CALLS}) == len({id(row.param_index) for row in rows.CALLS})
    for row in rows.CALLS:
        assert [param.name for param in row.params] == [*row.param_index]
