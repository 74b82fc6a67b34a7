"""32-bit calls, made by a 64-bit program with int 0x80: they count like the others."""

from __future__ import annotations

import pytest

from falcohost.testing import skip_or_fail
from falcohost_syscall.records import record as R

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
    args[0] = 2; args[1] = 2; args[2] = 0;
    fd = call32(102, 1, (long)args, 0);                            /* socketcall: socket, of datagrams */
    unsigned *part = (unsigned *)(low + 160), *message = (unsigned *)(low + 192);
    part[0] = (unsigned)(long)low; part[1] = 4;                    /* "/etc" */
    message[0] = (unsigned)(long)to; message[1] = 16; message[2] = (unsigned)(long)part; message[3] = 1;
    args[0] = fd; args[1] = (unsigned)(long)message; args[2] = 0;
    call32(102, 16, (long)args, 0);                                /* socketcall: sendmsg */
    call32(345, fd, (long)message, 1);                             /* sendmmsg */
    unsigned *argv = (unsigned *)(low + 320);
    strcpy(low + 256, "/no/such"); strcpy(low + 280, "first");
    argv[0] = (unsigned)(long)(low + 256); argv[1] = (unsigned)(long)(low + 280); argv[2] = 0;
    call32(11, (long)(low + 256), (long)argv, 0);                  /* execve */
    return 0;
}
"""
OPEN32, CONNECT, SENDMSG, SENDMMSG, EXECVE = range(1, 6)
CALLS = {
    R.COMPAT_BASE + 5: R.CallSpec(OPEN32, R.WANT_FD | R.WANT_PATH, fd_arg=R.RET_ARG, path_arg=0),
    42: R.CallSpec(CONNECT, R.WANT_FD | R.WANT_SOCKADDR, fd_arg=0, addr_arg=1),
    46: R.CallSpec(SENDMSG, R.WANT_MSGHDR, addr_arg=1),
    R.COMPAT_BASE + 345: R.CallSpec(SENDMMSG, R.WANT_MESSAGES, addr_arg=1),
    R.COMPAT_BASE + 11: R.CallSpec(EXECVE, R.WANT_FAILED_ONLY | R.WANT_PATH, path_arg=0),
}


@pytest.fixture(scope="module")
def found(watched, openat, c_program):
    """Return what the program did, by row."""
    watched.driver.set_calls(CALLS)
    try:
        found = watched.run(c_program(PROGRAM))
    except AssertionError as error:
        if "ended with 77" in str(error) or "ended with -11" in str(error):
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


@pytest.mark.parametrize("call", [SENDMSG, SENDMMSG])
def test_message(found, call):
    """The structures of a 32-bit program are read as such: address, data, size."""
    record = found[call]

    assert b"\x02\0\0\x09\x7f\0\0\x01" + bytes(8) == record.sections[R.SEC_SOCKADDR]
    assert (4, 4, b"/etc") == (record.header.ret, record.header.arg5, record.sections[R.SEC_DATA])


def test_failed_exec(found):
    """The arguments of an exec that failed are read through 32-bit pointers."""
    record = found[EXECVE]

    assert (-2, b"/no/such") == (record.header.ret, record.sections[R.SEC_PATH])
    assert b"/no/such\0first\0" == record.sections[R.SEC_ARGS]


X32 = """
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#define X32(nr) (0x40000000 | (nr))
int main(void)
{
    if (syscall(X32(SYS_getpid)) < 0) return errno == ENOSYS ? 77 : 1;
    syscall(X32(SYS_openat), AT_FDCWD, "/etc/passwd", 0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    unsigned char *to = (unsigned char *)low + 128;
    to[0] = 2; to[3] = 9; to[4] = 127; to[7] = 1;
    unsigned *part = (unsigned *)(low + 160), *message = (unsigned *)(low + 192);
    strcpy(low, "/etc/passwd");
    part[0] = (unsigned)(long)low; part[1] = 4;
    message[0] = (unsigned)(long)to; message[1] = 16; message[2] = (unsigned)(long)part; message[3] = 1;
    syscall(X32(518), fd, message, 0);                             /* sendmsg */
    syscall(1000, 0); syscall(512 + 5, "/etc/passwd", 0);          /* no calls */
    return 0;
}
"""


def test_x32(watched, openat, c_program):
    """Calls of the x32 interface count as those that they are; a number behind the last call counts as none."""
    message = R.CallSpec(SENDMSG, R.WANT_MSGHDR, addr_arg=1)
    watched.driver.set_calls(openat | {46: message, R.COMPAT_BASE + 5: CALLS[R.COMPAT_BASE + 5]})
    try:
        records = watched.run(c_program(X32))
    except AssertionError as error:
        if "ended with 77" in str(error):
            skip_or_fail("x32", "this kernel does not take calls of x32: it wants to be booted with syscall.x32=y")
        raise
    calls = [record for record in records if record.header.kind == R.KIND_CALL]
    opened, sent = calls[-2:]

    assert (openat[257].call, b"/etc/passwd") == (opened.header.call, opened.sections[R.SEC_PATH])
    assert b"\x02\0\0\x09\x7f\0\0\x01" + bytes(8) == sent.sections[R.SEC_SOCKADDR]
    assert b"/etc" == sent.sections[R.SEC_DATA]
