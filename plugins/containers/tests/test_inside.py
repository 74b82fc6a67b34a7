"""Containers that a runtime inside of another container has started, as files tell them."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from falcohost.testing.waiting import wait_until
from falcohost_containers import helper
from falcohost_containers.asking import Asking
from falcohost_containers.helper import Watching
from falcohost_containers.inside import MOST, Inside
from falcohost_containers.rows import Question, Row
from falcohost_containers.runtimes.storage import Podman

#: A user of the machine.
USER = 54_321

OUTER, OTHER, INNER, UNKNOWN = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def store(storage: Path, ident: str, name: str, *mounts: tuple[str, str], root: str = "", shares: str = "") -> None:
    """Keep a container in a storage, as podman does."""
    folder = storage / "vfs-containers"
    (folder / ident / "userdata").mkdir(parents=True)
    metadata = {"image-name": f"shop/{name}:1", "name": name}
    listed = json.loads((folder / "containers.json").read_text()) if (folder / "containers.json").exists() else []
    listed.append({"id": ident, "names": [name], "metadata": json.dumps(metadata)})
    (folder / "containers.json").write_text(json.dumps(listed))
    namespaces = [{"type": kind} for kind in ("pid", "network", "ipc") if kind != shares]
    config = {
        "mounts": [{"source": source, "destination": to, "options": []} for source, to in mounts],
        "linux": {"namespaces": namespaces},
        "root": {"path": root},
    }
    (folder / ident / "userdata/config.json").write_text(json.dumps(config))


@pytest.fixture
def asking(tmp_path) -> Asking:
    """Return root's podman, which has two containers; one has a storage in a volume."""
    store(tmp_path / "root", OUTER, "outer", (str(tmp_path / "volume"), "/var/lib/containers"))
    store(tmp_path / "root", OTHER, "other", root=str(tmp_path / "other"))
    return Asking([Podman([tmp_path / "root"], [], None)])


@pytest.fixture
def inside(asking) -> Inside:
    """Return what is asked."""
    return Inside(asking, 100)


def told(inside: Inside, container: str, outer: str = OUTER, kind: str = "podman") -> Row | None:
    """Return the row of a container in another."""
    found: list[Row | None] = []
    inside.ask(Question(container, kind, f"podman/{outer}"), found.append)
    wait_until(lambda: found)
    return found[0]


def named(row: Row | None) -> tuple[str, str, bool] | None:
    """Return name and image, and whether there is more to know."""
    return None if row is None else (row.name, row.image, row.partial)


def test_in_a_volume(inside, tmp_path):
    """The storage is where the volume is."""
    store(tmp_path / "volume/storage", INNER, "web")

    assert ("web", "shop/web:1", False) == named(told(inside, INNER))


def test_below_the_root(inside, tmp_path):
    """Without a volume, the storage is below the root of the outer container."""
    store(tmp_path / "other/var/lib/containers/storage", INNER, "web")

    assert ("web", "shop/web:1", False) == named(told(inside, INNER, OTHER))


def test_a_storage_of_a_user_of_the_container(inside, tmp_path):
    """It is known by the end of the path of a volume."""
    mount = (str(tmp_path / "of user"), "/home/podman/.local/share/containers")
    store(tmp_path / "root", UNKNOWN, "third", mount)
    store(tmp_path / "of user/storage", INNER, "[web]*")

    assert ("[web]*", "shop/[web]*:1", False) == named(told(inside, INNER, UNKNOWN))


def test_what_is_not_known(inside, tmp_path):
    """It is told as the outer one, and that there is more to know."""
    store(tmp_path / "volume/storage", INNER, "web")

    assert ("outer", "shop/outer:1", True) == named(told(inside, UNKNOWN))
    assert told(inside, INNER, UNKNOWN) is None


def test_whoever_fills_the_storage_decides_about_no_other(inside, asking, tmp_path):
    """What is written in a container's volume is told of containers in that one only."""
    store(tmp_path / "volume/storage", INNER, "web")
    store(tmp_path / "volume/storage", OTHER, "false")
    found: list[Row | None] = []
    told(inside, INNER)
    for container in (INNER, OTHER):
        asking.ask(container, "podman", found.append)
    wait_until(lambda: len(found) == 2)

    assert {None, ("other", "shop/other:1", False)} == set(map(named, found))
    assert ("other", "shop/other:1", True) == named(told(inside, INNER, OTHER))


def test_namespaces(inside, tmp_path):
    """The namespaces of its host are those of the outer container."""
    store(tmp_path / "volume/storage", INNER, "web", shares="network")

    assert frozenset() == (told(inside, INNER) or Row()).shares


