"""Fields of the container (``container.*``) and of Kubernetes (``k8s.*``), as far as the kernel knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from falcohost import Arg, ArgKind, FieldType
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.facts import containers
from falcohost_syscall.facts.kinds import always, constant
from falcohost_syscall.fields.field import Get, SyscallField, row

T = FieldType


def _only_outside(value: Any) -> Get:
    """Return the getter of a field that is *value* outside of containers and absent inside, as no runtime is asked."""
    return lambda event, _: value if event.container.is_host else None


def _privileged(event: SyscallEvent, _: Arg) -> bool | None:
    """Return false on the host; in a container, what the kernel found of the container's init."""
    return False if event.container.is_host else event.proc.image.privileged


def _start(event: SyscallEvent, _: Arg) -> int | None:
    start = event.proc.image.pidns_start
    return start + event.ctx.boot if start and not event.container.is_host else None


def _duration(event: SyscallEvent, arg: Arg) -> int | None:
    start = _start(event, arg)
    return max(event.ts - start, 0) if start else None


def _nothing(_: SyscallEvent, __: Arg) -> None:
    """Return None: the field is always absent."""


_NEVER: Final = always(constant(None))


_LATER = "absent in containers, unless a lookup fills it"

_SUGGESTED = frozenset({"container.name", "container.image.repository", "container.image.tag"})


def _known() -> Iterator[SyscallField]:
    for name, description, get in (
        ("id", "First 12 characters of the container's id; host outside of containers.", lambda e, _: e.container.id),
        ("full_id", "The container's id; host outside of containers.", lambda e, _: e.container.full_id),
        ("type", "The container's runtime, by its cgroup; host outside of containers.", lambda e, _: e.container.type),
    ):
        yield SyscallField(
            name=f"container.{name}",
            type=T.CHARBUF,
            description=description,
            get=get,
            fact=containers.identity,
            suggested=name == "id",
        )
    yield row(
        "container.privileged",
        T.BOOL,
        "The container's init may have every capability and has no seccomp filter, according to the kernel.",
        _privileged,
        containers.privileged,
    )
    yield row("container.start_ts", T.ABSTIME, "Start of the first process in its pid namespace.", _start)
    yield row("container.duration", T.RELTIME, "Time since container.start_ts.", _duration)


def _unknown() -> Iterator[SyscallField]:
    for name, what, outside in (
        ("name", "Name of the container", "host"),
        ("image", "Name of its image with the tag", ""),
        ("image.id", "Id of its image", ""),
        ("image.repository", "Repository of its image", ""),
        ("image.tag", "Tag of its image", ""),
        ("image.digest", "Digest of its image", ""),
        ("ip", "Address of the container", ""),
        ("cni.json", "Its network configuration", ""),
        ("mounts", "Its mounts", ""),
        ("labels", "Its labels", ""),
    ):
        yield SyscallField(
            name=f"container.{name}",
            type=T.CHARBUF,
            description=f"{what}; {_LATER}.",
            get=_only_outside(outside),
            fact=containers.only_outside(outside),
            suggested=f"container.{name}" in _SUGGESTED,
        )
    for name in ("host_pid", "host_network", "host_ipc"):
        yield SyscallField(
            name=f"container.{name}",
            type=T.BOOL,
            description=f"The container shares this namespace with the host; {_LATER}.",
            get=_only_outside(False),
            fact=containers.only_outside(False),
        )
    for name, what in (
        ("healthcheck", "health check"),
        ("liveness_probe", "liveness probe"),
        ("readiness_probe", "readiness probe"),
    ):
        yield SyscallField(
            name=f"proc.is_container_{name}",
            type=T.BOOL,
            description=f"The process is part of the container's {what}; {_LATER}, which it does where there is none.",
            get=_only_outside(False),
            fact=containers.only_outside(False),
        )
    yield SyscallField(
        name="container.label",
        type=T.CHARBUF,
        description=f"One label of the container; {_LATER}.",
        get=_nothing,
        fact=_NEVER,
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
    )
    for part in ("", ".source", ".dest", ".mode", ".rdwr", ".propagation"):
        yield SyscallField(
            name=f"container.mount{part}",
            type=T.CHARBUF,
            description=f"One mount of the container, by index or by a pattern of its path; {_LATER}.",
            get=_nothing,
            fact=_NEVER,
            arg=ArgKind.ANY,
            arg_required=True,
        )


def _kubernetes() -> Iterator[SyscallField]:
    plain = "pod.name pod.id pod.uid pod.sandbox_id pod.full_sandbox_id pod.labels pod.ip pod.cni.json ns.name"
    # The description that falcohost was written from has these too.
    more = " deployment.name daemonset.name node.name"
    for name in (plain + more).split():
        yield SyscallField(
            name=f"k8s.{name}",
            type=T.CHARBUF,
            description=f"Kubernetes metadata; {_LATER}.",
            get=_nothing,
            fact=_NEVER,
            suggested=name in ("pod.name", "ns.name"),
        )
    yield SyscallField(
        name="k8s.pod.label",
        type=T.CHARBUF,
        description=f"One label of the pod; {_LATER}.",
        get=_nothing,
        fact=_NEVER,
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
    )


def _deprecated() -> Iterator[SyscallField]:
    gone = "Always absent: Falco removed the field, and its name is kept so that old rules load."
    names = ["container.healthcheck", "container.liveness_probe", "container.readiness_probe"]
    names += [f"k8s.{kind}.{part}" for kind in ("rc", "svc", "rs") for part in ("name", "id", "labels")]
    names += ["k8s.deployment.id", "k8s.deployment.labels", "k8s.ns.id", "k8s.ns.labels"]
    for name in names:
        yield SyscallField(
            name=name, type=T.CHARBUF, description=gone, get=_nothing, fact=_NEVER, absent=True, deprecated=True
        )
    for kind in ("rc", "svc", "rs", "deployment", "ns"):
        yield SyscallField(
            name=f"k8s.{kind}.label",
            type=T.CHARBUF,
            description=gone,
            get=_nothing,
            fact=_NEVER,
            absent=True,
            arg=ArgKind.KEY,
            arg_required=True,
            dotted=True,
            deprecated=True,
        )


FIELDS: tuple[SyscallField, ...] = (*_known(), *_unknown(), *_kubernetes(), *_deprecated())
