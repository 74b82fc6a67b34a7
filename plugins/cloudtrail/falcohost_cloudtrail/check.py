"""Checks for ``falcohost doctor`` whether the source can read what its settings name, and how to solve problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from falcohost import FalcohostError, RetriedProblem
from falcohost.aws import AwsSession
from falcohost.jsonlog import files_check
from falcohost_cloudtrail import config, layout
from falcohost_cloudtrail.messages import Queue
from falcohost_cloudtrail.objects import Bucket
from falcohost_cloudtrail.s3 import S3Settings
from falcohost_cloudtrail.source import make
from falcohost_cloudtrail.sqs import SqsSettings, queue_url

Finding = tuple[str, str | None]

#: A receipt handle that SQS never issues.
_NO_MESSAGE = "none"


def check(settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield each check with its problem, or None if it passed."""
    if not config.is_remote(settings):
        yield from files_check(make)(settings)
        return
    what = "its settings and credentials can be used"
    try:
        own = config.parse(settings)
        session = AwsSession(config.NAME, own.session)
        findings = [] if own.s3 is None else list(_of_bucket(session, own.s3))
        findings += [] if own.sqs is None else list(_of_queue(session, own.sqs))
    except FalcohostError as error:
        yield what, str(error)
    else:
        yield what, None
        yield from findings


def _of_bucket(session: AwsSession, given: S3Settings) -> Iterator[Finding]:
    """List the bucket, and read the first log in it."""
    bucket = Bucket(session.client("s3"), given.bucket)
    what = f"s3://{given.bucket}/{given.prefix} can be listed"
    try:
        prefix = _first_prefix(bucket, given)
        page = bucket.page(prefix, "", None)
    except FalcohostError as error:
        yield what, RetriedProblem(error)
        return
    yield what, None
    logs = [listed.key for listed in page.objects if layout.is_log(listed.key)]
    if not logs:
        text = f"there is no CloudTrail log at the beginning of s3://{given.bucket}/{prefix}; check the prefix"
        yield what, RetriedProblem(text)
        return
    yield "its objects can be read", _problem(lambda: bucket.body(logs[0]))


def _first_prefix(bucket: Bucket, given: S3Settings) -> str:
    """Return the first of the prefixes that are listed."""
    looking = layout.partitions(given.prefix, given.accounts)
    found = next(looking, given.prefix)
    while isinstance(found, layout.Below):
        try:
            found = looking.send(bucket.folders(found.folder))
        except StopIteration:
            return given.prefix
    return found


def _of_queue(session: AwsSession, given: SqsSettings) -> Iterator[Finding]:
    """Look up the queue, and make requests about a message that does not exist: they show what is allowed only."""
    client = session.client("sqs")
    name = f"sqs://{given.queue}"
    try:
        queue = Queue(client, name, queue_url(client, given), given.hidden)
    except FalcohostError as error:
        yield f"{name} exists", RetriedProblem(error)
        return
    yield f"{name} exists", None
    yield f"messages of {name} can be kept", _problem(lambda: queue.hide([_NO_MESSAGE], 0))
    if given.delete:
        yield f"messages of {name} can be deleted", _problem(lambda: queue.delete([_NO_MESSAGE]))


def _problem(call: Callable[[], object]) -> str | None:
    try:
        call()
    except FalcohostError as error:
        return RetriedProblem(error)
    return None
