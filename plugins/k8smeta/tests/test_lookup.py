"""The lookup in the source's process: which pod, what is asked again, what is given up."""

from __future__ import annotations

import socket
import threading

import pytest

from falcohost.helpers import HELPERS, HelperEnded
from falcohost.lookups import GIVEN_UP, PENDING, CountingLookup
from falcohost.port import SocketPort, serve_late
from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import wait_until
from falcohost_k8smeta import lookup
from falcohost_k8smeta.lookup import NOT_KNOWN, OLD, STALE, PodLookup, pod_of
from falcohost_k8smeta.rows import Answer, Question, Row, Thing

UID = "05869489-8c7f-45dc-9abd-1b1620787bb1"
CGROUPS = f"cpu=/kubepods/besteffort/pod{UID}/abc memory=/"
KEY = (CGROUPS, "cri", "")


def row(name="web", **more) -> Row:
    """Return a row."""
    return Row(pod=Thing("Pod", name, UID, {}), namespace=Thing("Namespace", "shop", "1", {}), **more)


class Asked:
    """A port to a process that answers when it is told to."""

    def __init__(self) -> None:
        here, self._there = socket.socketpair()
        self.port: SocketPort[Question, Answer] = SocketPort(here, Answer)
        self.waiting: list[tuple[Question, object]] = []
        self._thread = threading.Thread(target=serve_late, args=(self._there, Question, self._ask), daemon=True)
        self._thread.start()

    def _ask(self, question: Question, answer: object) -> None:
        self.waiting.append((question, answer))

    def next(self, uid: str = UID) -> Question:
        """Return the next question about *uid*, when it has come."""
        wait_until(lambda: any(question.uid == uid for question, _ in self.waiting))
        return next(question for question, _ in self.waiting if question.uid == uid)

    def answer(self, found: Row | None, uid: str = UID, **more: object) -> None:
        """Answer the next question about *uid*."""
        wanted = self.next(uid)
        place = next(place for place, (question, _) in enumerate(self.waiting) if question is wanted)
        _, tell = self.waiting.pop(place)
        tell(Answer(uid, found, **more))

    def end(self) -> None:
        """End the process."""
        self._there.shutdown(socket.SHUT_RDWR)
        self._thread.join()


@pytest.fixture
def asked():
    """Return the port."""
    return Asked()


@pytest.fixture
def clock():
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture
def pods(asked, clock):
    """Return the lookup."""
    made = PodLookup(asked.port, clock)
    yield made
    made.close()


def came(pods):
    """Wait until a row has come."""
    wait_until(pods.poll)


@pytest.mark.parametrize(
    "cgroups",
    [
        f"cpu=/kubepods/besteffort/pod{UID}/abc memory=/kubepods/besteffort/pod{UID}/abc",
        f"=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID.replace('-', '_')}.slice/cri-o-f.scope",
        f"cpuset=/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UID}.slice/cri-containerd-2f.scope",
        f"cpu=/docker/{'f' * 64}/kubelet/kubepods/pod{UID}/abc",
        f"cpu=/system.slice memory=/kubepods/pod{UID}",
        f"cpu=/kubepods/pod{UID}/abc/kubepods/pod{UID.replace('1', '2')}/abc",
    ],
)
def test_a_pods_cgroups(cgroups):
    """The pod is told by its cgroup, whichever driver has made it; what is named like one inside of it is not."""
    assert UID == pod_of(cgroups)


@pytest.mark.parametrize(
    "cgroups",
    [
        "", "cpu=/", "cpu=/system.slice/a.service", f"cpu=/pod{UID}", f"cpu=/kubepods/pod{UID}x", "cpu=/kubepods/podx",
        f"=/user.slice/user-1000.slice/kubepods/pod{UID}/abc",
        f"=/user.slice/x cpu=/kubepods/pod{UID}/abc",
        f"=/libpod-x/x/xkubepods/opod{UID}",
        f"=.../a/kubepods/pod{UID}/abc",
        f"=.../a\\x20cpu=/kubepods/pod{UID}/abc",
    ],
)  # fmt: skip
def test_no_pods_cgroups(cgroups):
    """What the kubelet does not name so is no pod, nor what users name below their own."""
    assert "" == pod_of(cgroups)


def test_a_pod_from_a_file_of_the_node():
    """Its uid has no dashes in either."""
    assert "0123456789abcdef" * 2 == pod_of(f"cpu=/kubepods/burstable/pod{'0123456789abcdef' * 2}/abc")


