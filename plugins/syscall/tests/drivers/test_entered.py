"""What a caller changes in its memory while a call is under way: compared with what it was, or the kernel's own."""

from __future__ import annotations

import os
from errno import EEXIST

import pytest
from read_probe import ReadProbe

from falcohost.testing import skip_or_fail
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf import loading, probe
from falcohost_syscall.drivers.modern_ebpf.hooks import ATTRIBUTE
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.wanted import calls, entered
from falcohost_syscall.kernel.call_tracepoints import CallTracepoints
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.records import record as R

#: `held(content, change)` returns memory; on its first access the kernel waits until *change* is made (userfaultfd(2)).
PRELUDE = """
import ctypes, fcntl, os, struct, sys, tempfile, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
os.chdir(tempfile.mkdtemp())

def text(value, room=600):
    return ctypes.create_string_buffer(value.encode(), room)

def page():
    return libc.mmap(None, 4096, 3, 0x22, -1, 0)

def call(number, *arguments):
    return libc.syscall(number, *(ctypes.c_void_p(a) if isinstance(a, int) and a > 1 << 32 else a for a in arguments))

def held(content, change):
    faults, memory = libc.syscall(323, os.O_CLOEXEC), page()
    fcntl.ioctl(faults, 0xc018aa3f, struct.pack("=3Q", 0xaa, 0, 0))
    fcntl.ioctl(faults, 0xc020aa00, struct.pack("=4Q", memory, 4096, 1, 0))
    ready = ctypes.create_string_buffer(content, 4096)

    def serve():
        os.read(faults, 32)
        change()
        fcntl.ioctl(faults, 0xc028aa03, struct.pack("=5Q", memory, ctypes.addressof(ready), 4096, 0, 0))

    threading.Thread(target=serve).start()
    return memory

def overwrite(memory, other):
    return lambda: ctypes.memmove(memory, other, len(other))
"""
SETXATTR, RENAME, UNLINK, OPENAT2 = 188, 82, 87, 437


TYPES = frozenset({"setxattr", "rename", "openat2", "clone3", "unlink"})


@pytest.fixture(scope="module", params=["tracepoint", "function"])
def seen(machine, watching, request):
    """Return a probe with large rings, at the tracepoint and at the kernel's functions."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")
    settings, options = LoadSettings(ring_size=1 << 26), Options(all_processes=True)
    with ReadProbe(settings, options, by_function=request.param == "function") as driver:
        if request.param == "function" and driver.attachment.where == "tracepoint":
            skip_or_fail("functions", driver.told)
        hooks = frozenset({ATTRIBUTE}) & driver.hooks
        driver.prepare(calls(TYPES))
        driver.set_calls(
            calls(TYPES), entered=entered(TYPES), passing=hooks, traced=calls(frozenset({"clone3"})).keys()
        )
        yield watching(driver)


@pytest.fixture
def compared(seen):
    """Return a function that runs Python with PRELUDE while calls are collected, and returns their records."""

    def compared(script, name):
        found = seen.python(PRELUDE + script)
        return [r for r in found if r.header.kind == R.KIND_CALL and r.header.call == BY_NAME[name].call]

    return compared


def test_text(compared):
    """A text that is another when the call returns is told as it was, too."""
    (record,) = compared(
        f"""
open("file", "w").close()
name = text("trusted.one")
call({SETXATTR}, text("file"), name, held(b"value", overwrite(name, b"trusted.two")), 5, 0)
""",
        "setxattr",
    )

    assert (0, R.FLAG_REWRITTEN) == (record.header.ret, record.header.flags & R.FLAG_REWRITTEN)
    assert (b"trusted.two", b"trusted.one") == (record.sections[R.SEC_STR], record.sections[R.SEC_ENTERED_STR])
    assert R.SEC_ENTERED_PATH not in record.sections


@pytest.mark.parametrize("length", [1, 240, 500, 4000])
def test_paths(compared, length):
    """Each path is compared to its end, however long it is; it is told if there is room."""
    (record,) = compared(
        f"""
