"""Filters of sockets under the real probe: ends, names, kinds."""

from __future__ import annotations

import pytest
from watching import events, run, seen

from falcohost_syscall.calls.rows import EXIT

TO_OTHERS = """
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
client = socket.create_connection(("127.0.0.1", port))
client.sendto(b"x", ("127.0.0.9", 9))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.9", port))
"""


@pytest.mark.parametrize(("end", "number"), [("127.0.0.1", 1), ("127.0.0.9", 1), ("127.0.0.8", 0)])
def test_address_that_is_passed(watch, end, number):
    """An address decides where a datagram goes, and not where a connection does."""
    source = watch(f"evt.type = sendto and fd.rip = {end}")

    assert ["sendto None"] * number == seen(source, run(TO_OTHERS))


def test_names_of_unix_sockets(watch):
    """The name of a connected AF_UNIX socket begins with no path: what is written into it is left out."""
    source = watch("evt.type = write and fd.name startswith /dev/")
    found = seen(
        source, run("a, b = socket.socketpair()\nos.write(a.fileno(), b'x')\nos.write(os.open('/dev/null', 1), b'x')")
    )

    assert ["write /dev/null"] == found


CONNECTS = """
server = socket.socket(socket.AF_UNIX)
server.bind("{folder}/wanted.sock")
server.listen(9)
for address in ("{folder}/wanted.sock", "{folder}/other", "\\0wanted"):
    try: socket.socket(socket.AF_UNIX).connect(address)
    except OSError: pass
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 9))"""


@pytest.mark.parametrize(("condition", "number"), [("endswith /wanted.sock", 3), ("contains wanted", 4)])
def test_names_of_sockets_that_are_connected(watch, tmp_path, condition, number):
    """A connection to an AF_UNIX socket passes whatever its name; one of IP is left out where a slash is asked for."""
    source = watch(f"evt.type = connect and fd.name {condition}")

    assert number == len(seen(source, run(CONNECTS.format(folder=tmp_path))))


def test_kind_of_ipv6_sockets(watch):
    """A socket of IPv6 is told by its ends, and by the end that is passed: mapped addresses are of IPv4."""
    source = watch("evt.type in (connect, bind) and fd.type = ipv6")
    script = """
for address in ("::1", "::ffff:127.0.0.1"):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind((address, 0))
    s.connect((address, 9))"""

    assert ["bind None", "connect None"] == seen(source, run(script))


CONNECTED = """
a, b = socket.socketpair()
a.send(b"x")
r, s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
r.bind(("127.0.0.1", 0))
s.sendto(b"x", r.getsockname())
s.connect(r.getsockname())
for _ in range(3): s.sendto(b"x", r.getsockname())"""


@pytest.mark.parametrize(("condition", "number"), [("= true", 4), ("= false", 1), ("exists", 5)])
def test_connected_sockets(watch, condition, number):
    """Of sends those pass whose socket is connected, or those whose is not."""
    source = watch(f"evt.type = sendto and fd.connected {condition}")

    assert ["sendto None"] * number == seen(source, run(CONNECTED))


SENDS = """
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
a.sendmsg([b"x"])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in (9, 10): s.sendmsg([b"x"], [], 0, ("127.0.0.1", port))
s.connect(("127.0.0.1", 9))
os.write(s.fileno(), b"x")"""


def test_sends_without_an_address(watch):
    """A message that names no address changes no socket's name, and is left out."""
    source = watch("evt.type = sendmsg and fd.name_changed = true", "fd.name_changed")

    assert ["sendmsg None"] * 2 == seen(source, run(SENDS))


@pytest.mark.parametrize(("condition", "expected"), [("fd.sport = 9", ["sendmsg", "write"]), ("fd.sport = 11", [])])
def test_ends_of_sockets(watch, condition, expected):
    """An event that neither end of its socket makes wanted is left out, whichever is the server's."""
    source = watch(f"evt.type in (sendmsg, write) and fd.l4proto = udp and {condition}")

    assert expected == [event.split()[0] for event in seen(source, run(SENDS))]


ACCEPTED = """
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen({backlog})
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
client.send(b"x")
accepted.recv(1)"""


@pytest.mark.parametrize(("backlog", "types"), [(5, ["recvfrom"]), (0, ["accept4", "recvfrom"])])
def test_accepts_that_no_rule_wants(watch, backlog, types):
    """They are left out where the kernel tells later which end accepted, though neither port does."""
    source = watch("evt.type = accept4 and fd.num = 0 or evt.type = recvfrom and fd.type = ipv4", "fd.sip")
    pid = run(ACCEPTED.format(backlog=backlog))
    found = [event for event in events(source, pid) if event.proc.pid == pid and event.type != EXIT]

    assert [(name, "server") for name in types] == [(event.type, event.socket.role) for event in found]