def test_a_row_comes(pods, asked):
    """It is pending until it has come, and is asked for once."""
    assert [PENDING, PENDING] == [pods.find(KEY), pods.find(KEY)]
    asked.answer(row(), pods=7)
    came(pods)

    assert "web" == pods.find(KEY).pod.name
    assert 7 == len(pods)
    assert [] == [question for question, _ in asked.waiting if question.uid]


def test_outside_of_pods(pods, asked):
    """Nobody is asked about other cgroups, nor about those that are named so and are no container's, or a user's."""
    assert pods.find(("cpu=/system.slice", "cri", "")) is None
    assert pods.find((CGROUPS, "host", "")) is None
    assert pods.find((CGROUPS, "cri", "user/1000")) is None
    assert [] == asked.waiting


def test_a_row_of_which_something_is_missing(pods, asked):
    """It is used at once, and all of it is asked for."""
    pods.find(KEY)
    assert not asked.next().all
    asked.answer(row(missing=frozenset({"owners"})))
    came(pods)
    assert {"owners"} == pods.find(KEY).missing
    assert asked.next().all
    asked.answer(row("whole"))
    came(pods)

    assert "whole" == pods.find(KEY).pod.name


def test_what_nobody_knows(pods, asked, clock):
    """It is given up, so that nothing waits; some seconds later it is asked for again, and nothing waits either."""
    pods.find(KEY)
    asked.answer(None)
    came(pods)
    assert GIVEN_UP is pods.find(KEY)

    clock.sleep(NOT_KNOWN + 1)
    assert GIVEN_UP is pods.find(KEY)
    asked.answer(row())
    came(pods)
    assert "web" == pods.find(KEY).pod.name


def test_a_row_that_is_old(pods, asked, clock):
    """It is asked for again and used meanwhile; one that was not read for long is waited for; none is forgotten."""
    pods.find(KEY)
    asked.answer(row())
    came(pods)
    clock.sleep(OLD + 0.1)
    assert "web" == pods.find(KEY).pod.name
    asked.answer(row("new"))
    came(pods)
    clock.sleep(STALE + 1)
    assert PENDING is pods.find(KEY)
    asked.answer(None)
    came(pods)

    assert "new" == pods.find(KEY).pod.name


def test_few_are_kept(pods, asked, monkeypatch):
    """Those that were not read for the longest time are forgotten, of pods and of cgroups."""
    monkeypatch.setattr(lookup, "MOST", 2)
    uids = [UID.replace("1", one) for one in "234"]
    keys = [(f"cpu=/kubepods/pod{uid}/a", "cri", "") for uid in uids]
    for key, uid in zip(keys, uids, strict=True):
        pods.find(key)
        asked.answer(row(uid), uid)
        came(pods)

    assert [PENDING, uids[1], uids[2]] == [
        one if one is PENDING else one.pod.name for one in (pods.find(keys[0]), pods.find(keys[1]), pods.find(keys[2]))
    ]
    assert 1 == pods.dropped


def test_what_is_not_reached(pods, asked, clock):
    """It is asked for once a second, and told as it was last said."""
    assert ("", 0) == pods.problem()
    for turn in range(3):
        pods.poll()
        asked.answer(None, "", problem="pods: refused" if turn < 2 else "", seconds=turn)
        wait_until(
            lambda turn=turn: not pods.poll() and pods.problem() == (("pods: refused", turn) if turn < 2 else ("", 2))
        )
        clock.sleep(1.1)


def test_what_was_left_out(pods, asked):
    """It is counted as the process that watches said it last."""
    pods.poll()
    asked.answer(None, "", left_out=2, odd=3)
    wait_until(lambda: not pods.poll() and any(pods.counts().values()))
    of = "objects of the API server"

    assert isinstance(pods, CountingLookup)
    assert {f"{of} without room": 2, f"{of} that cannot be read": 3} == pods.counts()


def test_answers_to_no_question(pods, asked):
    """They are not believed."""
    pods.find(KEY)
    other = UID.replace("1", "2")
    wait_until(lambda: asked.waiting)
    asked.waiting[0][1](Answer(other, row("other")))
    asked.answer(row())
    wait_until(lambda: pods.poll() and pods.find(KEY) is not PENDING)

    assert PENDING is pods.find((f"cpu=/kubepods/pod{other}", "cri", ""))


def test_a_process_that_has_ended(pods, asked):
    """The worker is told, which is replaced with it."""
    asked.end()

    with pytest.raises(HelperEnded):
        pods.poll()


def test_nobody_to_ask():
    """Without a process nothing is known, and nothing waits."""
    made = PodLookup.from_settings({HELPERS: {}})

    assert made.find(KEY) is None
    assert (False, None, ("", 0), {}) == (made.poll(), made.fileno(), made.problem(), made.counts())
    made.close()
