"""The probe's records of sockets: both ends, from the socket itself, and the address that the caller passed."""

from __future__ import annotations

import socket
import struct

import pytest

from falcohost_syscall.records import record as R

CONNECT, ACCEPT, BIND, SENDTO, SENDMSG, SOCKETPAIR, LISTEN, RECVFROM = range(1, 9)
CALLS = {
    42: R.CallSpec(CONNECT, R.WANT_FD | R.WANT_SOCKADDR, fd_arg=0, addr_arg=1),
    288: R.CallSpec(ACCEPT, R.WANT_FD, fd_arg=R.RET_ARG),
    49: R.CallSpec(BIND, R.WANT_FD | R.WANT_SOCKADDR, fd_arg=0, addr_arg=1),
    50: R.CallSpec(LISTEN, R.WANT_FD, fd_arg=0),
    44: R.CallSpec(SENDTO, R.WANT_FD | R.WANT_SOCKADDR | R.WANT_DATA, fd_arg=0, addr_arg=4, data_arg=1),
    45: R.CallSpec(RECVFROM, R.WANT_DATA | R.WANT_SENDER, addr_arg=4, data_arg=1),
    46: R.CallSpec(SENDMSG, R.WANT_FD | R.WANT_MSGHDR, fd_arg=0, addr_arg=1),
    53: R.CallSpec(SOCKETPAIR, R.WANT_PAIR, str_arg=3),
}
ESTABLISHED, LISTENING = 1, 10

TALK = """
import socket
server = socket.socket(socket.{family}, socket.SOCK_STREAM); server.bind({address}); server.listen()
client = socket.socket(socket.{family}, socket.SOCK_STREAM); client.connect(server.getsockname())
peer, _ = server.accept()
print(server.getsockname()[1], client.getsockname()[1], sep='\\n', file=open(sys.argv[1], 'w'))
"""


@pytest.fixture(autouse=True)
def collect(watched, openat):
    """Collect the calls of this file."""
    watched.driver.set_calls(CALLS)


def only(found, call):
    """Return the one record of a call."""
    (record,) = [r for r in found if r.header.kind == R.KIND_CALL and r.header.call == call]
    return record


def sock(record):
    """Return what the record says of its socket."""
    return R.SockInfo._make(R.SOCKINFO.unpack(record.sections[R.SEC_SOCK]))


@pytest.mark.parametrize(
    ("family", "address", "packed"),
    [
        ("AF_INET", "127.0.0.1", socket.inet_aton("127.0.0.1") + bytes(12)),
        ("AF_INET6", "::1", socket.inet_pton(socket.AF_INET6, "::1")),
        ("AF_INET6", "::ffff:127.0.0.1", socket.inet_pton(socket.AF_INET6, "::ffff:127.0.0.1")),
    ],
)
def test_stream(watched, tmp_path, family, address, packed):
    """Connect and accept show both ends, each from its own side, in host byte order."""
    script = TALK.format(family=family, address=f"({address!r}, 0)")
    found = watched.python(script, tmp_path / "ports", env={})
    server, client = map(int, (tmp_path / "ports").read_text().split())
    connected, accepted, listening = sock(only(found, CONNECT)), sock(only(found, ACCEPT)), sock(only(found, LISTEN))

    assert (packed, client, packed, server) == (connected.laddr, connected.lport, connected.raddr, connected.rport)
    assert (packed, server, packed, client) == (accepted.laddr, accepted.lport, accepted.raddr, accepted.rport)
    assert (getattr(socket, family), socket.SOCK_STREAM, 6) == (connected.family, connected.type, connected.protocol)
    assert (ESTABLISHED, ESTABLISHED, LISTENING) == (connected.state, accepted.state, listening.state)


def test_passed_address(watched, tmp_path):
    """The address that connect was given is handed on raw, also when the call fails."""
    script = "import socket\ns = socket.socket()\ntry: s.connect(('127.0.0.1', 9))\nexcept OSError: pass"
    record = only(watched.python(script, env={}), CONNECT)

    assert -111 == record.header.ret
    assert struct.pack("=H", 2) + struct.pack("!H", 9) + b"\x7f\0\0\1" + bytes(8) == record.sections[R.SEC_SOCKADDR]


