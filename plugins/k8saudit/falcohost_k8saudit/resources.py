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
    if ref.__class__ is not dict:
        return ()
    kind, group, namespace, name = ref.get("resource"), ref.get("apiGroup"), ref.get("namespace"), ref.get("name")
    if kind.__class__ is not str or not kind:
        return ()
    if name.__class__ is not str or not name:
        name = _name_in_answer(record)
        name = name if name.__class__ is str and name else "*"
    kind = f"k8s.{kind}.{group}" if group.__class__ is str and group else f"k8s.{kind}"
    return (ResourceSubject(kind, f"{namespace}/{name}" if namespace.__class__ is str and namespace else name),)