open("file", "w").close()
new = "./" * {length // 2} + "next"
path = text(new, 4096)
call({RENAME}, held(b"file", overwrite(path, (new[:-1] + "X").encode())), path)
""",
        "rename",
    )
    was = record.sections.get(R.SEC_ENTERED_PATH2)

    assert (0, R.FLAG_REWRITTEN) == (record.header.ret, record.header.flags & R.FLAG_REWRITTEN)
    assert record.sections[R.SEC_PATH2].endswith(b"nexX")
    assert (None if length > R.ENTERED_KEPT else record.sections[R.SEC_PATH2][:-1] + b"t") == was
    assert (b"file", False) == (record.sections[R.SEC_PATH], R.SEC_ENTERED_PATH in record.sections)


def test_unreadable(compared):
    """A text that cannot be read any more is told as it was."""
    (record,) = compared(
        f"""
open("file", "w").close()
name = page()
ctypes.memmove(name, b"trusted.one", 12)
change = lambda: libc.mprotect(ctypes.c_void_p(name), 4096, 0)
call({SETXATTR}, text("file"), name, held(b"value", change), 5, 0)
""",
        "setxattr",
    )

    assert (0, R.FLAG_REWRITTEN) == (record.header.ret, record.header.flags & R.FLAG_REWRITTEN)
    assert b"trusted.one" == record.sections[R.SEC_ENTERED_STR]
    assert R.SEC_STR not in record.sections


def test_not_in_memory(compared):
    """A text that was in no page when the call began is told, and that it could not be compared; so are flags."""
    prelude = """
shared = os.memfd_create("shared")
os.ftruncate(shared, 4096)
away = libc.mmap(None, 4096, 3, 1, shared, 0)

def gone(value):
    ctypes.memmove(away, value, len(value) + 1)
    assert libc.madvise(ctypes.c_void_p(away), 4096, 4) == 0
    return away
"""
    (record,) = compared(f'{prelude}\nopen("file", "w").close()\ncall({RENAME}, text("file"), gone(b"next"))', "rename")
    flags = f'{prelude}\ncall({OPENAT2}, -100, text("."), gone(struct.pack("=3Q", os.O_RDONLY, 0, 0)), 24)'
    (opened,) = compared(flags, "openat2")

    assert (0, b"next") == (record.header.ret, record.sections[R.SEC_PATH2])
    assert R.FLAG_UNCOMPARED == record.header.flags & (R.FLAG_UNCOMPARED | R.FLAG_REWRITTEN)
    assert R.FLAG_UNCOMPARED == opened.header.flags & (R.FLAG_UNCOMPARED | R.FLAG_REWRITTEN)


def test_changed_and_changed_back(compared, seen):
    """The name of an attribute is told as the kernel read it, though it was another before and afterwards."""
    if ATTRIBUTE not in seen.driver.hooks:
        skip_or_fail("hooks", "the kernel lets no programs stand at its functions")
    (record,) = compared(
        f"""
open("file", "w").close()
name = held(b"trusted.two", lambda: None)
call({SETXATTR}, text("file"), name, held(b"value", overwrite(name, b"trusted.one")), 5, 0)
assert os.listxattr("file") == ["trusted.two"]
""",
        "setxattr",
    )

    assert (0, R.FLAG_REWRITTEN) == (record.header.ret, record.header.flags & (R.FLAG_REWRITTEN | R.FLAG_UNCOMPARED))
    assert (b"trusted.one", b"trusted.two") == (record.sections[R.SEC_STR], record.sections[R.SEC_ENTERED_STR])


#: rename(2) by a 32-bit call.
RENAME_32 = """
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    long ret;
    chdir(argv[1]);
    strcpy(low, "file"); strcpy(low + 100, "next");
    fclose(fopen(low, "w"));
    asm volatile("int $0x80" : "=a"(ret) : "a"(38L), "b"(low), "c"(low + 100) : "memory", "r8", "r9", "r10", "r11");
    return ret ? 77 : 0;
}
"""


def test_calls_of_32_bit(seen, c_program, tmp_path):
    """They are compared where the kernel's functions show their beginning; where they are not, they say so."""
    try:
        found = seen.run(c_program(RENAME_32), tmp_path)
    except AssertionError as error:
        if "77" not in str(error):
            raise
        skip_or_fail("ia32", "this kernel does not take 32-bit calls")
    (record,) = (r for r in found if r.header.kind == R.KIND_CALL and r.header.call == BY_NAME["rename"].call)
    uncompared = R.FLAG_UNCOMPARED if seen.driver.attachment.where == "tracepoint" else 0

    assert b"next" == record.sections[R.SEC_PATH2]
    assert uncompared == record.header.flags & (R.FLAG_UNCOMPARED | R.FLAG_REWRITTEN)


def test_frequent_calls(compared):
    """Those that programs make often are never compared with an earlier call: with threads, without, and with again."""
    found = compared(
        f"""
def remove(name):
    call({UNLINK}, text(name))

remove("a")
for number in range(3):
    thread = threading.Thread(target=lambda: (remove(f"b{{number}}"), remove(f"c{{number}}")))
    thread.start()
    remove("d")
    thread.join()
    remove("e")
""",
        "unlink",
    )

    assert [b"a", *[b"b0", b"b1", b"b2"], *[b"c0", b"c1", b"c2"], *[b"d"] * 3, *[b"e"] * 3] == sorted(
        record.sections[R.SEC_PATH] for record in found if len(record.sections[R.SEC_PATH]) < 3
    )
    assert [] == [record for record in found if record.header.flags & (R.FLAG_REWRITTEN | R.FLAG_UNCOMPARED)]


