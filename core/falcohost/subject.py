"""Subjects: who or what an alert is about, in a form that actions and correlations can use.

An event may have an attribute ``subject`` (:class:`falcohost.events.HasSubject`), and one with its ``resources``
(:class:`falcohost.events.HasResources`). They are read only when an alert is made from the event.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

#: Most subjects of one alert.
MOST_SUBJECTS = 16


class ProcessSubject(msgspec.Struct, frozen=True, tag="process", gc=False):
    """A process of this machine.

    :ivar pid: its pid in the host's pid namespace. Pids are reused; together with *start* it identifies one process.
    :ivar start: its start time in nanoseconds since boot (field 22 of ``/proc/PID/stat``, there in clock ticks).
    :ivar pidns: inode of its pid namespace (``/proc/PID/ns/pid``); None if the process was gone before it was read.
    :ivar cgroup: id of its cgroup, the inode of the cgroup's directory; None if it could not be found.
    """

    pid: int
    start: int
    pidns: int | None = None
    cgroup: int | None = None


class UserSubject(msgspec.Struct, frozen=True, tag="user", gc=False):
    """A user of a service.

    :ivar kind: the kind of name: ``okta.user``, ``aws.arn``, ``k8s.user``.
    :ivar name: a permanent id where the service has one, rather than a display name.
    """

    kind: str
    name: str


class ResourceSubject(msgspec.Struct, frozen=True, tag="resource", gc=False):
    """A resource of a service.

    :ivar kind: the kind of resource: ``github.repository``, ``k8s.pods``, ``aws.arn``.
    :ivar name: identifies the resource among all of its kind.
    """

    kind: str
    name: str


Subject: TypeAlias = ProcessSubject | UserSubject | ResourceSubject
