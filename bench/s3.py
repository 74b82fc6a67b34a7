"""Measures what a record of CloudTrail costs from S3 and from SQS over TLS, beside files and the requests alone.

The bench has a server of its own, in another process, that answers as S3 and SQS do: only the CPU time of this process
counts, and that of a real server is another machine's. *files* makes alerts of gzip'd files; *requests* is a loop in
one thread in which boto3 asks for the same objects over TLS, and reads them, and nothing else, and *together* is the
same in as many threads as the source has; *s3* makes alerts of the bucket. *messages* is a loop in which boto3 receives
the messages of a queue, asks for the objects that they name and deletes them ten at once; *sqs* makes alerts of the
queue, and has the messages deleted. What the source itself adds is the ratio of *s3* to *files* and *requests*
together, and that of *sqs* to *files* and *messages*. *tls* is what no source can do without: one socket of TLS over
which the objects are asked for, unsigned, and read. *files* unpacks, so the ratios to it and *tls* are to files plus
gunzip plus TLS. *in turn* does both in one loop, an object after each file: then neither finds in the processor's cache
what it left there. *fetched* is *tls* that writes each object to a file and renames it, as whoever has objects and
reads files must do.

A real server is another machine. So this process has one processor, and its server the others (``--anywhere``: the
kernel places them, and at times puts a server where the client waits, which then finds in the processor's cache what
was sent). The modes take turns in random order. Figures and ratios are medians of the rounds, and ratios have the 95%
interval of the median, which supposes nothing of how they are distributed. ``least`` is the ratio of the least figures:
what else runs on the machine only adds to these, but a lucky round counts as much as all others.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import random
import shutil
import socket
import ssl
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from audit import DOCUMENT, public_rules, read, records, run, timed
from s3_server import BUCKET, PREFIX, QUEUE, TOGETHER, served

from falcohost.aws import AwsSettings
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.host.uplink import GATHER, MOST_GATHERED
from falcohost.jsonlog import JsonSource, Limits, file_input
from falcohost_cloudtrail.s3 import CONCURRENCY, S3Input, S3Settings
from falcohost_cloudtrail.source import LOG
from falcohost_cloudtrail.sqs import SqsInput, SqsSettings


def requests(client: Any) -> None:
    """Read all objects of the bucket."""
    for one in client.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX)["Contents"]:
        client.get_object(Bucket=BUCKET, Key=one["Key"], Range="bytes=0-4194303")["Body"].read()


def connect(url: str) -> ssl.SSLSocket:
    """Return a socket of TLS to the server at *url*."""
    where = urlsplit(url)
    assert where.hostname is not None
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    plain = socket.create_connection((where.hostname, where.port))
    return context.wrap_socket(plain, server_hostname=where.hostname)


def ask(connection: ssl.SSLSocket, url: str, name: str) -> memoryview:
    """Read an object over a socket."""
    connection.sendall(f"GET /{BUCKET}/{PREFIX}{name} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode())
    head, body = b"", b""
    while not body:
        head += connection.recv(1 << 16)
        head, _, body = head.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    data = memoryview(bytearray(size))
    data[: len(body)] = body
    got = len(body)
    while got < size:
        got += connection.recv_into(data[got:])
    return data


def tls(url: str, names: list[str]) -> None:
    """Read the objects with these *names* over a socket of TLS, and do nothing else."""
    with connect(url) as connection:
        for name in names:
            ask(connection, url, name)


def fetched(url: str, names: list[str], folder: Path) -> None:
    """Put the objects with these *names* into a *folder*, each whole from the moment on at which it has its name."""
    part = folder / ".part"
    with connect(url) as connection:
        for name in names:
            data = ask(connection, url, name)
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.write(file, data)
            os.close(file)
            part.rename(f"{folder}/{name}")


def in_turn(source: JsonSource, plan: Any, match: Any, make: Callable[..., object], url: str, names: list[str]) -> None:
    """Make alerts of the files of *source*, and read an object with one of these *names* after each, as *tls* does."""
    source.open(plan, None)
    left = iter(names)
    with connect(url) as connection:
        for batch in source.batches():
            count = 0
            for event in batch.events:
                count += 1
                for rule in match(event):
                    make(rule, event)
            if count and (name := next(left, None)):
                ask(connection, url, name)
    source.close()


def together(client: Any, count: int) -> None:
    """Read all objects of the bucket in *count* threads, one after the other arriving here."""
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX)["Contents"]

    def get(one: Any) -> bytes:
        data: bytes = client.get_object(Bucket=BUCKET, Key=one["Key"], Range="bytes=0-4194303")["Body"].read()
        return data

    with ThreadPoolExecutor(count) as pool:
        deque(pool.map(get, found), maxlen=0)


def messages(sqs: Any, client: Any, url: str) -> None:
    """Read the objects that the messages of the queue name, and delete these."""
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=TOGETHER).get("Messages"):
        for one in found:
            (entry,) = json.loads(one["Body"])["Records"]
            client.get_object(Bucket=BUCKET, Key=entry["s3"]["object"]["key"], Range="bytes=0-4194303")["Body"].read()
        entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(found)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def until_deleted(source: JsonSource, match: Any, make: Callable[..., object], count: int) -> None:
    """Make alerts of the queue's *count* records, and have their messages deleted when a worker would hear of that.

    A worker sends alerts, and the store answers, when it has many, or after a while, or when nothing else is there.
    """
    gathered, since = 0, time.monotonic()
    for batch in source.batches():
        for event in batch.events:
            for rule in match(event):
                gathered += 1
                make(rule, event)
        if batch.more and gathered < MOST_GATHERED and time.monotonic() - since <= GATHER:
            continue
        gathered, since = 0, time.monotonic()
        assert batch.cursor is not None
        source.ack(batch.cursor)
        if not batch.more and not batch.events and source.stats().passed >= count:  # the last message is acknowledged
            break
    source.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--per-object", type=int, default=DOCUMENT, help="records in an object")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help="objects fetched ahead")
    parser.add_argument("--modes", default="", help="measure only these (comma-separated)")
    parser.add_argument("--anywhere", action="store_true", help="the kernel places this process and its server")
    given = parser.parse_args()
    rules = public_rules(0)
    processors = sorted(os.sched_getaffinity(0))
    if given.anywhere or len(processors) < 2:
        processors = []
    raws = records(given.records)
    chunks = [raws[at : at + given.per_object] for at in range(0, len(raws), given.per_object)]
    plan, matcher, make = make_plan(LOG.source, rules), Matcher(rules), AlertMaker("bench").make
    with tempfile.TemporaryDirectory() as name:
        folder, keys = Path(name, "objects"), Path(name, "keys")
        folder.mkdir()
        keys.mkdir()
        for number, chunk in enumerate(chunks):
            packed = gzip.compress(b'{"Records":[' + b",".join(chunk) + b"]}", 6)
            (folder / f"{number:06}.json.gz").write_bytes(packed)
        del raws, chunks
        with served(folder, keys, processors[1:]) as url:
            if processors:
                os.sched_setaffinity(0, processors[:1])
            os.environ |= {
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_CA_BUNDLE": str(keys / "cert.pem"),
            }
            aws = AwsSettings(region="us-east-1", endpoint_url=url)
            figures = measure(given, aws, folder, plan, matcher, make)
    print(json.dumps({"bench": "s3", "records": given.records, "per_object": given.per_object, **figures}))


def measure(
    given: argparse.Namespace, aws: AwsSettings, folder: Path, plan: Any, matcher: Matcher, make: Any
) -> dict[str, float]:
    """Return µs of CPU per record of each mode, and the ratios."""
    import boto3

    s3, sqs = (boto3.client(one, region_name="us-east-1", endpoint_url=aws.endpoint_url) for one in ("s3", "sqs"))
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    bucket = S3Settings(bucket=BUCKET, prefix=PREFIX, concurrency=given.concurrency)
    queue = SqsSettings(queue=QUEUE, hidden=300, tries=3, concurrency=given.concurrency)
    opened: list[JsonSource] = []
    into = folder.parent / "fetched"
    names, url_of_all = sorted(path.name for path in folder.iterdir()), str(aws.endpoint_url)
    modes: dict[str, Callable[[], object]] = {
        "files": lambda: run(JsonSource(LOG, file_input(str(folder), plugin="cloudtrail")), plan, matcher, make),
        "tls": lambda: tls(url_of_all, names),
        "fetched": lambda: fetched(url_of_all, names, into),
        "in_turn": lambda: in_turn(
            JsonSource(LOG, file_input(str(folder), plugin="cloudtrail")), plan, matcher.match, make, url_of_all, names
        ),
        "requests": lambda: requests(s3),
        "together": lambda: together(s3, given.concurrency),
        "s3": lambda: read(opened.pop(), matcher, make),
        "messages": lambda: messages(sqs, s3, url),
        "sqs": lambda: until_deleted(opened.pop(), matcher.match, make, given.records),
    }
    requests(s3)  # which connects
    wanted = [name for name in modes if not given.modes or name in given.modes.split(",")]
    taken: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(given.rounds):
        for name in random.sample(wanted, len(wanted)):
            sqs.send_message(QueueUrl=url, MessageBody="fill")
            shutil.rmtree(into, ignore_errors=True)
            into.mkdir()
            if name in ("s3", "sqs"):  # a start reads boto3's descriptions of services, which takes 0.1 s
                source = S3Input("bench", aws, bucket, Limits()) if name == "s3" else None
                opened.append(JsonSource(LOG, source or SqsInput("bench", aws, queue, Limits())))
                opened[0].open(plan, None)
            taken[name].append(timed(modes[name])[0] / given.records * 1e6)
    medians = {name: round(statistics.median(times), 2) for name, times in taken.items()}
    print(" ".join(f"{name} {figure} µs (least {min(taken[name]):.2f})" for name, figure in medians.items()))
    return medians | ratios(taken)


#: The ratios: a name, what is measured, and what that is compared with, which is added up.
RATIOS: Final = (
    ("s3_ratio", "s3", ("files", "requests")),
    ("s3_ratio_together", "s3", ("files", "together")),
    ("s3_ratio_tls", "s3", ("files", "tls")),
    ("sqs_ratio_tls", "sqs", ("files", "tls")),
    ("s3_ratio_in_turn", "s3", ("in_turn",)),
    ("sqs_ratio_in_turn", "sqs", ("in_turn",)),
    ("s3_ratio_fetched", "s3", ("files", "fetched")),
    ("sqs_ratio_fetched", "sqs", ("files", "fetched")),
    ("sqs_ratio", "sqs", ("files", "messages")),
)


def ratios(taken: dict[str, list[float]]) -> dict[str, float]:
    """Print the ratios of what the modes have *taken*, and return them."""
    found: dict[str, float] = {}
    for name, mode, parts in RATIOS:
        if mode not in taken or not set(parts) <= set(taken):
            continue
        sums = [sum(times) for times in zip(*(taken[part] for part in parts), strict=True)]
        each = sorted(one / all_parts for one, all_parts in zip(taken[mode], sums, strict=True))
        rank = max(0, math.floor((len(each) - 1.96 * math.sqrt(len(each))) / 2))  # of the interval's ends
        least = min(taken[mode]) / sum(min(taken[part]) for part in parts)
        median = statistics.median(each)
        print(f"{name:18} {median:.3f} ({each[rank]:.3f} to {each[-1 - rank]:.3f}), least {least:.3f}")
        found |= {name: round(median, 3), f"{name}_least": round(least, 3)}
    return found


if __name__ == "__main__":
    main()