@pytest.mark.parametrize("name", ["\\0falcohost-probe", "socket"])
def test_unix(watched, tmp_path, name):
    """A unix socket has its own name and the peer's; an abstract one keeps its leading NUL."""
    script = TALK.replace("getsockname()[1]", "getsockname()").format(family="AF_UNIX", address=f"'{name}'")
    found = watched.python(script, "/dev/null", cwd=tmp_path, env={})
    truth = name.replace("\\0", "\0").encode()
    connected, accepted = sock(only(found, CONNECT)), sock(only(found, ACCEPT))

    assert truth == only(found, CONNECT).sections[R.SEC_UNIXPEER].rstrip(b"\0")
    assert truth == only(found, ACCEPT).sections[R.SEC_UNIX].rstrip(b"\0")
    assert truth == only(found, BIND).sections[R.SEC_SOCKADDR][2:].rstrip(b"\0")
    assert (connected.sk, connected.peer) == (accepted.peer, accepted.sk)
    assert 0 not in (connected.sk, connected.peer)


def test_datagram(watched):
    """Sendto and sendmsg show where to, and sendto the first bytes of what, up to 80."""
    script = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    script += "s.sendto(b'x' * 100, ('127.0.0.1', 9)); s.sendmsg([b'y'], [], 0, ('127.0.0.1', 10))"
    found = watched.python(script, env={})
    where = b"\x02\0\0\x09\x7f\0\0\x01" + bytes(8)

    assert where == only(found, SENDTO).sections[R.SEC_SOCKADDR]
    assert b"x" * 80 == only(found, SENDTO).sections[R.SEC_DATA]
    assert where.replace(b"\x09", b"\x0a") == only(found, SENDMSG).sections[R.SEC_SOCKADDR]


def test_socketpair(watched):
    """Socketpair shows both descriptors."""
    script = "import socket\na, b = socket.socketpair()\nos._exit(a.fileno() != 3 or b.fileno() != 4)"

    assert (3, 4) == struct.unpack("=ii", only(watched.python(script, env={}), SOCKETPAIR).sections[R.SEC_PAIR])


def test_sender(watched):
    """Recvfrom shows whom a datagram came from, also on a socket that is connected to nobody."""
    script = "import socket\na, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))\n"
    script += "a.bind(('127.0.0.1', 0)); b.bind(('127.0.0.2', 0)); b.sendto(b'x', a.getsockname()); a.recvfrom(10)"
    received = only(watched.python(script, env={}), RECVFROM)

    assert (b"x", b"\x7f\0\0\2") == (received.sections[R.SEC_DATA], received.sections[R.SEC_SOCKADDR][4:8])


@pytest.mark.parametrize(("bound", "asked"), [("real", "link"), ("./real", "../sub/real"), ("real", "real")])
def test_file_of_a_unix_socket(watched, tmp_path, bound, asked):
    """Both ends have the path of the file behind the address, whatever was bound and asked for."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/link").symlink_to("real")
    script = f"""
import socket
server = socket.socket(socket.AF_UNIX); server.bind({bound!r}); server.listen()
client = socket.socket(socket.AF_UNIX); client.connect({asked!r}); server.accept()
"""
    found = watched.python(script, cwd=tmp_path / "sub")

    for call in (BIND, CONNECT, ACCEPT):
        record = only(found, call)
        assert bytes(tmp_path / "sub/real") == record.sections[R.SEC_FDPATH]
        assert R.FLAG_SOCKET_FILE == record.header.flags & (R.FLAG_SOCKET_FILE | R.FLAG_OTHER_NAME)


def test_socket_without_a_file(watched):
    """An abstract address has no file."""
    script = "import socket; socket.socket(socket.AF_UNIX).bind('\\0falcohost-test')"
    record = only(watched.python(script), BIND)

    assert R.SEC_FDPATH not in record.sections
    assert 0 == record.header.flags & R.FLAG_SOCKET_FILE
