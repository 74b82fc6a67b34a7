"""Runtimes are asked side by side; a slow one, one that is gone or one that lies delays no other."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from falcohost.testing.waiting import PATIENCE as WAIT
from falcohost.testing.waiting import wait_until
from falcohost_containers import asking
from falcohost_containers.asking import Asking, Place
from falcohost_containers.rows import Row
from falcohost_containers.runtimes.engine import Incomplete, RuntimeFailed


class Runtime:
    """A runtime that answers by *says*: a row, None, or an exception, by the container's id."""

    def __init__(self, name: str, **says: object) -> None:
        self.name, self.types, self.ids = name, frozenset({name, "any"}), re.compile("[a-z]+")
        self.reads_files = False
        self.says: dict[str, object] = says
        self.asked: list[str] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def find(self, container: str) -> Row | None:
        """Return what it says."""
        self.asked.append(container)
        assert self.goes_on.wait(WAIT)
        said = self.says.get(container)
        if isinstance(said, Exception):
            raise said
        assert said is None or isinstance(said, Row)
        return said

    def running(self) -> list[str]:
        """Return what it knows."""
        return [*self.says]

    def folders(self) -> list[Path]:
        """Return nothing."""
        return []


@pytest.fixture
def quick(monkeypatch):
    """Have everything given up soon."""
    monkeypatch.setattr(asking, "PATIENCE", 0.2)
    monkeypatch.setattr(asking, "NONE", 0.1)


def answers(*runtimes: Runtime) -> tuple[Asking, list[Row | None], object]:
    """Return what asks, the rows that have come, and a function that asks."""
    told: list[Row | None] = []
    asking = Asking(runtimes)
    return asking, told, lambda container, kind: asking.ask(container, kind, told.append)


def test_a_row_is_asked_for_once():
    """What was found is kept, also when the runtime has forgotten it."""
    runtime = Runtime("a", web=Row(name="web"))
    _, told, ask = answers(runtime)
    ask("web", "a")
    wait_until(lambda: told)
    runtime.says.clear()
    ask("web", "a")

    assert [Row(name="web")] * 2 == told
    assert ["web"] == runtime.asked


def test_a_slow_runtime_delays_no_other():
    """While one does not answer, another one does."""
    slow, other = Runtime("slow", web=Row(name="late")), Runtime("other", web=Row(name="here"))
    slow.goes_on.clear()
    _, told, ask = answers(slow, other)
    for name in ("x", "y", "z", "web", "v", "w"):
        ask(name, "slow")
    ask("web", "any")
    wait_until(lambda: told)
    slow.goes_on.set()

    assert [Row(name="here")] == told[:1]


@pytest.mark.parametrize("failure", [RuntimeFailed("x"), OSError(), ValueError("x"), RecursionError(), MemoryError()])
def test_a_runtime_that_recovers(failure):
    """It is asked again until it answers."""
    runtime = Runtime("a", web=failure)
    asking, told, ask = answers(runtime)
    ask("web", "a")
    wait_until(lambda: len(runtime.asked) > 1)
    runtime.says["web"] = Row(name="web")
    wait_until(lambda: told)

    assert [Row(name="web")] == told
    assert asking.runtimes[0].failed > 0


def test_what_is_given_up(quick):
    """A runtime that does not answer, a container that is in none, and a type that nobody has, are not known."""
    _, told, ask = answers(Runtime("a", web=OSError()), Runtime("b"))
    for container, kind in (("web", "a"), ("web", "b"), ("web", "any"), ("web", "c"), ("UPPER", "a")):
        ask(container, kind)
    wait_until(lambda: len(told) == 5)

    assert [None] * 5 == told


def test_what_is_being_made(quick):
    """A container is waited for that is not there yet, or of which not everything is; else what there is has to do."""
    runtime = Runtime("a", half=Incomplete(Row(name="half")))
    _, told, ask = answers(runtime)
    ask("half", "a")
    wait_until(lambda: told)
    assert [Row(name="half", partial=True)] == told
    runtime.says["half"] = Row(name="half")
    ask("half", "a")
    wait_until(lambda: len(told) > 1)
    assert Row(name="half") == told.pop()

    ask("web", "a")
    wait_until(lambda: "web" in runtime.asked)
    runtime.says["web"] = Incomplete(Row(name="web"))
    wait_until(lambda: runtime.asked.count("web") > 2)
    runtime.says["web"] = Row(name="web", image="x")
    wait_until(lambda: len(told) > 1)
    assert Row(name="web", image="x") == told[1]


@pytest.mark.parametrize("how", ["slow", "gone"])
def test_what_was_known_before(monkeypatch, how):
    """What was known while a container was made is told if its runtime is slow afterwards, or has removed it."""
    monkeypatch.setattr(asking, "ENOUGH", 0.05)
    monkeypatch.setattr(asking, "NONE", 0.1)
    monkeypatch.setattr(asking, "PATIENCE", 0.1)
    runtime = Runtime("a", web=Incomplete(Row(name="web")))
    here, told, ask = answers(runtime)
    ask("web", "a")
    wait_until(lambda: told)
    wait_until(lambda: not here.runtimes[0]._searches)
    runtime.says.clear()
    if how == "slow":
        runtime.goes_on.clear()
    ask("web", "a")
    wait_until(lambda: len(told) > 1)
    runtime.goes_on.set()

    assert [Row(name="web", partial=True)] * 2 == told


