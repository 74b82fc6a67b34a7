"""Reads the names and images of EC2 instances from requests and responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from falcohost.jsonlog import ABSENT, elements, lookup
from falcohost_cloudtrail.values import as_text

_TAGGED = "requestParameters.tagSpecificationSet.items"
_STARTED = "responseElements.instancesSet.items"

#: Where requests name an image, by the type of request; the first that is present counts.
_REQUESTED = (
    "requestParameters.imageId",
    "requestParameters.DescribeFastLaunchImagesRequest.ImageId.content",
    "requestParameters.launchSpecification.imageId",
)

NAME_READS = (_TAGGED,)
IMAGE_READS = (_STARTED, *_REQUESTED)

_tagged = lookup(_TAGGED)
_started = lookup(_STARTED)
_requested = tuple(lookup(path) for path in _REQUESTED)


def name(record: dict[str, Any]) -> str | None:
    """Return the tag ``Name`` that a request gives to instances."""
    found = ""
    for tagged in _objects(_tagged(record)):
        if tagged.get("resourceType") == "instance":
            names = [tag.get("value", ABSENT) for tag in _objects(tagged.get("tags")) if tag.get("key") == "Name"]
            found = as_text(names[0]) or "" if names else found
    return found or None


def images(record: dict[str, Any], index: int | None) -> tuple[str, ...] | None:
    """Return the images of all instances, or of the one at *index*, from the response, else from the request."""
    started = _started(record)
    if started is not ABSENT:
        return _images_of(elements(started), index)
    if index:
        return None
    named = (as_text(read(record)) for read in _requested)
    return next(((image,) for image in named if image is not None), None)


def _images_of(started: Sequence[Any], index: int | None) -> tuple[str, ...] | None:
    if index is None:
        return tuple(image for one in _objects(started) if (image := as_text(one.get("imageId", ABSENT)))) or None
    one = started[index] if index < len(started) else None
    image = as_text(one.get("imageId", ABSENT)) if isinstance(one, dict) else None
    return None if image is None else (image,)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in elements(value) if isinstance(one, dict)]
