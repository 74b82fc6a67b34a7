"""What ``falcohost doctor`` says of this source: whether what it reads can be had, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falcohost.aws import AwsSession
from falcohost.errors import FalcohostError
from falcohost.jsonlog import files_check
from falcohost_cloudtrail import config, layout
from falcohost_cloudtrail.objects import Bucket
from falcohost_cloudtrail.s3 import S3Settings
from falcohost_cloudtrail.source import make

Finding = tuple[str, str | None]


def check(settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is looked at, and what is wrong with it."""
    if not config.is_remote(settings):
        yield from files_check(make)(settings)
        return
    what = "its settings and credentials can be used"
    try:
        own = config.parse(settings)
        session = AwsSession(config.NAME, own.session)
        findings = [] if own.s3 is None else list(_of_bucket(session, own.s3))
    except FalcohostError as error:
        yield what, str(error)
    else:
        yield what, None
        yield from findings


def _of_bucket(session: AwsSession, given: S3Settings) -> Iterator[Finding]:
    """List, and read the first object that is there."""
    bucket = Bucket(session.client("s3"), given.bucket)
    what = f"s3://{given.bucket}/{given.prefix} can be listed"
    try:
        prefix = next(layout.partitions(bucket.folders, given.prefix, given.accounts), given.prefix)
        page = bucket.page(prefix, "", None)
    except FalcohostError as error:
        yield what, str(error)
        return
    yield what, None
    logs = [listed.key for listed in page.objects if layout.is_log(listed.key)]
    if not logs:
        yield (
            what,
            f"there is no log of CloudTrail at the beginning of s3://{given.bucket}/{prefix}; is the prefix right?",
        )
        return
    try:
        bucket.body(logs[0])
    except FalcohostError as error:
        yield "its objects can be read", str(error)
    else:
        yield "its objects can be read", None
