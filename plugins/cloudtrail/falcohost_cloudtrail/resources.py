"""The resources that a record names, for alerts.

Some events name them in ``resources``, each with its ARN, or several with the prefix of their ARNs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from falcohost import ResourceSubject
from falcohost.jsonlog import elements

#: All paths that :func:`resources` reads.
READS = ("resources",)


def resources(record: dict[str, Any]) -> Iterable[ResourceSubject]:
    """Return each resource by its ARN; those that share a prefix of their ARNs as one, ``PREFIX*``."""
    found = record.get("resources")
    return _named(elements(found)) if found else ()


def _named(found: Iterable[Any]) -> Iterator[ResourceSubject]:
    for resource in found:
        if not isinstance(resource, dict):
            continue
        arn, prefix = resource.get("ARN"), resource.get("ARNPrefix")
        if isinstance(arn, str) and arn:
            yield ResourceSubject("aws.arn", arn)
        elif isinstance(prefix, str) and prefix:
            yield ResourceSubject("aws.arn", f"{prefix}*")
