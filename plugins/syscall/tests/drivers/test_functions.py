"""Calls seen by the kernel's functions: which, each once, and what is done where the kernel does not allow it."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from falcohost.errors import ConfigError
from falcohost.events import Plan
from falcohost.testing.waiting import SLOWNESS
from falcohost_syscall.calls.rows import EXIT
from falcohost_syscall.drivers.modern_ebpf.attach import call_functions
from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import NotPossibleError, find
from falcohost_syscall.drivers.modern_ebpf.attach.copies import copy
from falcohost_syscall.drivers.modern_ebpf.config import parse
from falcohost_syscall.drivers.modern_ebpf.forms import OBJECTS
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.function_programs import FunctionKernel
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.program_info import program_info
from falcohost_syscall.kernel.programs import MAP_PROG_ARRAY, PROGRAM_RAW_TRACEPOINT, Kernel
from falcohost_syscall.records import record
from falcohost_syscall.source import SyscallSource

BPF = Path(record.__file__).parents[1] / "bpf"
SYMLINK = "\ntry: os.symlink('/x', '/proc/x')\nexcept OSError: pass"

#: From here on symlink(2) fails with EPERM: a filter of four instructions (include/uapi/linux/filter.h).
DENIED = """
import ctypes, struct
code = ((0x20, 0, 0, 0), (0x15, 0, 1, 88), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000))
filters = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
program = struct.pack("=H6xQ", len(code), ctypes.addressof(filters))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS"
assert libc.prctl(22, 2, program, 0, 0) == 0, "PR_SET_SECCOMP"
"""

#: A symbolic link and a process of its own, both by 32-bit calls.
CALLS_32 = """
#include <sys/mman.h>
#include <sys/wait.h>
#include <string.h>
static long call32(long nr, long a, long b)
{
    long ret;
    asm volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(0), "S"(0), "D"(0)
                 : "memory", "r8", "r9", "r10", "r11");
    return (int)ret;
}
int main(void)
{
    char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    strcpy(low, "/proc/x");
    call32(83, (long)low, (long)low);                                 /* symlink */
    call32(120, 17, 0);                                               /* clone, with SIGCHLD */
    wait(0);
    return 0;
}
"""


@pytest.fixture
def watch(bpf, close_later):
    """Return a function that opens a source for some event types, by functions."""

    def watch(*types):
        source = close_later(SyscallSource({"falcohost": {"attach": "function"}}))
        source.open(Plan("syscall", frozenset({*types, EXIT})), None)
        return source

    return watch


def seen(source, *command):
    """Run a program to its end; return how often it caused events of each type, in all its processes."""
    process = subprocess.Popen([str(word) for word in command])
    assert process.wait() == 0
    found, ended = Counter(), False
    for batch in source.batches():
        for event in batch.events:
            if event.type == EXIT:
                ended = ended or event.proc.pid == process.pid
            elif process.pid in (event.proc.pid, event.proc.ppid):
                found[event.type] += 1
        if ended:
            return found
    raise AssertionError("the source has ended")


def python(script):
    """Return the command that runs a script."""
    return [sys.executable, "-ISc", f"import os{script}"]


def test_falls_back(watch, caplog):
    """Where calls cannot be seen by functions the tracepoint sees them, and it is said why."""
    with caplog.at_level(logging.WARNING):
        source = watch("symlink")
    said = [text for text in caplog.messages if text.startswith("System calls are observed at the tracepoint, not at")]

    assert len(said) == (source.driver.probe.attachment.where == "tracepoint")
    assert {"symlink": 3} == seen(source, *python(SYMLINK * 3))


def test_falls_back_quietly(bpf, caplog):
    """Nobody asked for functions: the log says nothing, and the numbers say where calls are seen and why."""
    source = SyscallSource({})
    with caplog.at_level(logging.INFO):
        source.open(Plan("syscall", frozenset({"symlink"})), None)
    try:
        (note,) = source.stats().notes
        by_tracepoint = source.driver.probe.attachment.where == "tracepoint"
    finally:
        source.close()

    assert not [text for text in caplog.messages if "tracepoint" in text]
    assert (
        note.startswith("calls are seen at the tracepoint of all calls, not at the kernel's functions: ")
        is by_tracepoint
    )


def test_nothing_else_is_entered(watch, functions):
    """A function that nobody wants is left as it is."""
    source = watch("symlink")
    source.measure(True)
    subprocess.run(python("\nfor _ in range(5000): os.getpgid(0)"), check=True)
    source.measure(False)

    assert {"symlink": 1} == seen(source, *python(SYMLINK))
    assert sum(count.timed for name, count in source.stats().unwanted.items() if name == "calls") < 100


def test_calls_without_a_function(watch, functions):
    """A call whose function cannot be seen brings the tracepoint back while it is wanted; each call comes once."""
    source = watch("symlink", "getppid")

    assert {"symlink": 1, "getppid": 1} == seen(source, *python(f"{SYMLINK}\nos.getppid()"))
    assert source.driver.probe.attachment.where == "both"
    source.update(Plan("syscall", frozenset({"symlink", EXIT})))
    assert source.driver.probe.attachment.where == "function"
    assert {"symlink": 1} == seen(source, *python(SYMLINK))


def test_new_process(watch, functions, c_program):
    """A call that returns in two processes is seen in both, also of a 32-bit program, and all else once."""
    source = watch("symlink", "clone", "fork", "vfork")

    assert source.driver.probe.attachment.where == "both"
    assert seen(source, *python("\nif os.fork(): os.wait()"))["clone"] == 2
    assert {"symlink": 1, "clone": 2} == seen(source, c_program(CALLS_32))


def test_32bit(watch, functions, c_program):
    """A 32-bit call is seen once."""
    assert {"symlink": 1} == seen(watch("symlink"), c_program(CALLS_32))


def test_denied(watch, functions):
    """A call that a seccomp filter denies, so that its function is not run, is seen once; the next one too."""
    assert {"symlink": 2} == seen(watch("symlink"), *python(f"{DENIED}{SYMLINK * 2}"))


def test_switched_off(watch, functions, tmp_path, monkeypatch):
    """When the kernel is told to trace functions no longer, the tracepoint sees the calls."""
    source = watch("symlink")
    (tmp_path / "ftrace_enabled").write_text("0")
    monkeypatch.setattr(call_functions, "FTRACE", tmp_path / "ftrace_enabled")
    batches, end = source.batches(), time.monotonic() + 10
    while source.driver.probe.attachment.where == "function" and time.monotonic() < end:
        next(batches)

    assert source.driver.probe.attachment.where == "tracepoint"
    assert {"symlink": 1} == seen(source, *python(SYMLINK))


def test_nothing_is_lost(watch, functions):
    """That the kernel left out programs is counted, and has not happened."""
    assert watch("symlink").stats().dropped["preempted"] == 0


def test_setting():
    """Another word than the three is refused."""
    with pytest.raises(ConfigError, match=r"falcohost\.attach: expected auto, function or tracepoint, not 'kprobe'"):
        parse({"falcohost": {"attach": "kprobe"}})


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("VERSION", "Linux version 6.12 (clang version 18)", "not built by gcc"),
        ("FTRACE", "0\n", "are not traced"),
    ],
)
def test_preconditions(bpf, tmp_path, monkeypatch, name, content, why):
    """A precondition that is not met is named."""
    (tmp_path / name).write_text(content)
    monkeypatch.setattr(call_functions, name, tmp_path / name)
    monkeypatch.setattr(call_functions.os, "uname", lambda: SimpleNamespace(machine="x86_64"))

    with pytest.raises(NotPossibleError, match=why):
        find(FunctionKernel(Library()))


def test_kernel_memory(bpf):
    """The kernel's memory is read in words, each as two halves; where there is nothing to read it reads as 0."""
    lines = Path("/proc/kallsyms").read_text().splitlines()
    address = next(int(line.split()[0], 16) for line in lines if line.split()[2] == "vfs_open")
    reader = call_functions._Reader(FunctionKernel(Library()))
    first, second = reader.word(address), reader.word(address + 4)
    nothing = reader.word(0)
    reader.close()

    assert 0 != first
    assert first >> 32 == second & 0xFFFFFFFF
    assert 0 == nothing


