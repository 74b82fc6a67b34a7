"""Subjects: who or what an alert is about, in a form that an action or a correlation can use.

An event may have an attribute ``subject`` (:class:`falcohost.events.HasSubject`); it is asked for only when an alert
is made of the event.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class ProcessSubject(msgspec.Struct, frozen=True, tag="process"):
    """A process of this machine.

    :ivar pid: its number in the host's pid namespace. With *start* it names one process, since numbers are used again.
    :ivar start: when it began: nanoseconds since boot, as field 22 of ``/proc/PID/stat`` counts them in clock ticks.
    :ivar pidns: the inode of its pid namespace (``/proc/PID/ns/pid``); None where it was gone before it could be read.
    :ivar cgroup: the id of its cgroup, which is the inode of the cgroup's folder; None where that could not be found.
    """

    pid: int
    start: int
    pidns: int | None = None
    cgroup: int | None = None


class UserSubject(msgspec.Struct, frozen=True, tag="user"):
    """A user of a service.

    :ivar kind: what *name* is a name of: ``okta.user``, ``aws.arn``, ``k8s.user``.
    :ivar name: names the user for good where the service has such a name: an id rather than what people read.
    """

    kind: str
    name: str


class ResourceSubject(msgspec.Struct, frozen=True, tag="resource"):
    """A thing in a service.

    :ivar kind: what *name* is a name of: ``github.repository``, ``k8s.pods``.
    :ivar name: names the thing among all of its kind.
    """

    kind: str
    name: str


Subject: TypeAlias = ProcessSubject | UserSubject | ResourceSubject
