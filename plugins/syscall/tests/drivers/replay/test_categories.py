"""The category of a call, and what its failure counts as, by the type of the descriptor that it used."""

from __future__ import annotations

import pytest
from workload import captures

COUNTS = tuple(f"evt.count.error.{name}" for name in ("file", "net", "memory", "other"))
PEER = b"\2" + bytes(12)
#: A directory, a file, a pipe, an eventfd and an epoll descriptor.
OPEN = captures.descriptors(
    10,
    captures.descriptor(3, 2, bytes(4) + captures.text(b"/etc") + bytes(4)),
    captures.descriptor(4, 7, captures.text(b"pipe:[1]")),
    captures.descriptor(5, 9, captures.text(b"event")),
    captures.descriptor(6, 12, captures.text(b"epoll")),
)
LISTED = captures.block(captures.PROCESSES, captures.thread(10, 10, 1, b"bash", exe=b"bash"))


@pytest.mark.parametrize(("number", "category"), [(3, "file"), (4, "ipc"), (5, "ipc"), (6, "unknown"), (99, "unknown")])
@pytest.mark.parametrize("call", ["fcntl", "ioctl", "close"])
def test_categories_of_descriptors(replayed, shown, call, number, category):
    """Calls on any descriptor have the category of the one that they used."""
    event = captures.event(call, 10, res=0, fd=number)

    assert [(call, category)] == shown(replayed(LISTED, OPEN, event), "evt.category")


def test_the_category_of_a_socket(replayed, shown):
    """A connected socket is of the network."""
    events = (
        captures.event("socket", 10, fd=7, domain=2, type=1, proto=6),
        captures.event("connect", 10, res=0, tuple=PEER, fd=7, addr=b""),
        captures.event("fcntl", 10, res=0, fd=7),
    )

    assert ("fcntl", "net", None, 0, None, None) == shown(replayed(LISTED, *events), "evt.category", *COUNTS)[-1]


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (captures.event("access", 10, res=-2, name=b"/x", mode=0), (None, None, None, 1)),
        (captures.event("openat", 10, fd=-2, dirfd=3, name=b"x", flags=1, mode=0), (1, None, None, None)),
        (captures.event("unlinkat", 10, res=-2, dirfd=3, name=b"x", flags=0), (None, None, None, 1)),
        (captures.event("connect", 10, res=-111, tuple=b"", fd=99, addr=b""), (None, 1, None, None)),
        (captures.event("fcntl", 10, res=-22, fd=3), (1, None, None, None)),
        (captures.event("fcntl", 10, res=-22, fd=4), (None, None, None, 1)),
        (captures.event("munmap", 10, res=-22), (None, None, 1, None)),
    ],
    ids=lambda one: "",
)
def test_what_a_failure_counts_as(replayed, shown, event, counts):
    """Failures count by the descriptor; without one by the call: opens as files, connects as network."""
    assert counts == shown(replayed(LISTED, OPEN, event), *COUNTS)[0][1:]


def test_a_share_of_a_thread_that_does_not_say_its_limit(replayed, shown):
    """Where the limit of descriptors is not known, none of it is used."""
    made = captures.event("clone", 10, res=11, comm=b"bash", tid=10, pid=10, ptid=1, vtid=10, vpid=10)
    events = (made, captures.event("openat", 11, fd=3, dirfd=-100, name=b"/x", flags=1, mode=0))

    assert ("openat", -1, 0.0) == shown(replayed(LISTED, *events), "proc.fdlimit", "proc.fdusage")[-1]
