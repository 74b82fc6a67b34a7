"""The fields: those of Falco's plugin, and what is said of what is not known."""

from __future__ import annotations

import pytest

from falcohost.lookups import GIVEN_UP, PENDING
from falcohost_k8smeta.fields import FIELDS, FILLS
from falcohost_k8smeta.rows import Row, Thing

#: Falco's plugin 0.4: fields, whether they are lists, and whether they need a key.
OWNED = ("pod", "ns", "deployment", "rs", "rc")
FALCOS = {
    **{f"k8smeta.{of}.{part}": (False, False) for of in OWNED for part in ("name", "uid")},
    **{f"k8smeta.{of}.label": (False, True) for of in OWNED},
    **{f"k8smeta.{of}.labels": (True, False) for of in OWNED},
    **{f"k8smeta.svc.{part}": (True, part == "label") for part in ("name", "uid", "label", "labels")},
    "k8smeta.pod.ip": (False, False),
}


def get(name, row, arg=None):
    """Return the value of a field."""
    return next(field.get for field in FIELDS if field.name == name)(row, arg)


def test_falcos_fields():
    """All 25 are there, of the same kinds; the others say that Falco does not have them."""
    assert 25 == len(FALCOS)
    told = {field.name: (field.is_list, field.arg_required) for field in FIELDS if field.name in FALCOS}

    assert told == FALCOS
    assert all(("Falco does not have it" in field.description) == (field.name not in FALCOS) for field in FIELDS)
    assert len(FIELDS) == len({field.name for field in FIELDS})


@pytest.mark.parametrize(("given_up", "expected"), [(False, PENDING), (True, GIVEN_UP)])
def test_what_is_missing(given_up, expected):
    """It is waited for, or given up, and so is what hangs on it; what is there is told at once."""
    pod, namespace = Thing("Pod", "web", "1", {"a": "b"}), Thing("Namespace", "shop", "")
    sets = Thing("ReplicaSet", "web-1", "2")
    missing = frozenset({"Namespace", "Service", "Node", "owners"})
    row = Row(pod=pod, namespace=namespace, owners=(sets,), missing=missing, given_up=given_up)
    unknown = (
        "ns.uid", "ns.labels", "svc.name", "svc.uid", "svc.labels", "deployment.name", "deployment.uid", "rs.labels",
        "workload.name", "workload.kind", "node.uid", "rc.name", "ds.name",
    )  # fmt: skip
    known = {"pod.name": "web", "ns.name": "shop", "rs.name": "web-1", "rs.uid": "2", "pod.labels": ("a:b",)}

    assert {expected} == {get(f"k8smeta.{name}", row) for name in unknown}
    assert {expected} == {get(f"k8smeta.{of}.label", row, "x") for of in ("ns", "svc", "rs", "deployment", "node")}
    assert known == {name: get(f"k8smeta.{name}", row) for name in known}
    assert expected is FILLS["k8s.deployment.name"](row, None)
    assert get("k8smeta.pod.label", row, "x") is None


def test_labels_are_told_whole():
    """A label that is empty is there; an empty list of labels is absent."""
    row = Row(pod=Thing("Pod", "web", "1", {"a": ""}), namespace=Thing("Namespace", "shop", "2", {}))

    assert ("", ("a:",)) == (get("k8smeta.pod.label", row, "a"), get("k8smeta.pod.labels", row))
    assert get("k8smeta.ns.labels", row) is None


def test_labels_that_had_no_room():
    """What is not there of them is not absent: it is given up, and so is what hangs on it."""
    row = Row(pod=Thing("Pod", "web", "1", {"a": "b"}, True), namespace=Thing("Namespace", "shop", "2", {}))

    assert ("b", GIVEN_UP) == tuple(get("k8smeta.pod.label", row, one) for one in "ac")
    assert GIVEN_UP is get("k8smeta.svc.name", row)
    assert get("k8smeta.ns.label", row, "c") is None
