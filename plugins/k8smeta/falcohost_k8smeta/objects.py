"""What is read of the API server's answers: the few fields of objects that are needed, and the events of a watch."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

_Object = TypeVar("_Object")


class Reference(Struct, frozen=True, rename="camel"):
    """The reference of an object to one that owns it."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Annotations(Struct, frozen=True):
    """The annotations that are read: the id by which the kubelet knows a pod that a file of the node describes."""

    static: str = msgspec.field(name="kubernetes.io/config.hash", default="")


class Metadata(Struct, frozen=True, rename="camel"):
    """The metadata of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: Annotations | None = None
    owner_references: list[Reference] | None = None


class Some(Struct, frozen=True):
    """Any object, of which only the metadata are read."""

    metadata: Metadata = Metadata()


class Status(Struct, frozen=True, rename={"ip": "podIP"}):
    """The status of a pod."""

    ip: str | None = None


class Pod(Struct, frozen=True):
    """A pod."""

    metadata: Metadata = Metadata()
    status: Status = Status()


class ServiceSpec(Struct, frozen=True):
    """What a service is for."""

    selector: dict[str, str] | None = None
    type: str = ""


class Service(Struct, frozen=True):
    """A service."""

    metadata: Metadata = Metadata()
    spec: ServiceSpec = ServiceSpec()


class Outcome(Struct, frozen=True):
    """Why a request was refused, or a watch has ended (``Status`` in the API)."""

    code: int = 0
    message: str = ""


class Kind(Struct, frozen=True):
    """The type of an event, from which follows what its object is."""

    type: str = ""


class Event(Struct, Generic[_Object], frozen=True):
    """An event of a watch."""

    object: _Object


class Head(Struct, frozen=True):
    """A list without its items."""

    metadata: Metadata = Metadata()
