"""What is kept of a source goes into one descriptor, and comes out of it as often as one looks."""

import os
import socket

import pytest

from falcohost.handed import MOST_HELD
from falcohost.host import parcels
from falcohost.host.kept_descriptors import MOST_SENT, Kept


def memory(content):
    """Return the descriptor of a file in memory."""
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    return descriptor


def kept(counts, held=()):
    """Return that so many descriptors are kept, and held, of each name; each says which it is."""
    names = [*counts.items(), *dict(held).items()]
    found = Kept.arrived([memory(f"{name} {number}".encode()) for name, count in names for number in range(count)])
    assert found.take(counts, dict(held))
    return found


def contents(descriptors):
    """Return what stands in the files, by name."""
    return {name: [os.pread(one, 100, 0).decode() for one in those] for name, those in descriptors.items()}


def open_descriptors():
    """Return how many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_all_comes_out_as_often_as_one_looks():
    """Names, order, and which ones are only held stay; looking takes nothing out, and the parcel needs nobody else."""
    before = open_descriptors()
    with parcels.packed("app", kept({"a": 2, "b": 1}, {"c": 1})) as parcel:
        for _ in range(3):
            source, found = parcels.unpacked(parcel.fileno())

            assert "app" == source
            assert {"a": ["a 0", "a 1"], "b": ["b 0"]} == contents(found.descriptors)
            assert {"c": ["c 0"]} == contents(found.held)
            found.close()
    assert open_descriptors() <= before + 4  # those of the first object


@pytest.mark.parametrize("count", [MOST_SENT, MOST_SENT + 1, 2 * MOST_SENT, MOST_HELD])
def test_as_many_as_can_be_held(many_files, count):
    """One parcel has room for all of a source, however often one looks, also after a look that came to no end."""
    one = kept({"few": 1}, {"many": count - 1})
    before = open_descriptors()
    with parcels.packed("app", one) as parcel:
        for _ in range(2):
            _, found = parcels.unpacked(parcel.fileno())

            assert ["few 0"] == contents(found.descriptors)["few"]
            assert [f"many {number}" for number in range(count - 1)] == contents(found.held)["many"]
            found.close()
            parcel.setsockopt(socket.SOL_SOCKET, parcels._SO_PEEK_OFF, 0)
            parcel.recv(1 << 16, socket.MSG_PEEK)
    assert before == open_descriptors()
    one.close()


def test_parts_that_are_missing():
    """A parcel of which a message is gone is none; nothing of it stays open."""
    with pair(data=message(held={"many": MOST_SENT + 1}), descriptors=[0] * MOST_SENT) as cut:
        before = open_descriptors()
        with pytest.raises(ValueError, match="less than it says"):
            parcels.unpacked(cut.fileno())

        assert before == open_descriptors()


def pair(kind=socket.SOCK_SEQPACKET, *, data=None, descriptors=()):
    """Return one end of a pair of sockets in which a message waits."""
    here, there = socket.socketpair(socket.AF_UNIX, kind)
    if data is not None:
        socket.send_fds(there, [data], descriptors)
    there.close()
    return here


def message(*, number=1, counts=None, held=None, **more):
    """Return the list of a parcel, possibly a wrong one."""
    return parcels._encode({"format": number, "source": "app", "counts": counts or {}, "held": held or {}, **more})


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: memory(b"text"), "it is no socket"),
        (lambda: os.open(os.devnull, os.O_RDONLY), "it is no socket"),
        (lambda: os.pipe()[0], "it is no socket"),
        (lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach(), "another kind of socket"),
        (lambda: pair(socket.SOCK_STREAM, data=message()).detach(), "another kind of socket"),
        (lambda: pair().detach(), "is empty|truncated"),
        (lambda: pair(data=b"\xff").detach(), "Expected `object`"),
        (lambda: pair(data=message(number=2)).detach(), "another version"),
        (lambda: pair(data=message(more=1)).detach(), "unknown field"),
        (lambda: pair(data=message(counts={"a": 1})).detach(), "other descriptors than it says"),
        (lambda: pair(data=message(counts={"a": -1}), descriptors=[0]).detach(), "Expected `int` >= 0"),
        (lambda: pair(data=message(counts={"a": 1}), descriptors=[0, 1]).detach(), "other descriptors than it says"),
        (lambda: pair(data=message() + b" " * 70000).detach(), "another version"),
    ],
)
def test_what_is_no_parcel(made, why):
    """Whatever else somebody passes is refused with a reason; nothing of it stays open, and it is not closed."""
    descriptor = made()
    before = open_descriptors()
    with pytest.raises(ValueError, match=why):
        parcels.unpacked(descriptor)

    assert before == open_descriptors()
    os.close(descriptor)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_parcel_of_another_user():
    """What another user has made is refused, whoever passes it."""
    with parcels.packed("app", kept({"a": 1})) as own:
        os.setegid(65534)
        os.seteuid(65534)
        try:
            with pytest.raises(ValueError, match="it was made by user 0"):
                parcels.unpacked(own.fileno())
        finally:
            os.seteuid(0)
            os.setegid(0)
