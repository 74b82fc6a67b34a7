"""The probe reads structures, buffers in pieces, several messages and capabilities from a caller's memory."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from falcohost_syscall.records import record as R

PROGRAM = """
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>
static struct sockaddr_in to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}
static void messages(void)
{
    int out = socket(AF_INET, SOCK_DGRAM, 0), in = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    struct sockaddr_in addresses[3] = {to(9), to(0), to(10)}, from[3] = {};
    socklen_t len = sizeof(addresses[1]);
    char first[3][100], rest[3][8], got[3][100], control[64];
    struct iovec parts[3][2], places[3];
    struct mmsghdr sent[3] = {}, received[3] = {};
    bind(in, (void *)&addresses[1], len);
    getsockname(in, (void *)&addresses[1], &len);
    setsockopt(in, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
    for (int i = 0; i < 3; i++) {
        memset(first[i], 'a' + i, 100);
        memset(rest[i], 'x', 8);
        parts[i][0] = (struct iovec){first[i], i == 2 ? 100 : 4};
        parts[i][1] = (struct iovec){rest[i], 8};
        sent[i].msg_hdr = (struct msghdr){&addresses[i], sizeof(addresses[i]), parts[i], 2};
        places[i] = (struct iovec){got[i], 100};
        received[i].msg_hdr = (struct msghdr){&from[i], sizeof(from[i]), &places[i], 1};
    }
    syscall(SYS_sendmmsg, out, sent, 3, 0);
    for (int i = 0; i < 2; i++) sent[i].msg_hdr.msg_name = &addresses[1];
    sendmsg(out, &sent[0].msg_hdr, 0);
    sendmsg(out, &sent[1].msg_hdr, 0);
    received[0].msg_hdr.msg_control = control;
    received[0].msg_hdr.msg_controllen = sizeof(control);
    syscall(SYS_recvmmsg, in, received, 2, 0, 0);
    recvmsg(in, &received[2].msg_hdr, 0);
    syscall(SYS_sendmmsg, -1, sent, 3, 0);
}
int main(void)
{
    messages();
    struct iovec parts[2] = {{"line ", 5}, {"of text", 7}};
    writev(open("/dev/null", O_WRONLY), parts, 2);
    struct io_uring_params params = {.flags = IORING_SETUP_CQSIZE, .cq_entries = 64};
    syscall(SYS_io_uring_setup, 8, &params);
    struct clone_args args = {.flags = CLONE_FS | CLONE_NEWUTS, .exit_signal = SIGCHLD};
    int child = syscall(SYS_clone3, &args, sizeof(args));
    if (!child) _exit(0);
    waitpid(child, 0, 0);
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[2] = {{.effective = 1, .permitted = 3, .inheritable = 2}};
    return syscall(SYS_capset, &head, caps) != 0;
}
"""
SENDMMSG, RECVMMSG, SENDMSG, RECVMSG, WRITEV, IO_URING_SETUP, CLONE3, CAPSET, SETNS = range(1, 10)
MESSAGES = R.WANT_FD | R.WANT_MESSAGES
CALLS = {
    307: R.CallSpec(SENDMMSG, MESSAGES, fd_arg=0, addr_arg=1),
    299: R.CallSpec(RECVMMSG, MESSAGES | R.WANT_CONTROL, fd_arg=0, addr_arg=1),
    46: R.CallSpec(SENDMSG, R.WANT_MSGHDR, addr_arg=1),
    47: R.CallSpec(RECVMSG, R.WANT_MSGHDR | R.WANT_CONTROL, addr_arg=1),
    20: R.CallSpec(WRITEV, R.WANT_IOV, data_arg=1),
    425: R.CallSpec(IO_URING_SETUP, R.WANT_STRUCT, str_arg=1),
    435: R.CallSpec(CLONE3, R.WANT_STRUCT, str_arg=0),
    126: R.CallSpec(CAPSET, R.WANT_CAPS),
}


@pytest.fixture(scope="module")
def found(watched, openat, c_program):
    """Return what the program did, by row."""
    watched.driver.set_calls(CALLS)
    found: dict[int, list] = {}
    for record in watched.run(c_program(PROGRAM)):
        if record.header.kind == R.KIND_CALL and record.header.comm.startswith(b"program\0"):
            found.setdefault(record.header.call, []).append(record)
    return found


def port(record) -> int:
    """Return the port of the address in a record."""
    return int.from_bytes(record.sections[R.SEC_SOCKADDR][2:4], "big")


def test_sendmmsg(found):
    """Each message is a record with its own length, address, data and size; all have the socket, none the same time."""
    sent = found[SENDMMSG][:3]

    assert [12, 12, 108] == [record.header.ret for record in sent] == [record.header.arg5 for record in sent]
    assert (9, 10) == (port(sent[0]), port(sent[2]))
    assert [b"aaaaxxxxxxxx", b"bbbbxxxxxxxx", b"c" * 80] == [record.sections[R.SEC_DATA] for record in sent]
    assert all(R.SEC_SOCK in record.sections for record in sent)
    assert 3 == len({record.header.ts for record in sent})


def test_failed_sendmmsg(found):
    """One that fails is one record, with the first message's address."""
    (record,) = found[SENDMMSG][3:]

    assert (-9, True) == (record.header.ret, R.SEC_SOCKADDR in record.sections)
    assert R.SEC_DATA not in record.sections


def test_recvmmsg(found):
    """Each message that came is a record; control data are there where the receiver asked for them."""
    first, second = found[RECVMMSG]

    assert (12, b"bbbbxxxxxxxx") == (first.header.ret, first.sections[R.SEC_DATA])
    assert (12, b"aaaaxxxxxxxx") == (second.header.ret, second.sections[R.SEC_DATA])
    assert R.SEC_CONTROL in first.sections
    assert R.SEC_CONTROL not in second.sections


def test_sendmsg_and_recvmsg(found):
    """A single message has its size and its first bytes, sent or received."""
    assert [b"aaaaxxxxxxxx", b"bbbbxxxxxxxx"] == [record.sections[R.SEC_DATA] for record in found[SENDMSG]]
    assert [12, 12] == [record.header.arg5 for record in found[SENDMSG]]
    assert [b"bbbbxxxxxxxx"] == [record.sections[R.SEC_DATA] for record in found[RECVMSG]]


def test_pieces(found):
    """Data that writev(2) writes from several buffers is joined."""
    (record,) = found[WRITEV]

    assert (12, 12, b"line of text") == (record.header.ret, record.header.arg5, record.sections[R.SEC_DATA])


def test_structure(found):
    """A structure is there as the kernel left it: io_uring_setup(2) fills in what it made of the wishes."""
    (record,) = found[IO_URING_SETUP]
    entries = struct.unpack_from("=II", record.sections[R.SEC_STRUCT])

    assert (8, 64) == entries if record.header.ret >= 0 else (0, 64) == entries
    assert R.STRUCT_SIZE == len(record.sections[R.SEC_STRUCT])


def test_clone3(found):
    """The flags of clone3(2) are there for the parent and for the child."""
    flags = {struct.unpack_from("=Q", record.sections[R.SEC_STRUCT])[0] for record in found[CLONE3]}

    assert {0x200 | 0x04000000} == flags
    assert 2 == len(found[CLONE3])


def test_capset(found):
    """The three sets are those that the thread has afterwards."""
    (record,) = found[CAPSET]

    assert (3, 2) == R.CAPS.unpack(record.sections[R.SEC_CAPS])
    assert 1 == record.header.caps


def test_namespace(watched, openat):
    """The file of a namespace has the name that /proc shows."""
    watched.driver.set_calls({308: R.CallSpec(SETNS, R.WANT_FD, fd_arg=0)})
    records = watched.python("import ctypes; ctypes.CDLL(None).setns(os.open('/proc/self/ns/uts', 0), 0)")
    (record,) = [record for record in records if record.header.kind == R.KIND_CALL]

    assert bytes(Path("/proc/self/ns/uts").readlink()) == record.sections[R.SEC_FDPATH]
