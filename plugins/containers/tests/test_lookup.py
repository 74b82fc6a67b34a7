"""The lookup in the source's process: rows, and what is given up."""

from __future__ import annotations

import socket
import threading

import pytest

from falcohost.helpers import HELPERS, HelperEnded
from falcohost.lookups import GIVEN_UP, PENDING
from falcohost.port import SocketPort, serve_late
from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import wait_until
from falcohost_containers import lookup
from falcohost_containers.lookup import NOT_KNOWN, OLD, Containers
from falcohost_containers.rows import LONGEST_ID, Answer, Question, Row

WEB = ("f" * 64, "docker", "")


class Asked:
    """A port to a process that answers when it is told to."""

    def __init__(self) -> None:
        here, self._there = socket.socketpair()
        self.port: SocketPort[Question, Answer] = SocketPort(here, Answer)
        self.waiting: list[tuple[Question, object]] = []
        self.watching: list[object] = []
        self._thread = threading.Thread(target=serve_late, args=(self._there, Question, self._ask), daemon=True)
        self._thread.start()

    def _ask(self, question: Question, answer: object) -> None:
        if question.type:
            self.waiting.append((question, answer))
        else:
            self.watching.append(answer)

    def made(self, name: str) -> None:
        """Say that a container is made with this name."""
        wait_until(lambda: self.watching)
        self.watching.pop()(Answer(name, "", None))

    def answer(self, row: Row | None) -> None:
        """Answer the first question that has come, when it has come."""
        wait_until(lambda: self.waiting)
        question, answer = self.waiting.pop(0)
        answer(Answer(question.id, question.type, row, question.outer))

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
def containers(asked, clock):
    """Return the lookup."""
    made = Containers(asked.port, clock)
    yield made
    made.close()


def test_a_row_comes(containers, asked):
    """It is pending until it has come, and is asked for once."""
    assert [PENDING, PENDING] == [containers.find(WEB), containers.find(WEB)]
    asked.answer(Row(name="web"))
    wait_until(containers.poll)

    assert "web" == containers.find(WEB).name
    assert not asked.waiting
    assert 1 == len(containers)


def test_what_nobody_knows(containers, asked, clock):
    """It is given up, so that nothing waits; some seconds later it is asked for again, and nothing waits either."""
    containers.find(WEB)
    asked.answer(None)
    wait_until(containers.poll)
    assert GIVEN_UP is containers.find(WEB)
    assert 0 == len(containers)

    clock.sleep(NOT_KNOWN + 1)
    assert GIVEN_UP is containers.find(WEB)
    asked.answer(Row(name="web"))
    wait_until(containers.poll)
    assert "web" == containers.find(WEB).name


def test_a_container_that_is_named_by_its_id(containers, asked):
    """It has its name, though its runtime does not say anything of it."""
    containers.find(("web", "runc", ""))
    asked.answer(None)
    wait_until(containers.poll)

    assert Row(name="web", partial=True) == containers.find(("web", "runc", ""))


def test_a_row_that_is_old(containers, asked, clock):
    """It is asked for again, and stays until there is another; also if the runtime knows it no more."""
    containers.find(WEB)
    asked.answer(Row(name="web"))
    wait_until(containers.poll)
    for row in (None, Row(name="new")):
        clock.sleep(OLD + 1)
        assert "web" == containers.find(WEB).name
        asked.answer(row)
        wait_until(containers.poll)

    assert "new" == containers.find(WEB).name


def test_a_name_that_is_used_again(containers, asked):
    """What is known of a container is forgotten when another is made with its name, each time; other rows stay."""
    task, bare = ("web", "containerd", ""), ("job", "runc", "")
    for key in (WEB, task, bare):
        containers.find(key)
        asked.answer(Row(name=key[0]))
    wait_until(lambda: containers.poll() and len(containers) == 3)
    for name, left in (("web", 2), ("other", 2), (WEB[0], 2), ("job", 1)):
        asked.made(name)
        wait_until(containers.poll)
        assert left == len(containers)

    assert PENDING is containers.find(task)
    asked.answer(Row(name="another"))
    wait_until(containers.poll)
    assert ("another", PENDING, WEB[0]) == (
        containers.find(task).name,
        containers.find(bare),
        containers.find(WEB).name,
    )


def test_many_names_that_are_used_again(containers, asked):
    """Where too many were made, all that could have been made anew are forgotten."""
    for key in (WEB, ("web", "containerd", ""), ("job", "runc", "")):
        containers.find(key)
        asked.answer(Row(name=key[0]))
    wait_until(lambda: containers.poll() and len(containers) == 3)
    asked.made("")
    wait_until(containers.poll)

    assert (1, WEB[0]) == (len(containers), containers.find(WEB).name)


def test_few_are_kept(containers, asked, monkeypatch):
    """Those that were not read for the longest time are forgotten."""
    monkeypatch.setattr(lookup, "MOST", 2)
    for name in ("a", "b", "a", "c"):
        if containers.find((name, "docker", "")) is PENDING:
            asked.answer(Row(name=name))
            wait_until(containers.poll)

    found = [containers.find((name, "docker", "")) for name in "acb"]
    assert ["a", "c", PENDING] == [one if one is PENDING else one.name for one in found]
    assert 1 == containers.dropped


def test_the_host(containers, asked):
    """Nobody is asked about what is in no container, and nothing waits for it."""
    assert containers.find(("host", "host", "")) is None

    assert PENDING is containers.find(WEB)
    asked.answer(Row(name="web"))
    wait_until(containers.poll)
    assert not asked.waiting


@pytest.mark.parametrize(
    ("outer", "row", "found"),
    [
        ("docker/x", Row(name="outer", image="shop/web:1"), Row(name="outer", image="shop/web:1")),
        ("docker/x", None, Row(name="inner", partial=True)),
        (f"containerd/{'x' * 255}", Row(name="outer"), Row(name="outer")),
    ],
)
def test_a_name_that_a_container_has_chosen(containers, asked, outer, row, found):
    """Who is root in a container can name a cgroup in it like LXC does: its own image is asked for all the same."""
    name = ("inner", "lxc", outer)
    assert PENDING is containers.find(name)
    asked.answer(row)
    wait_until(containers.poll)

    assert found == containers.find(name)


@pytest.mark.parametrize("outer", ["", "lxc/x", "systemd-nspawn/x", "user/1000"])
def test_a_name_of_which_no_runtime_knows_more(containers, outer):
    """Containers of LXC, in none of another runtime, have their name at once."""
    assert Row(name="inner") == containers.find(("inner", "lxc", outer))


@pytest.mark.parametrize("length", [257, LONGEST_ID])
def test_a_long_name(containers, asked, length):
    """The answer is found again, so that nothing waits for it for ever."""
    key = ("n" * length, "lxc", "docker/x")
    containers.find(key)
    asked.answer(Row(name="outer"))
    wait_until(containers.poll)

    assert "outer" == containers.find(key).name


def test_a_process_that_has_ended(containers, asked):
    """The worker is told, which is replaced with it."""
    asked.end()

    with pytest.raises(HelperEnded):
        containers.poll()
    with pytest.raises(HelperEnded):
        containers.find(WEB)
        containers.find(("b", "docker", ""))


def test_who_is_not_asked():
    """LXC's containers have their name in the cgroup; without a process to ask, nothing is known of others."""
    made = Containers.from_settings({HELPERS: {}})

    assert "shop" == made.find(("shop", "lxc", "")).name
    assert made.find(WEB) is None
    assert (False, None) == (made.poll(), made.fileno())
    made.close()
