"""The object that a request is about, for alerts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falcohost import ResourceSubject
from falcohost.jsonlog import at

_kind = at("objectRef.resource")
_group = at("objectRef.apiGroup")
_namespace = at("objectRef.namespace")
#: A name that the API server has generated is in its answer only.
_names = (at("objectRef.name"), at("responseObject.metadata.name"))


def resources(record: dict[str, Any]) -> Iterator[ResourceSubject]:
    """Yield the object, by its kind (``k8s.pods``, ``k8s.deployments.apps``) and ``NAMESPACE/NAME``, or only ``NAME``.

    A request about all objects of a kind, such as a list, has ``*`` for the name.
    """
    kind = _text(_kind(record))
    if kind is None:
        return
    group, namespace = _text(_group(record)), _text(_namespace(record))
    name = next((text for read in _names if (text := _text(read(record))) is not None), "*")
    yield ResourceSubject(
        f"k8s.{kind}" if group is None else f"k8s.{kind}.{group}", name if namespace is None else f"{namespace}/{name}"
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