@pytest.mark.parametrize(("user", "found"), [(USER, ("web", "shop/web:1", False)), (USER + 1, None)])
def test_cgroups_of_a_user(asking, tmp_path, user, found):
    """What is known of a container there is what is in files of the same user; nothing of root's or of another's."""
    store(tmp_path / "of user", INNER, "web")
    for path in (tmp_path / "of user").rglob("*"):
        os.chown(path, USER, USER)
    asking = Asking([Podman([tmp_path / "root"], [str(tmp_path / "of user")], None)])
    rows: list[Row | None] = []
    for container in (INNER, OUTER):
        Inside(asking, 100).ask(Question(container, "podman", f"user/{user}"), rows.append)
        wait_until(lambda: rows)
        assert (found if container == INNER else None) == named(rows.pop())


def test_volumes_of_a_users_container(tmp_path):
    """A user's files say nothing of a container that root has named, nor where containers in it are read."""
    store(tmp_path / "root", INNER, "web")
    store(tmp_path / "of user/storage", OUTER, "outer", (str(tmp_path), "/var/lib/containers"))
    (tmp_path / "root").rename(tmp_path / "storage")
    for path in (tmp_path / "of user").rglob("*"):
        os.chown(path, USER, USER)
    asking = Asking([Podman([], [str(tmp_path / "of user/storage")], None)])

    assert named(told(Inside(asking, 100), INNER)) is None
    assert [] == asking.further


def test_many_outer_containers(inside, asking, tmp_path):
    """The runtimes of those that were asked for last are remembered."""
    for number in range(MOST + 8):
        mounts = (f"{tmp_path}/{number}", "/var/lib/docker")
        store(tmp_path / "root", f"{number:064x}", f"outer-{number}", mounts)
        told(inside, UNKNOWN, f"{number:064x}")

    assert MOST == len(asking.further)


def test_a_user_who_claims_a_container(tmp_path):
    """What a user's storage has of a container whose cgroup root has named is not told, though no other has it."""
    (tmp_path / "root/vfs-containers").mkdir(parents=True)
    store(tmp_path / "of user/storage", OTHER, "web")
    for path in (tmp_path / "of user").rglob("*"):
        os.chown(path, USER, USER)
    asking = Asking([Podman([tmp_path / "root"], [str(tmp_path / "of user/storage")], None)])
    found: list[Row | None] = []
    asking.ask(OTHER, "podman", found.append)
    asking.ask(OTHER, "podman", found.append, user=str(USER))
    wait_until(lambda: len(found) == 2)

    assert {None, "web"} == {row and row.name for row in found}
    assert found[0] is None or found[1] is None


@pytest.fixture
def only_told(monkeypatch) -> None:
    """Have nothing found by chance, by looking for folders from time to time."""
    monkeypatch.setattr(helper, "LOOK", 1000.0)


def keep_for_docker(containers: Path, ident: str, name: str) -> None:
    """Keep a container that runs, as docker does."""
    config = {"ID": ident, "Name": f"/{name}", "Image": "", "Config": {"Image": f"shop/{name}:1"}}
    (containers / ident).mkdir(parents=True)
    (containers / ident / "hostconfig.json").write_text("{}")
    (containers / ident / "config.v2.json").write_text(json.dumps({**config, "State": {"Running": True}}))


def test_a_folder_that_comes_with_the_first_container(tmp_path, only_told):
    """Containers of a docker that has just begun are noticed, however soon they are gone."""
    volume = tmp_path / "volume"
    volume.mkdir()
    store(tmp_path / "root", OUTER, "outer", (str(volume), "/var/lib/docker"))
    asking = Asking([Podman([tmp_path / "root"], [], None)])
    inside = Inside(asking, 100)
    threading.Thread(target=Watching(asking).run, daemon=True).start()
    wait_until(lambda: asking.further)
    (docker,) = (one for one in asking.further if one.engine.name == "docker")
    time.sleep(0.1)
    keep_for_docker(volume / "containers", INNER, "inner")
    wait_until(lambda: docker._known.get(INNER))
    shutil.rmtree(volume / "containers" / INNER)

    assert Row(name="inner", image="shop/inner:1").name == (told(inside, INNER, kind="docker") or Row()).name


def test_a_storage_that_comes_with_the_first_container(tmp_path, asking, inside, only_told):
    """The same with podman, whose folders in the volume come one after the other."""
    threading.Thread(target=Watching(asking).run, daemon=True).start()
    wait_until(lambda: asking.further)
    (podman,) = asking.further
    time.sleep(0.1)
    (tmp_path / "volume").mkdir()
    time.sleep(0.1)
    store(tmp_path / "volume/storage", INNER, "inner")
    wait_until(lambda: podman._known.get(INNER))
