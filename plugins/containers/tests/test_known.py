"""What is known of containers takes little memory, and is forgotten some time after they are over."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import need
from msgspec import structs

from falcohost.testing.waiting import wait_until
from falcohost_containers import asking as asking_module
from falcohost_containers import known
from falcohost_containers.asking import Asking
from falcohost_containers.helper import Watching
from falcohost_containers.known import Known
from falcohost_containers.rows import Mount, Pod, Row
from falcohost_containers.runtimes.bare import Bare

ROW = Row(
    name="web", image="a:1", labels={"a": "1"}, mounts=(Mount("/a", "/b"),), privileged=True, shares=frozenset({"pid"}),
    pod=Pod(name="shop-0", labels={"b": "2"}), healthcheck=("cat", "/alive"), readiness=(),
)  # fmt: skip


def test_a_row_stays_as_it_was():
    """A row that was kept is told with all that it had."""
    here = Known()
    here.keep("web", ROW)

    assert ROW == here.get("web")
    assert here.get("other") is None


def test_more_is_not_replaced_by_less():
    """Of a whole row and a partial one, the whole one stays, whichever comes first."""
    here, partial = Known(), structs.replace(ROW, image="", partial=True)
    here.keep("web", partial)
    assert (partial, False) == (here.get("web"), here.has_whole("web"))
    here.keep("web", ROW)
    here.keep("web", partial)

    assert (ROW, True) == (here.get("web"), here.has_whole("web"))


def test_no_more_room(monkeypatch):
    """Containers that are over make room first, then those that have been known for longest."""
    monkeypatch.setattr(known, "MOST", 3)
    here = Known()
    for name in ("a", "b", "c"):
        here.keep(name, ROW)
    here.end("unknown")
    here.end("b")
    here.keep("d", ROW)
    assert [True, False, True, True] == [here.get(name) is not None for name in "abcd"]
    here.keep("e", ROW)
    assert [False, False, True, True, True] == [here.get(name) is not None for name in "abcde"]

    for number in range(10):
        here.end(f"unknown-{number}")
    assert 3 >= len(here._over)


def test_containers_that_are_over(monkeypatch):
    """They are known for a while, since events of them may still come."""
    monkeypatch.setattr(known, "OVER", 1000.0)
    here = Known()
    for name in ("a", "b"):
        here.keep(name, ROW)
    here.end("a")
    here.forget_old()
    assert 2 == len(here)

    monkeypatch.setattr(known, "OVER", -1.0)
    here.forget_old()
    assert (None, ROW) == (here.get("a"), here.get("b"))


class Runc:
    """Starts containers of runc, with states and bundle in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.states, self._folder = folder / "states", folder
        (folder / "rootfs/bin").mkdir(parents=True)
        self.states.mkdir()
        shutil.copy("/bin/busybox", folder / "rootfs/bin/sleep")
        subprocess.run(["runc", "spec"], cwd=folder, check=True)
        self._running: set[str] = set()

    def start(self, name: str, owner: str) -> None:
        """Start the container *name*, with a label."""
        config = json.loads((self._folder / "config.json").read_text())
        config["process"] |= {"terminal": False, "args": ["/bin/sleep", "1000"]}
        config["annotations"] = {"owner": owner}
        (self._folder / "config.json").write_text(json.dumps(config))
        self._run("run", "-d", "-b", str(self._folder), name)
        self._running.add(name)

    def delete(self, name: str) -> None:
        """End the container *name*."""
        self._run("delete", "-f", name)
        self._running.discard(name)

    def close(self) -> None:
        """End all."""
        for name in [*self._running]:
            self.delete(name)

    def _run(self, *command: str) -> None:
        nothing = subprocess.DEVNULL
        command = ("runc", "--root", str(self.states), *command)
        subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, check=True)


@pytest.fixture
def runc(tmp_path) -> Iterator[Runc]:
    """Return a runtime whose containers are noticed and asked for."""
    need("containerd", "runc", "busybox")
    here = Runc(tmp_path)
    yield here
    here.close()


def test_a_container_is_over(runc, monkeypatch):
    """It is forgotten when its runtime has removed it, after some time; so is its folder."""
    monkeypatch.setattr(known, "OVER", 0.1)
    asking = Asking([Bare([runc.states])])
    watching = Watching(asking)
    threading.Thread(target=watching.run, daemon=True).start()
    rows, name = asking.runtimes[0]._known, f"bare-{secrets.token_hex(4)}"
    wait_until(lambda: watching._owners)
    runc.start(name, "ann")
    wait_until(lambda: rows.has_whole(name))
    assert {runc.states / name} == {*watching._made}
    runc.delete(name)
    wait_until(lambda: not len(rows))

    assert {} == watching._made == watching._fresh == rows._over


def test_another_container_of_the_same_name(runc):
    """What is told is of the one that runs now."""
    asking = Asking([Bare([runc.states])])
    watching = Watching(asking)
    threading.Thread(target=watching.run, daemon=True).start()
    wait_until(lambda: watching._owners)
    rows, name = asking.runtimes[0]._known, f"bare-{secrets.token_hex(4)}"
    for owner in ("ann", "bob"):
        runc.start(name, owner)
        wait_until(lambda owner=owner: owner in (rows.get(name) or Row()).labels.values())
        runc.delete(name)
        wait_until(lambda: name in rows._over)

    assert "bob" == (rows.get(name) or Row()).labels["owner"]


@pytest.fixture
def states(tmp_path) -> Path:
    """Return the folder in which a runtime keeps the states of containers."""
    (tmp_path / "states").mkdir()
    return tmp_path / "states"


def write_state(folder: Path, owner: str) -> None:
    """Write the state of a container, as runc does: under another name first."""
    (folder / "new").write_text(json.dumps({"config": {"labels": [f"owner={owner}"]}}))
    (folder / "new").replace(folder / "state.json")


def test_a_state_that_comes_late(states, monkeypatch):
    """A busy machine may take longer to write it than it is looked for; the source is told to ask again."""
    monkeypatch.setattr(asking_module, "NONE", 0.0)
    asking = Asking([Bare([states])])
    watching, (runc,), told = Watching(asking), asking.runtimes, []
    watching._look()
    (states / "web").mkdir()
    watching._take()
    wait_until(lambda: not runc._searches)
    asking.again.ask(told.append)
    asking.again.ask(told.append)
    assert ["web"] == told
    write_state(states / "web", "ann")
    watching._take()
    wait_until(lambda: runc._known.has_whole("web"))

    assert (["web"] * 2, {"owner": "ann"}) == (told, (runc._known.get("web") or Row()).labels)


def test_a_name_that_is_used_again_at_once(states, monkeypatch):
    """What comes into the folder of the second container is noticed, also if all of this is read in one go."""
    monkeypatch.setattr(asking_module, "PAUSE", 1000.0)
    asking = Asking([Bare([states])])
    watching, (runc,) = Watching(asking), asking.runtimes
    watching._look()
    (states / "web").mkdir()
    (states / "web").rmdir()
    (states / "web").mkdir()
    watching._take()
    assert [states / "web"] == [*watching._made]
    write_state(states / "web", "bob")
    watching._take()

    assert {"owner": "bob"} == (runc._known.get("web") or Row()).labels
