"""Owners are read when pods have them; what fails is told as long as it is wanted."""

from __future__ import annotations

import pytest

from falcohost_k8smeta.cluster import Cluster
from falcohost_k8smeta.config import Config
from falcohost_k8smeta.http import Failed
from falcohost_k8smeta.objects import Metadata, Pod, Reference, Status
from falcohost_k8smeta.owners import AGAIN, Owners


@pytest.fixture
def cluster():
    """Return a cluster that is known by nothing yet."""
    return Cluster("node-1")


@pytest.fixture
def owners(cluster, monkeypatch):
    """Return what reads owners; *refused* has the kinds that it cannot read."""
    made = Owners(Config(), cluster)
    made.refused = set()
    read = Owners._read

    def answer(owner):
        if owner.reference.kind in made.refused:
            raise Failed("it answers 403")
        return read(made, owner)

    body = b'{"metadata":{"name":"x"}}'
    monkeypatch.setattr("falcohost_k8smeta.owners.get", lambda *_: iter([body]))
    monkeypatch.setattr(made, "_read", answer)
    return made


def test_what_fails_is_told_while_it_is_wanted(cluster, owners):
    """An owner that cannot be read is a problem, until no pod has it any more."""
    assert owners.turn() > AGAIN - 60  # the node
    assert ("", 0.0) == owners.health.problem()[::-1]
    owners.refused.add("Job")
    job = Reference("batch/v1", "Job", "nightly", "1")
    cluster.pods.put(Pod(Metadata("web", "shop", "uid", owner_references=[job]), Status()))
    assert owners.turn() < 2
    assert "Job nightly: it answers 403" in owners.health.problem()[1]
    cluster.pods.remove("uid")
    owners.turn()

    assert "" == owners.health.problem()[1]


def test_what_nobody_has_is_forgotten(cluster, owners):
    """Of owners, those of the node's pods are kept."""
    sets = Reference("apps/v1", "ReplicaSet", "web-1", "")
    cluster.pods.put(Pod(Metadata("web", "shop", "uid", owner_references=[sets]), Status()))
    owners.turn()
    assert {"Node", "ReplicaSet"} == {owner.reference.kind for owner in cluster.owners}
    cluster.pods.remove("uid")
    owners.turn()

    assert {"Node"} == {owner.reference.kind for owner in cluster.owners}