def test_an_answer_that_is_out_of_date():
    """Whoever asks later does not wait for an answer that began before the container was there."""
    runtime = Runtime("a")
    runtime.goes_on.clear()
    _, told, ask = answers(runtime)
    ask("web", "a")
    wait_until(lambda: runtime.asked)
    runtime.find = lambda container: Row(name=container)
    time.sleep(2 * asking.LONGEST_PAUSE)
    ask("web", "a")
    wait_until(lambda: len(told) > 1)
    runtime.goes_on.set()

    assert [Row(name="web")] * 2 == told


def test_what_is_known_in_brief(monkeypatch):
    """What a runtime says at once is told while it takes long to say more; that comes later."""
    monkeypatch.setattr(asking, "ENOUGH", 0.05)
    runtime = Runtime("a", web=Row(name="web", image="x"))
    runtime.brief = lambda container: Row(name=container)
    runtime.goes_on.clear()
    _, told, ask = answers(runtime)
    ask("web", "a")
    wait_until(lambda: told)
    assert [Row(name="web", partial=True)] == told

    ask("web", "a")
    runtime.goes_on.set()
    wait_until(lambda: len(told) > 1)
    assert "web" == (told[1] or Row()).name


class Late(Runtime):
    """A runtime whose answers are under way for long."""

    def find(self, container: str) -> Row | None:
        """Return what it said when it was asked."""
        said = self.says.get(container)
        super().find("")
        if isinstance(said, Incomplete):
            raise said
        assert isinstance(said, Row)
        return said


OLD = Row(name="web", image="old")


@pytest.mark.parametrize("old", [OLD, Incomplete(OLD)], ids=["whole", "incomplete"])
def test_an_answer_about_an_earlier_container_of_the_same_name(old):
    """It counts for nothing once there is another one, of which those who wait are told."""
    runtime, heard = Late("a", web=old), []
    runtime.goes_on.clear()
    here, told, ask = answers(runtime)
    here.found = lambda container, row: heard.append(row)
    ask("web", "a")
    wait_until(lambda: runtime.asked)
    here.runtimes[0].end("web")
    runtime.says["web"] = new = Row(name="web", image="new")
    here.runtimes[0].begin("web")
    wait_until(lambda: len(runtime.asked) == 2)
    runtime.goes_on.set()
    wait_until(lambda: told)

    assert [new] == told == heard
    ask("web", "a")
    assert [new] * 2 == told


@pytest.mark.parametrize("reads_files", [False, True])
def test_news_of_a_container(monkeypatch, reads_files):
    """What has come for a container is looked at without delay."""
    monkeypatch.setattr(asking, "PAUSE", WAIT)
    monkeypatch.setattr(asking, "NONE", WAIT)
    runtime = Runtime("a")
    runtime.reads_files = reads_files
    here, told, ask = answers(runtime)
    ask("web", "a")
    wait_until(lambda: runtime.asked)
    time.sleep(0.05)
    runtime.says["web"] = Row(name="web")
    here.runtimes[0].hurry("web")
    here.runtimes[0].hurry("other")
    wait_until(lambda: told)

    assert [Row(name="web")] == told


def test_all_that_run():
    """Those that run are asked for before anybody wants to know, as far as the runtime can list them."""
    runtime = Runtime("a", web=Row(name="web"), db=Row(name="db"))
    here, told, ask = answers(runtime)
    here.runtimes[0].all()
    wait_until(lambda: len(runtime.asked) == 2)
    ask("web", "a")
    wait_until(lambda: told)

    assert ["db", "web"] == sorted(runtime.asked)


def test_too_many_at_once(monkeypatch):
    """More than so many are not looked for at a time; they are not known for now."""
    monkeypatch.setattr(asking, "MOST_ASKED", 2)
    runtime = Runtime("a")
    runtime.goes_on.clear()
    _, told, ask = answers(runtime)
    for name in ("x", "y", "z"):
        ask(name, "a")
    runtime.goes_on.set()

    assert [None] == told[:1]


def test_a_runtime_that_comes(tmp_path):
    """What asks it is made once, with the first question about such a container, or when it is looked for."""
    runtime, made = Runtime("a", web=Row(name="web")), []
    place = Place(("a",), (tmp_path / "socket").exists, lambda: made.append(1) or runtime)
    here, told = Asking(places=[place]), []
    here.look()
    here.ask("web", "a", told.append)
    assert ([], [None]) == (made, told)

    (tmp_path / "socket").touch()
    here.ask("web", "b", told.append)
    assert ([], [None, None]) == (made, told)
    here.ask("web", "a", told.append)
    here.look()
    wait_until(lambda: len(told) == 3)
    assert ([1], Row(name="web")) == (made, told[2])
