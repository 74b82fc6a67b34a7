"""32-bit calls, made by a 64-bit program with int 0x80: they count like the others."""

from __future__ import annotations

import pytest

from falcohost.testing import skip_or_fail
from falcohost_syscall import records as R

PROGRAM = """
#include <sys/mman.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>
static long call32(long nr, long a, long b, long c)
{
    long ret;
    asm volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return (int)ret;
}
int main(void)
{
    char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    strcpy(low, "/etc/passwd");
    if (call32(5, (long)low, 0, 0) < 0) return 77;                /* open */
    unsigned *args = (unsigned *)(low + 64);
    args[0] = 2; args[1] = 1; args[2] = 0;
    int fd = call32(102, 1, (long)args, 0);                        /* socketcall: socket */
    unsigned char *to = (unsigned char *)low + 128;
    to[0] = 2; to[3] = 9; to[4] = 127; to[7] = 1;
    args[0] = fd; args[1] = (unsigned)(long)to; args[2] = 16;
    call32(102, 3, (long)args, 0);                                 /* socketcall: connect */
    return 0;
}
"""
OPEN32, CONNECT = 1, 2
CALLS = {
    R.COMPAT_BASE + 5: R.CallSpec(OPEN32, R.WANT_FD | R.WANT_PATH, fd_arg=R.RET_ARG, path_arg=0),
    42: R.CallSpec(CONNECT, R.WANT_FD | R.WANT_SOCKADDR, fd_arg=0, addr_arg=1),
}


@pytest.fixture(scope="module")
def found(watched, openat, c_program):
    """Return what the program did, by row."""
    watched.driver.set_calls(CALLS)
    try:
        found = watched.run(c_program(PROGRAM))
    except AssertionError as error:
        if str(error).endswith("ended with 77") or "ended with -11" in str(error):
            skip_or_fail("ia32", "this kernel does not take 32-bit calls")
        raise
    return {r.header.call: r for r in found if r.header.kind == R.KIND_CALL}


def test_open(found):
    """The arguments are those of the 32-bit convention, and the record says so."""
    record = found[OPEN32]

    assert b"/etc/passwd" == record.sections[R.SEC_PATH]
    assert b"/etc/passwd" == record.sections[R.SEC_FDPATH]
    assert R.FLAG_COMPAT == record.header.flags


def test_socketcall(found):
    """Socketcall is unfolded to the call that it stands for."""
    record = found[CONNECT]

    assert -111 == record.header.ret
    assert b"\x02\0\0\x09\x7f\0\0\x01" + bytes(8) == record.sections[R.SEC_SOCKADDR]
    assert R.SEC_SOCK in record.sections
