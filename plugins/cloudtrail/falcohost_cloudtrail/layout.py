"""Knows how CloudTrail names its objects, so that only the relevant part of a large bucket is listed.

``PREFIX/AWSLogs/[ORGANISATION/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_ID.json.gz``
"""

from __future__ import annotations

import re
from collections.abc import Collection, Generator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from falcohost_cloudtrail.interval import Interval

#: Endings of the names of CloudTrail's files.
SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")

_ROOT = re.compile(r"(?:.*/)?AWSLogs/(?:o-[a-z0-9]+/)?")
_ACCOUNT = re.compile(rf"{_ROOT.pattern}(\d{{12}})/")
_TRAIL = re.compile(rf"{_ACCOUNT.pattern}CloudTrail/")
_REGION = re.compile(rf"{_TRAIL.pattern}[a-z0-9-]+/")

#: Objects with hashes of other objects, which are not logs.
_DIGEST = "/CloudTrail-Digest/"

_NAME_TIME = re.compile(r"_CloudTrail_[^_/]+_(\d{8}T\d{4})Z_[^/]*$")
_IN_ACCOUNT = re.compile(r"(?:^|/)(\d{12})/CloudTrail/")
_DAY = re.compile(r"(\d{4}/\d\d/\d\d)/")


class Below(NamedTuple):
    """Asks for the folders right below *folder* of the bucket, which are to be sent."""

    folder: str


def partitions(prefix: str, accounts: Collection[str]) -> Generator[str | Below, list[str] | None, None]:
    """Yield the prefixes to list below *prefix*: each region of *accounts* or of all accounts, else *prefix* itself.

    The keys of a region are in order of time. Where it has to know folders, it asks for them.
    """
    folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    if _REGION.fullmatch(folder):
        yield folder
    elif _TRAIL.fullmatch(folder):
        yield from (yield Below(folder)) or ()
    elif found := _ACCOUNT.fullmatch(folder):
        if not accounts or found[1] in accounts:
            yield from partitions(f"{folder}CloudTrail/", accounts)
    elif _ROOT.fullmatch(folder):
        for below in (yield Below(folder)) or ():
            if _ACCOUNT.fullmatch(below) or _ROOT.fullmatch(below):
                yield from partitions(below, accounts)
    elif not _IN_ACCOUNT.search(folder) and (logs := f"{folder}AWSLogs/") in ((yield Below(folder)) or ()):
        yield from partitions(logs, accounts)
    else:
        yield prefix


def is_log(key: str) -> bool:
    """Return whether the object *key* may be a CloudTrail log."""
    return key.endswith(SUFFIXES) and _DIGEST not in key


def is_wanted(key: str, interval: Interval, accounts: Collection[str]) -> bool:
    """Return whether the object *key* is a log in *interval* and of one of *accounts*, as far as its name tells."""
    if not is_log(key):
        return False
    account = _IN_ACCOUNT.search(key)
    if accounts and account is not None and account[1] not in accounts:
        return False
    time = _NAME_TIME.search(key)
    if time is None:
        return True
    return not (
        (interval.start is not None and time[1] < f"{interval.start:%Y%m%dT%H%M}")
        or (interval.end is not None and time[1] > f"{interval.end:%Y%m%dT%H%M}")
    )


def days(partition: str, first: datetime | None, last: datetime | None) -> tuple[str, str | None]:
    """Return the key of *partition* after which day *first* begins, and the key before which *last* ends (or None)."""
    if not _REGION.fullmatch(partition):
        return "", None
    begin = f"{partition}{first:%Y/%m/%d}/" if first is not None else ""
    return begin, None if last is None else f"{partition}{last + timedelta(days=1):%Y/%m/%d}/"


def day_of(rest: str) -> datetime | None:
    """Return the day of a key in a region, by its folder; *rest* is the key without the region's prefix."""
    found = _DAY.match(rest)
    try:
        return None if found is None else datetime.strptime(found[1], "%Y/%m/%d").replace(tzinfo=UTC)
    except ValueError:
        return None
