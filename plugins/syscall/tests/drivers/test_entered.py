"""What a caller changes in its memory while a call is under way: compared with what it was, or the kernel's own."""

from __future__ import annotations

import os
from errno import EEXIST

import pytest

from falcohost.testing import skip_or_fail
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.wanted import calls, entered
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


@pytest.fixture(scope="module")
def compared(roomy):
    """Return a function that runs Python with PRELUDE while calls are collected, and returns their records."""
    if os.uname().machine != "x86_64":
        skip_or_fail("x86_64", "the numbers of calls in this test are x86_64's")
    types = frozenset({"setxattr", "rename", "openat2", "clone3", "unlink"})
    roomy.driver.set_calls(calls(types), entered=entered(types))

    def compared(script, name):
        found = roomy.python(PRELUDE + script)
        return [r for r in found if r.header.kind == R.KIND_CALL and r.header.call == BY_NAME[name].call]

    yield compared
    roomy.driver.set_calls({})


def test_text(compared):
    """A text that is another when the call returns is told as it was, too."""
    (record,) = compared(
        f"""
open("file", "w").close()
name = text("user.one")
call({SETXATTR}, text("file"), name, held(b"value", overwrite(name, b"user.two")), 5, 0)
""",
        "setxattr",
    )

    assert (0, R.FLAG_REWRITTEN) == (record.header.ret, record.header.flags & R.FLAG_REWRITTEN)
    assert (b"user.two", b"user.one") == (record.sections[R.SEC_STR], record.sections[R.SEC_ENTERED_STR])
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
ctypes.memmove(name, b"user.one", 9)
change = lambda: libc.mprotect(ctypes.c_void_p(name), 4096, 0)
call({SETXATTR}, text("file"), name, held(b"value", change), 5, 0)
""",
        "setxattr",
    )

    assert (0, R.FLAG_REWRITTEN) == (record.header.ret, record.header.flags & R.FLAG_REWRITTEN)
    assert b"user.one" == record.sections[R.SEC_ENTERED_STR]
    assert R.SEC_STR not in record.sections


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
    assert [] == [record for record in found if record.header.flags & R.FLAG_REWRITTEN]


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
    assert [] == [record for record in found if record.header.flags & R.FLAG_REWRITTEN]


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
    assert [] == [record for record in found if record.header.flags & R.FLAG_REWRITTEN]


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
    told = {int.from_bytes(record.sections[R.SEC_STRUCT][:8], "little") for record in found}

    assert {0x4004100} == told
    assert 2 == len(found)
