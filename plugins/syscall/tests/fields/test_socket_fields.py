"""Fields and parameters about sockets, of events made by hand."""

from __future__ import annotations

import stat
from ipaddress import IPv4Address
from socket import AF_INET, AF_UNIX

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost_syscall.records import record as R

BASH = Task(5_000_001, start=5_000_001, ppid=1, comm=b"bash")


def address(ip, port):
    """Return a struct sockaddr_in."""
    numbers = bytes(int(part) for part in ip.split("."))
    return AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big") + numbers + bytes(8)


def test_connect(one, get):
    """Who connects is the client."""
    sections = {
        R.SEC_FD: handmade.fdinfo(stat.S_IFSOCK),
        R.SEC_SOCK: handmade.tcp(("10.0.0.1", 40000), ("1.2.3.4", 443)),
        R.SEC_SOCKADDR: address("1.2.3.4", 443),
    }
    event = one(handmade.call("connect", BASH, 0, (3,), sections))

    assert "10.0.0.1:40000->1.2.3.4:443" == get(event, "fd.name")
    assert "fd=3(<4t>10.0.0.1:40000->1.2.3.4:443) addr=1.2.3.4:443" in get(event, "evt.args")
    assert IPv4Address("1.2.3.4") == get(event, "fd.sip") == get(event, "fd.rip")
    assert (443, 40000, "tcp", "ipv4") == tuple(get(event, f"fd.{x}") for x in ("sport", "cport", "l4proto", "type"))
    assert (get(event, "fd.connected"), get(event, "fd.is_server"), get(event, "fd.sockfamily")) == (True, False, "ip")
    assert (40000, 443) == get(event, "fd.port")


def test_accept(one, get):
    """Who accepts is the server, also in later events of the socket."""
    sections = {R.SEC_SOCK: handmade.tcp(("10.0.0.1", 40000), ("1.2.3.4", 50000), ino=5)}
    event = one(handmade.call("accept4", BASH, 4, (3,), sections))
    later = one(handmade.call("shutdown", BASH, 0, (4, 1), sections))

    assert "1.2.3.4:50000->10.0.0.1:40000" == get(event, "fd.name") == get(later, "fd.name")
    assert get(event, "fd.is_server") is True


def test_listening_socket(one, get):
    """A socket that listens has one end, the server's."""
    sections = {R.SEC_SOCK: handmade.tcp(("0.0.0.0", 22), ("0.0.0.0", 0), state=10)}
    event = one(handmade.call("listen", BASH, 0, (3, 5), sections))

    assert ("0.0.0.0:22", 22, None) == (get(event, "fd.name"), get(event, "fd.sport"), get(event, "fd.cport"))


@pytest.mark.parametrize(("ret", "end"), [(1, "1.2.3.4:443"), (-32, "8.8.8.8:53")])
def test_address_that_tcp_does_not_use(one, get, ret, end):
    """Data that was sent by TCP went to the socket's other end, whatever address was passed."""
    sections = {R.SEC_SOCK: handmade.tcp(("10.0.0.1", 40000), ("1.2.3.4", 443)), R.SEC_SOCKADDR: address("8.8.8.8", 53)}

    assert f"10.0.0.1:40000->{end}" == get(one(handmade.call("sendto", BASH, ret, (3, 0, 1), sections)), "fd.name")


def test_datagram_that_goes_elsewhere(one, get):
    """A datagram to another end than the last one changes the name, one to the same does not."""

    def send(ip):
        sections = {
            R.SEC_SOCK: handmade.tcp(("0.0.0.0", 50000), ("0.0.0.0", 0), kind=2, state=7),
            R.SEC_SOCKADDR: address(ip, 53),
        }
        return handmade.call("sendto", BASH, 1, (3, 0, 1), sections)

    first, again, other = one(send("8.8.8.8")), one(send("8.8.8.8")), one(send("9.9.9.9"))

    assert "0.0.0.0:50000->8.8.8.8:53" == get(first, "fd.name")
    assert [True, False, True] == [get(event, "fd.name_changed") for event in (first, again, other)]
    assert ("udp", False) == (get(first, "fd.l4proto"), get(first, "fd.connected"))


@pytest.mark.parametrize(
    ("path", "name"), [(b"/run/docker.sock\0", "/run/docker.sock"), (b"\0hidden", "@hidden"), (b"", "")]
)
def test_unix_socket(one, get, path, name):
    """A socket of AF_UNIX has its peer's path as name; an abstract one begins with @."""
    sections = {R.SEC_SOCK: handmade.unix(), R.SEC_SOCKADDR: AF_UNIX.to_bytes(2, "little") + path}
    event = one(handmade.call("connect", BASH, -111, (3,), sections))

    assert (name, "unix") == (get(event, "fd.name"), get(event, "fd.type"))
