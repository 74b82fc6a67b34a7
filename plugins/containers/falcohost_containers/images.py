"""Splits names of images (the grammar of https://github.com/distribution/reference)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class ImageName(NamedTuple):
    """The parts of an image's name; empty where it has none."""

    repository: str
    tag: str
    digest: str


def split(name: str) -> ImageName:
    """Return the parts of *name*; a bare id has no repository."""
    named, _, digest = name.partition("@")
    if named.startswith("sha256:"):
        return ImageName("", "", named)
    head, slash, last = named.rpartition("/")
    last, _, tag = last.partition(":")
    return ImageName(f"{head}{slash}{last}", tag, digest)


def best(names: Iterable[str], wanted: str = "") -> ImageName:
    """Return the parts of *wanted* if it has a repository, filled up from the other *names* of the same image."""
    parts = [split(name) for name in (wanted, *names) if name]
    first = next((one for one in parts if one.repository), ImageName("", "", ""))
    alike = [one for one in parts if one.repository == first.repository]
    tag = first.tag or ("" if first.digest else next((one.tag for one in alike if one.tag), ""))
    digest = first.digest or next((one.digest for one in alike if one.digest), "")
    return ImageName(first.repository, tag, digest)