def test_program_that_is_skipped(machine, copies, watching, monkeypatch):
    """Where threads may be preempted in the program, a second one compares when the kernel skips the first."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")
    if loading.needs_older(Library()):
        pytest.skip("the form for older kernels has no second program: no such kernel preempts threads in the first")
    monkeypatch.setattr(probe, "CallTracepoints", lambda _, *others: CallTracepoints(*others))
    with ReadProbe(LoadSettings(ring_size=1 << 26, by_perf=True), Options(all_processes=True)) as driver:
        wanted = frozenset({"rename"})
        driver.prepare(calls(wanted))
        driver.set_calls(calls(wanted), entered=entered(wanted))
        script = """
open("file", "w").close()
path = text("next")
call(82, held(b"file", overwrite(path, b"nexX")), path)
call(82, text("nexX"), text("next"))
"""
        found = watching(driver).python(PRELUDE + script)
    changed, same = (r.header.flags for r in found if r.header.call == BY_NAME["rename"].call)

    assert R.FLAG_REWRITTEN == changed & R.FLAG_REWRITTEN
    assert 0 == same & (R.FLAG_REWRITTEN | R.FLAG_UNCOMPARED)


def test_nothing_changes(compared):
    """A call whose memory stays as it is, is told without more."""
    found = compared(
        f"""
open("file", "w").close()
for size in (1, 255, 256, 257, 3000, 4094):
    call({RENAME}, text("file", 5000), text("./" * (size // 2) + "x" * (size % 2 or 2), 5000))
    call({RENAME}, text("./" * (size // 2) + "x" * (size % 2 or 2), 5000), text("file", 5000))
call({RENAME}, None, text("file"))
call({RENAME}, text(""), text("file"))
""",
        "rename",
    )

    assert 14 == len(found)
    assert [] == [record for record in found if record.header.flags & (R.FLAG_REWRITTEN | R.FLAG_UNCOMPARED)]


def test_flags_of_openat2(compared):
    """Those of an opened file are the kernel's, whatever the memory says when the call returns."""
    script = f"""
import struct
os.mkfifo("fifo")
how = ctypes.create_string_buffer(struct.pack("=3Q", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600, 0), 24)
reader = threading.Thread(target=lambda: (
    time.sleep(0.2), ctypes.memmove(how, bytes(24), 24), os.open("fifo", os.O_RDONLY)))
reader.start()
call({OPENAT2}, -100, text("fifo"), how, 24)
reader.join()
"""
    (record,) = compared(script, "openat2")

    assert record.header.flags & R.FLAG_REWRITTEN
    assert os.O_WRONLY | os.O_CREAT | os.O_APPEND == record.header.arg3
    assert 0o600 == record.header.arg4


def test_flags_of_openat2_that_nobody_changes(compared):
    """They are told as they were passed."""
    script = f"""
import struct
for flags, name in ((os.O_RDONLY, "."), (os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, "new"),
                    (os.O_PATH, "new"), (os.O_RDWR | os.O_TRUNC, "new"), (os.O_WRONLY | os.O_CREAT | os.O_EXCL, "new")):
    call({OPENAT2}, -100, text(name), struct.pack("=3Q", flags, 0o600 if flags & os.O_CREAT else 0, 0), 24)
"""
    found = compared(script, "openat2")
    creates = os.O_WRONLY | os.O_CREAT | os.O_EXCL

    assert [os.O_RDONLY, creates | os.O_CLOEXEC, os.O_PATH, os.O_RDWR | os.O_TRUNC, creates] == [
        record.header.arg3 for record in found
    ]
    assert -EEXIST == found[-1].header.ret
    assert [] == [record for record in found if record.header.flags & (R.FLAG_REWRITTEN | R.FLAG_UNCOMPARED)]


def test_flags_of_clone3(compared):
    """They are those that the kernel used; the memory is overwritten by the child, which shares it."""
    found = compared(
        """
import mmap, struct
CLONE_VM, CLONE_VFORK, CLONE_NEWUTS = 0x100, 0x4000, 0x4000000
# clone3(rdi, rsi); in the child: mov qword ptr [rdi], 0; exit(0)
code = bytes.fromhex("b8b30100000f0585c0740" "1" "c3" "48c70700000000" "b83c000000" "31ff" "0f05")
memory = mmap.mmap(-1, 4096, prot=7)
memory.write(code)
run = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_long)(
    ctypes.addressof(ctypes.c_char.from_buffer(memory)))
stack = mmap.mmap(-1, 65536)
flags = CLONE_VM | CLONE_VFORK | CLONE_NEWUTS
passed = ctypes.create_string_buffer(struct.pack(
    "=11Q", flags, 0, 0, 0, 17, ctypes.addressof(ctypes.c_char.from_buffer(stack)), 65536, 0, 0, 0, 0), 88)
run(ctypes.addressof(passed), 88)
os.wait()
""",
        "clone3",
    )
    told = [int.from_bytes(record.sections[R.SEC_STRUCT][:8], "little") for record in found]

    # From version 3.13 on, Python starts the program with posix_spawn(3), which calls clone3 with CLONE_CLEAR_SIGHAND.
    assert [0x4004100] * 2 == [flags for flags in told if not flags & 0x100000000]
