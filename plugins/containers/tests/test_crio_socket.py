"""What CRI-O says at its socket, of which a stand-in answers here (:mod:`crio_socket`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from crio_socket import ADDRESS, DIGEST, IMAGE_ID, CrioSocket
from crio_storage import IMAGE, NAMES, UID
from slow_sockets import SlowSocket

from falcohost.testing.waiting import wait_until
from falcohost_containers.asking import Asking
from falcohost_containers.rows import Mount, Row
from falcohost_containers.runtimes import grpc
from falcohost_containers.runtimes.cri import Cri
from falcohost_containers.runtimes.engine import Deadline
from falcohost_containers.runtimes.grpc import Client

SANDBOX, CONTAINER, OTHER = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def crio(tmp_path) -> Iterator[CrioSocket]:
    """Return the stand-in with a pod and a container."""
    with CrioSocket(tmp_path / "crio.sock", SANDBOX, CONTAINER) as crio:
        yield crio


@pytest.fixture
def cri(crio, tmp_path) -> Cri:
    """Return what asks it."""
    return Cri(Client(tmp_path / "crio.sock"))


@pytest.mark.parametrize("reference", [IMAGE_ID, f"{IMAGE}@{DIGEST}"], ids=["id", "digest"])
def test_a_container(crio, cri, reference):
    """It has its name, image, labels, mounts and pod, whether CRI-O names its image by the id or by the digest."""
    crio.reference = reference
    row = cri.find(CONTAINER)
    assert row is not None

    assert ("web", f"{IMAGE}:2", IMAGE_ID[:12]) == (row.name, row.image, row.image_id)
    assert (IMAGE, "2", DIGEST) == (row.repository, row.tag, row.digest)
    assert {**NAMES, "io.kubernetes.container.name": "web"} == row.labels
    mounts = [
        ("/srv/data", "/data", "", False, "private"),
        ("/var/lib/kubelet/hosts", "/etc/hosts", "", True, "rslave"),
    ]
    assert tuple(Mount(*one) for one in mounts) == row.mounts
    pod = row.pod
    assert (SANDBOX, "shop-0", "prod", UID, ADDRESS) == (pod.sandbox, pod.name, pod.namespace, pod.uid, pod.ip)
    assert {**NAMES, "app": "shop"} == pod.labels
    assert ({"network"}, ADDRESS, ()) == (row.shares, row.ip, row.healthcheck)


def test_a_sandbox(cri):
    """It has the name and the labels of its pod, and no image."""
    row = cri.find(SANDBOX)
    assert row is not None

    assert ("shop-0", "", "shop", UID) == (row.name, row.image, row.labels["app"], row.pod.uid)


def test_what_there_is(crio, cri):
    """All containers and sandboxes are known; one that is being made is not, and is when it is made."""
    assert [CONTAINER, SANDBOX] == [*cri.running()]
    assert cri.find(OTHER) is None

    crio.made.add(OTHER)
    assert "web" == (cri.find(OTHER) or Row()).name


def answered(asking: Asking) -> Callable[[], Row | None]:
    """Ask for the container; return what returns the answer, once it is there.

    :raises AssertionError: it is not.
    """
    answers: list[Row | None] = []
    asking.ask(CONTAINER, "cri", answers.append)

    def answer() -> Row | None:
        wait_until(lambda: answers)
        return answers[0]

    return answer


def test_while_it_is_slow(crio, tmp_path):
    """What is asked is answered when it has said all, with all."""
    with SlowSocket(tmp_path / "slow.sock", tmp_path / "crio.sock", 0.5):
        answer = answered(Asking([Cri(Client(tmp_path / "slow.sock"))]))()

    assert answer is not None
    assert ("web", f"{IMAGE}:2", "shop-0") == (answer.name, answer.image, answer.pod.name)


@pytest.mark.parametrize("seconds", [1000.0, None], ids=["it says nothing", "nobody listens"])
def test_while_it_is_dead(crio, tmp_path, seconds, monkeypatch):
    """It is given up, and another runtime that knows the container is heard."""
    monkeypatch.setattr(grpc, "Deadline", lambda: Deadline(0.5))
    path = tmp_path / "dead.sock"
    if seconds is None:
        path.touch()
        dead = Cri(Client(path))
        with pytest.raises(OSError):
            dead.find(CONTAINER)
    else:
        with SlowSocket(path, tmp_path / "crio.sock", seconds), pytest.raises(OSError):
            Cri(Client(path)).find(CONTAINER)
    answer = answered(Asking([Cri(Client(path)), Cri(Client(tmp_path / "crio.sock"))]))()

    assert "web" == (answer or Row()).name
