"""The object that a request is about, for alerts."""

from __future__ import annotations

from typing import Any

from falcohost import ResourceSubject

#: All paths that :func:`resources` reads.
READS = (
    "objectRef.resource",
    "objectRef.apiGroup",
    "objectRef.namespace",
    "objectRef.name",
    "responseObject.metadata.name",
)


def _name_in_answer(record: dict[str, Any]) -> str:
    """Return a name that the API server has generated, which is in its answer only."""
    answer = record.get("responseObject")
    about = answer.get("metadata") if answer.__class__ is dict else None
    name = about.get("name") if about.__class__ is dict else None
    return name if name.__class__ is str and name else "*"


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
    kind = f"k8s.{kind}.{group}" if group.__class__ is str and group else f"k8s.{kind}"
    return (ResourceSubject(kind, f"{namespace}/{name}" if namespace.__class__ is str and namespace else name),)
