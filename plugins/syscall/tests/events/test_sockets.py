"""Sockets of events made by hand: which end is the client's, and what connected sockets of AF_UNIX are called."""

from __future__ import annotations

import re
import tracemalloc
from socket import AF_INET

import pytest
from workload import handmade
from workload.handmade import Task

from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.events.sockets import stand_in
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.records import record as R

GET = {field.name: field.get for field in FIELDS}
BASH = Task(5_000_001, start=5_000_001)
DATAGRAMS = 2


def event(name, ret, sections, args=(3,)):
    """Return the event of a call."""
    (found,) = handmade.decoder().events([handmade.call(name, BASH, ret, args, sections)])
    return found


def get(found, name):
    """Return a field's value."""
    return GET[name](found, None)


def test_both_ends_of_a_unix_socket():
    """Both ends have one name: the client's end, the server's, the path; addresses of kernel memory are not told."""
    client, server = 0xFFFF888012345678, 0xFFFF888087654321
    connected = event("connect", 0, {R.SEC_SOCK: handmade.unix(1, client, server), R.SEC_UNIXPEER: b"/run/x.sock"})
    accepted = event(
        "accept4", 4, {R.SEC_SOCK: handmade.unix(2, server, client), R.SEC_UNIX: b"/run/x.sock", R.SEC_UNIXPEER: b"\0c"}
    )

    assert get(connected, "fd.name") == get(accepted, "fd.name")
    assert re.fullmatch(r"[0-9a-f]{16}->[0-9a-f]{16} /run/x\.sock", get(accepted, "fd.name"))
    assert f"fd=3(<u>{get(connected, 'fd.name')})" in get(connected, "evt.args")


def test_unix_socket_that_is_not_connected():
    """A socket without another end has no name but the path that was asked for."""
    path = (1).to_bytes(2, "little") + b"/run/none.sock\0"
    failed = event("connect", -2, {R.SEC_SOCK: handmade.unix(), R.SEC_SOCKADDR: path})
    made = event("socket", 3, {R.SEC_SOCK: handmade.unix()}, (1, 1, 0))

    assert ("/run/none.sock", "") == (get(failed, "fd.name"), get(made, "fd.name"))


def test_names_of_a_unix_socket():
    """A socket of AF_UNIX is called by the file it is reached by, by what was asked for, and by the host's path."""
    sections = {
        R.SEC_SOCK: handmade.unix(1, 2, 3),
        R.SEC_SOCKADDR: (1).to_bytes(2, "little") + b"link\0",
        R.SEC_UNIXPEER: b"x.sock",
        R.SEC_FDPATH: b"/run/x.sock",
        R.SEC_HOSTPATH: b"/jail/run/x.sock",
    }
    flags = R.FLAG_SOCKET_FILE | R.FLAG_OTHER_NAME
    data = handmade.record(R.KIND_CALL, BASH, sections, call=BY_NAME["connect"].call, args=(3,), flags=flags)
    (found,) = handmade.decoder("connect").events([data])

    assert ["/run/x.sock", "link", "/jail/run/x.sock"] == [
        get(view, "fd.name").split()[-1] for view in (found, *found.alternatives)
    ]


@pytest.mark.parametrize(("call", "server"), [("connect", 50_000), ("accept4", 1234)])
def test_who_connected_is_remembered(call, server):
    """Which end is the server is known of a socket whose connect or accept was seen, whatever its ports look like."""
    decoder = handmade.decoder()
    sections = {R.SEC_SOCK: handmade.tcp(("127.0.0.1", 1234), ("127.0.0.2", 50_000))}
    fd = {R.SEC_SOCK: sections[R.SEC_SOCK]}
    *_, found = decoder.events([
        handmade.call(call, BASH, 3 if call == "accept4" else 0, (3,), sections),
        handmade.call("write", BASH, 1, (3, 0, 1), fd),
    ])  # fmt: skip

    assert server == get(found, "fd.sport")


@pytest.mark.parametrize(
    ("call", "local", "remote", "server"),
    [
        ("recvfrom", 40_001, 50_000, 40_001),
        ("recvfrom", 500, 500, 500),
        ("recvfrom", 53, 50_000, 53),
        ("recvfrom", 50_000, 53, 53),
        ("sendto", 50_000, 40_001, 40_001),
        ("sendto", 53, 50_000, 53),
    ],
)
def test_datagrams(call, local, remote, server):
    """Who is sent something is the server, unless the ports say that it is an answer."""
    sender = AF_INET.to_bytes(2, "little") + remote.to_bytes(2, "big") + bytes((127, 0, 0, 2)) + bytes(8)
    sections = {
        R.SEC_SOCK: handmade.tcp(("127.0.0.1", local), ("0.0.0.0", 0), kind=DATAGRAMS),
        R.SEC_SOCKADDR: sender,
    }

    assert server == get(event(call, 1, sections, (3, 0, 1)), "fd.sport")


def test_pseudonyms_that_are_remembered():
    """Pseudonyms of sockets that come and go take little memory, however many there are."""
    stand_in.cache_clear()
    tracemalloc.start()
    names = {stand_in(0xFFFF888000000000 + 64 * number) for number in range(10_000)}
    count = len(names)
    names.clear()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert 10_000 == count
    assert size < 300_000