def test_namespace(bpf):
    """Whoever does not see all processes cannot see calls by functions."""
    script = """
from falcohost_syscall.calls.rows import EXIT
from falcohost_syscall.drivers.modern_ebpf.attach import call_functions
from falcohost_syscall.kernel import function_programs
from falcohost_syscall.kernel import libbpf
try:
    call_functions.find(function_programs.FunctionKernel(libbpf.Library()))
except call_functions.NotPossibleError as error:
    print(error)
"""
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", script]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout

    assert said.startswith("in a pid namespace of its own" if platform.machine() == "x86_64" else "on ")


def test_refused_at_once(bpf):
    """A kernel that takes no programs on functions says so before anything else is looked for."""
    begin = time.process_time()
    try:
        find(FunctionKernel(Library()))
    except NotPossibleError:
        assert time.process_time() - begin < 0.5 * SLOWNESS
    else:
        pytest.skip("this kernel takes programs on functions")


@pytest.fixture(scope="module")
def loaded(bpf, copies):
    """Return the library, and the probe's object as it is loaded."""
    library = Library()
    probe = Object(library, (BPF / OBJECTS[platform.machine()]).read_bytes())
    probe.load(codes=True)
    yield library, probe
    probe.close()


@pytest.mark.parametrize("name", ["function_returns", "gather_memory", "submit_messages"])
def test_copy(loaded, name):
    """A program can be loaded once more from what the probe is loaded from, with another map of programs."""
    library, probe = loaded
    kernel = Kernel(library)
    stages = kernel.array(4, probe.entries("stages"), MAP_PROG_ARRAY)
    copied = copy(kernel, probe, name, {"stages": stages}, PROGRAM_RAW_TRACEPOINT)
    kernel.set(stages, bytes(4), copied.to_bytes(4, sys.byteorder))
    original, again = (program_info(library, fd) for fd in (probe.program_fd(name), copied))
    for fd in (stages, copied):
        os.close(fd)

    assert (original.name, original.nr_func_info) == (again.name, again.nr_func_info)
    assert original.id != again.id
