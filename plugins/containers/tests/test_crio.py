"""What CRI-O keeps of its containers is read, and nobody else's storage says what they are."""

from __future__ import annotations

import json
import shutil
import threading

import pytest
from crio_storage import IMAGE, NAMES, UID, write

from falcohost.testing.waiting import wait_until
from falcohost_containers.asking import Asking
from falcohost_containers.config import Config
from falcohost_containers.helper import Watching, places
from falcohost_containers.rows import Mount, Row
from falcohost_containers.runtimes.crio import Crio
from falcohost_containers.runtimes.engine import Incomplete
from falcohost_containers.runtimes.storage import Podman

SANDBOX, CONTAINER, OTHER = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def crio(tmp_path):
    """Return the reader of a storage with a pod and a container."""
    write(tmp_path, SANDBOX, CONTAINER)
    return Crio([tmp_path / "none", tmp_path])


def test_a_container(crio):
    """It has its names in Kubernetes, its image, labels, mounts and pod, as CRI-O would tell them."""
    row = crio.find(CONTAINER)
    assert row is not None

    assert ("web", f"{IMAGE}:2", "1" * 12) == (row.name, row.image, row.image_id)
    assert (IMAGE, "2", f"sha256:{'3' * 64}") == (row.repository, row.tag, row.digest)
    assert {**NAMES, "io.kubernetes.container.name": "web"} == row.labels
    mounts = [
        ("/srv/data", "/data", "", False, "private"),
        ("/var/lib/kubelet/hosts", "/etc/hosts", "", True, "rslave"),
    ]
    assert tuple(Mount(*one) for one in mounts) == row.mounts
    assert ({"network"}, (), None, "10.85.0.7") == (row.shares, row.healthcheck, row.liveness, row.ip)
    pod = row.pod
    assert (SANDBOX, "shop-0", "prod", UID, "10.85.0.7") == (pod.sandbox, pod.name, pod.namespace, pod.uid, pod.ip)
    assert {**NAMES, "app": "shop"} == pod.labels


def test_a_sandbox(crio):
    """It has the name and the labels of its pod, and no image, as with every runtime of Kubernetes."""
    row = crio.find(SANDBOX)
    assert row is not None

    assert ("shop-0", "", "shop", UID) == (row.name, row.image, row.labels["app"], row.pod.uid)


def test_what_there_is(crio, tmp_path):
    """All containers and sandboxes are known, and the folder in which new ones appear; others are not."""
    assert [SANDBOX, CONTAINER] == [*crio.running()]
    assert [tmp_path / "overlay-containers"] == [*crio.folders()]
    assert crio.find(OTHER) is None


@pytest.mark.parametrize("missing", [SANDBOX, CONTAINER])
def test_while_it_is_made(crio, tmp_path, missing):
    """Before all files are written, what is known is told as incomplete."""
    (tmp_path / f"overlay-containers/{missing}/userdata/config.json").unlink()
    with pytest.raises(Incomplete) as told:
        crio.find(CONTAINER)

    assert ("web", f"{IMAGE}:2", "shop-0") == (told.value.row.name, told.value.row.image, told.value.row.pod.name)


@pytest.mark.parametrize("note", ["[", "5", '{"a": 5}'])
def test_notes_that_are_something_else(crio, tmp_path, note):
    """They are an error of a kind that is expected."""
    path = tmp_path / f"overlay-containers/{CONTAINER}/userdata/config.json"
    path.write_text(json.dumps({"annotations": {"io.kubernetes.cri-o.Volumes": note}}))
    with pytest.raises(ValueError):
        crio.find(CONTAINER)


def test_containers_of_podman(crio, tmp_path):
    """A container of podman in the same storage is none of CRI-O's, which is told as podman tells it."""
    stored = json.loads((tmp_path / "overlay-containers/volatile-containers.json").read_text())
    metadata = json.dumps({"image-name": f"{IMAGE}:2", "image-id": "1" * 64, "name": "mine"})
    stored.append({"id": OTHER, "names": ["mine"], "image": "1" * 64, "metadata": metadata})
    (tmp_path / "overlay-containers/volatile-containers.json").write_text(json.dumps(stored))
    assert crio.find(OTHER) is None
    assert OTHER not in [*crio.running()]

    with pytest.raises(Incomplete) as told:
        Podman([tmp_path], [], None).find(OTHER)
    assert "mine" == told.value.row.name


def test_users_do_not_say_what_pods_are(tmp_path):
    """A user who writes a storage with the container of a pod is not asked about it: only root's storages are."""
    write(tmp_path / "user", SANDBOX, CONTAINER)
    (tmp_path / "root").mkdir()
    config = Config(storages=(str(tmp_path / "root"),), users=str(tmp_path / "us*"), cri=(str(tmp_path / "crio.sock"),))
    asked = [one.make() for one in places(config) if "cri" in one.types and one.exists()]

    assert ["cri-o"] == [one.name for one in asked]
    assert [None] == [one.find(CONTAINER) for one in asked]
    assert "web" == (Crio([tmp_path / "user"]).find(CONTAINER) or Row()).name


@pytest.mark.parametrize("crio_first", [False, True])
def test_podman_has_the_same_folder(tmp_path, crio_first):
    """Both are asked for a container as soon as it is made, without an event of it."""
    folder = tmp_path / "overlay-containers"
    write(tmp_path, SANDBOX, CONTAINER)
    shutil.move(folder / CONTAINER, tmp_path / "later")
    engines = [Podman([tmp_path], (), None), Crio([tmp_path])]
    asking = Asking(engines[::-1] if crio_first else engines)
    threading.Thread(target=Watching(asking).run, daemon=True).start()
    found = {one.engine.name: one._known for one in asking.runtimes}
    wait_until(lambda: found["cri-o"].has_whole(SANDBOX))
    shutil.move(tmp_path / "later", folder / CONTAINER)

    wait_until(lambda: found["cri-o"].has_whole(CONTAINER) and found["podman"].get(CONTAINER) is not None)
