"""The object that a request is about, for alerts."""

from __future__ import annotations

from typing import Any

from falcohost import ResourceSubject
from falcohost.jsonlog import at

#: All paths that :func:`resources` reads.
READS = (
    "objectRef.resource",
    "objectRef.apiGroup",
    "objectRef.namespace",
    "objectRef.name",
    "responseObject.metadata.name",
)

#: A name that the API server has generated is in its answer only.
_name_in_answer = at("responseObject.metadata.name")


def resources(record: dict[str, Any]) -> tuple[ResourceSubject, ...]:
    """Return the object, by its kind (``k8s.pods``, ``k8s.deployments.apps``) and ``NAMESPACE/NAME``, or only ``NAME``.

    A request about all objects of a kind, such as a list, has ``*`` for the name.
    """
    ref = record.get("objectRef")
    if not isinstance(ref, dict) or (kind := _text(ref.get("resource"))) is None:
        return ()
    group, namespace = _text(ref.get("apiGroup")), _text(ref.get("namespace"))
    name = _text(ref.get("name")) or _text(_name_in_answer(record)) or "*"
    kind = f"k8s.{kind}" if group is None else f"k8s.{kind}.{group}"
    return (ResourceSubject(kind, name if namespace is None else f"{namespace}/{name}"),)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
