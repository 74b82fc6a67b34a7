"""Reads a page of a listing of S3 (``ListObjectsV2`` in S3's API reference)."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree


class Page(NamedTuple):
    """A page of a listing.

    :ivar objects: keys, and when they arrived, in seconds since the epoch.
    :ivar at: the time by S3's clock.
    :ivar token: continues the listing; None at its end.
    :ivar folders: prefixes of more keys, if these end at a delimiter.
    """

    objects: list[tuple[str, float]]
    at: float
    token: str | None
    folders: list[str]


def read_page(text: bytes, date: str) -> Page | None:
    """Return what is in the answer *text* of *date*; None: it is none, or not as expected."""
    try:
        root = ElementTree.fromstring(text)
        space, _, name = root.tag.rpartition("ListBucketResult")
        if name:
            return None
        is_quoted = root.findtext(f"{space}EncodingType") == "url"
        key, modified = f"{space}Key", f"{space}LastModified"
        objects = [
            (each.findtext(key) or "", datetime.fromisoformat(each.findtext(modified) or "").timestamp())
            for each in root.iterfind(f"{space}Contents")
        ]
        folders = [each.findtext(f"{space}Prefix") or "" for each in root.iterfind(f"{space}CommonPrefixes")]
        if is_quoted:
            objects = [(unquote_plus(name), at) for name, at in objects]
            folders = [unquote_plus(name) for name in folders]
        token = root.findtext(f"{space}NextContinuationToken")
        has_names = all(name for name, _ in objects) and all(folders)
        if not has_names or (root.findtext(f"{space}IsTruncated") == "true") is (token is None):
            return None
        return Page(objects, parsedate_to_datetime(date).timestamp(), token, folders)
    except (ElementTree.ParseError, LookupError, ValueError, OverflowError):  # LookupError: an unknown encoding
        return None
