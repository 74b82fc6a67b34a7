"""What the fields of containers are, by a row."""

import pytest

from falcohost.lookups import GIVEN_UP
from falcohost_containers.fields import FILLS
from falcohost_containers.rows import MOST_ENTRIES, MOST_TEXT, Mount, Pod, Row, text, texts, words
from falcohost_syscall.fields.rows import FIELDS

ROW = Row(
    name="web",
    image="shop/web:1",
    labels={"a": "1", "io.kubernetes.pod.name": "web-0", "annotation.b": "2", "c": "3", "bare": ""},
    mounts=(Mount("/srv/data", "/data", "z", True, "rprivate"), Mount("/etc", "/host/etc", "", False)),
    shares=frozenset({"pid"}),
    pod=Pod(sandbox="f" * 64, labels={"tier": "front", "bare": ""}),
)


@pytest.mark.parametrize(
    ("field", "arg", "value"),
    [
        ("container.name", None, "web"),
        ("container.image", None, "shop/web:1"),
        ("container.image.digest", None, None),
        ("container.host_pid", None, True),
        ("container.host_ipc", None, False),
        ("container.labels", None, "a:1, c:3, bare"),
        ("k8s.pod.labels", None, "tier:front, bare"),
        ("container.label", "annotation.b", "2"),
        ("container.label", "none", None),
        ("container.mounts", None, "/srv/data:/data:z:true:rprivate,/etc:/host/etc::false:"),
        ("container.mount", 1, "/etc:/host/etc::false:"),
        ("container.mount", "1", "/etc:/host/etc::false:"),
        ("container.mount", 2, None),
        ("container.mount", "^/srv", "/srv/data:/data:z:true:rprivate"),
        ("container.mount", "(", None),
        ("container.mount", "\ud800", None),
        ("container.mount.source", "/host", "/etc"),
        ("container.mount.dest", "/etc$", "/host/etc"),
        ("container.mount.rdwr", "/etc", "false"),
        ("container.mount.propagation", 0, "rprivate"),
        ("k8s.pod.name", None, "web-0"),
        ("k8s.pod.sandbox_id", None, "f" * 12),
        ("k8s.pod.label", "tier", "front"),
        ("k8s.ns.name", None, None),
    ],
)
def test_values(field, arg, value):
    """They have the form that Falco gives them; what is not known is absent."""
    assert value == FILLS[field](ROW, arg)


CHECK = ("sh", "-c", "cat /x")
POD = Pod(sandbox="f" * 64)


@pytest.mark.parametrize(
    ("row", "entered", "checked", "alive", "ready"),
    [
        (Row(name="web", healthcheck=()), CHECK, False, False, False),
        (Row(name="web", healthcheck=CHECK), CHECK, True, False, False),
        (Row(name="web", healthcheck=CHECK), (*CHECK, "y"), False, False, False),
        (Row(name="web", healthcheck=CHECK), None, False, False, False),
        (Row(name="web"), CHECK, None, False, False),
        (Row(name="web", healthcheck=(), pod=POD), CHECK, False, None, None),
        (Row(name="web", healthcheck=(), pod=POD, liveness=CHECK, readiness=()), CHECK, False, True, False),
        (Row(name="web", healthcheck=(), pod=POD, liveness=(), readiness=CHECK), CHECK, False, False, True),
        (
            Row(name="web", healthcheck=(), labels={"io.kubernetes.pod.uid": "5"}, liveness=CHECK),
            CHECK,
            False,
            False,
            False,
        ),
        (Row(name="web", healthcheck=(), partial=True), CHECK, GIVEN_UP, GIVEN_UP, GIVEN_UP),
    ],
)
def test_health_checks(row, entered, checked, alive, ready):
    """A process is part of a check if what came into the container has its words; unknown checks are absent."""
    names = ("proc.is_container_healthcheck", "proc.is_container_liveness_probe", "proc.is_container_readiness_probe")

    assert [checked, alive, ready] == [FILLS[name](row, None, entered) for name in names]


def test_a_partial_row():
    """What is not in a row that may not be all is given up, so that the alert says that it is missing."""
    row = Row(name="web", partial=True)

    assert "web" == FILLS["container.name"](row, None)
    assert {GIVEN_UP} == {read(row, 0) for name, read in FILLS.items() if name != "container.name"}


def test_an_empty_row():
    """Of a container of which nothing is known every field is absent."""
    assert {None} == {read(Row(), 0) for read in FILLS.values()}


def test_each_is_a_field_of_the_source():
    """Only fields that the source has are filled."""
    assert {*FILLS} <= {field.name for field in FIELDS}


def test_limits():
    """Texts are cut, and labels that are too long, or too many, are left out."""
    assert "x" * MOST_TEXT == text("x" * 10_000)
    assert {"b": "yy"} == texts({"a": "x" * 3, "b": "yy"}, 2)
    assert MOST_ENTRIES == len(texts({str(number): "" for number in range(1000)}, 0))
    assert MOST_ENTRIES == len(words(["x"] * 1000))
    assert "" == text(5)
