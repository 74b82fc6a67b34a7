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
what it left there. The modes take turns, and each figure is the least of the rounds:
what else runs on the machine only adds to it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from audit import DOCUMENT, public_rules, read, records, run, timed

from falcohost.aws import AwsSettings
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.jsonlog import JsonSource, Limits, file_input
from falcohost_cloudtrail.s3 import CONCURRENCY, S3Input, S3Settings
from falcohost_cloudtrail.source import LOG
from falcohost_cloudtrail.sqs import SqsInput, SqsSettings

BUCKET, PREFIX, QUEUE = "bench", "log/", "queue"
TOGETHER = 10

_LISTED = (
    "<Contents><Key>{key}</Key><LastModified>2026-11-29T00:00:00.000Z</LastModified>"
    '<ETag>"e"</ETag><Size>{size}</Size></Contents>'
)


class Answers(BaseHTTPRequestHandler):
    """Answers as S3 and SQS do, with the objects of :attr:`folder`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 20
    folder = Path()
    waiting: ClassVar[list[str]] = []
    lock = threading.Lock()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """List the objects, or answer with one."""
        where = urlsplit(self.path)
        if "list-type" in parse_qs(where.query):
            names = sorted(path.name for path in self.folder.iterdir())
            found = "".join(_LISTED.format(key=PREFIX + name, size=1) for name in names)
            if "delimiter" in where.query:
                found = ""
            text = f"<ListBucketResult><Name>{BUCKET}</Name><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
            self._answer(text.encode(), {"Content-Type": "application/xml"})
            return
        data = (self.folder / where.path.rpartition("/")[2]).read_bytes()
        more = {"ETag": '"e"', "Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}", "x-amz-request-id": "1"}
        self._answer(data, more, 206)

    def do_POST(self) -> None:
        """Answer as SQS does."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        action = self.headers["X-Amz-Target"].rpartition(".")[2]
        found: dict[str, Any] = {}
        if action == "GetQueueUrl":
            found = {"QueueUrl": f"https://{self.headers['Host']}/1/{QUEUE}"}
        elif action == "ReceiveMessage":
            until = time.monotonic() + asked.get("WaitTimeSeconds", 0)
            while not self.waiting and time.monotonic() < until and not self._is_left(0.05):
                pass
            if self._is_left(0):  # it takes none from the next round
                self.close_connection = True
                return
            with self.lock:
                some, self.waiting[:] = self.waiting[:TOGETHER], self.waiting[TOGETHER:]
            found = {"Messages": [_message(name) for name in some]}
        elif action == "DeleteMessageBatch":
            found = {"Successful": [{"Id": one["Id"]} for one in asked["Entries"]], "Failed": []}
        elif action == "SendMessage":  # the queue is filled with all objects anew
            with self.lock:
                self.waiting[:] = sorted(path.name for path in self.folder.iterdir())
            found = {"MessageId": "1"}
        self._answer(json.dumps(found).encode(), {"Content-Type": "application/x-amz-json-1.0"})

    def _is_left(self, seconds: float) -> bool:
        """Return whether whoever waits for an answer closes the connection within *seconds*."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _answer(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _message(name: str) -> dict[str, object]:
    entry = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": PREFIX + name}}}
    attributes = {"ApproximateReceiveCount": "1"}
    return {
        "MessageId": name,
        "ReceiptHandle": name,
        "Body": json.dumps({"Records": [entry]}),
        "Attributes": attributes,
    }


def serve(folder: Path, keys: Path) -> None:
    """Serve the objects in *folder* with the key and certificate in *keys*; print the port."""
    Answers.folder = folder
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "cert.pem", keys / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_port, flush=True)
    server.serve_forever()


def certificate(keys: Path) -> None:
    """Write a key and a certificate for this machine."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(keys / "key.pem"),
        "-out",
        str(keys / "cert.pem"),
    ]
    subprocess.run([*command, *names], check=True, capture_output=True)


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


def ask(connection: ssl.SSLSocket, url: str, name: str) -> None:
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


def tls(url: str, names: list[str]) -> None:
    """Read the objects with these *names* over a socket of TLS, and do nothing else."""
    with connect(url) as connection:
        for name in names:
            ask(connection, url, name)


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
    """Make alerts of the queue's *count* records, and have their messages deleted, as the store's answers do."""
    for batch in source.batches():
        is_empty = True
        for event in batch.events:
            is_empty = False
            for rule in match(event):
                make(rule, event)
        if batch.cursor is not None:
            source.ack(batch.cursor)
        if is_empty and source.stats().passed >= count:  # the last message has been acknowledged, too
            break
    source.close()


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]), Path(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--per-object", type=int, default=DOCUMENT, help="records in an object")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help="objects fetched ahead")
    given = parser.parse_args()
    rules = public_rules(0)
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
        certificate(keys)
        command = [sys.executable, __file__, "serve", str(folder), str(keys)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as server:
            try:
                assert server.stdout is not None
                os.environ |= {
                    "AWS_ACCESS_KEY_ID": "bench",
                    "AWS_SECRET_ACCESS_KEY": "bench",
                    "AWS_CA_BUNDLE": str(keys / "cert.pem"),
                }
                aws = AwsSettings(region="us-east-1", endpoint_url=f"https://localhost:{int(server.stdout.readline())}")
                figures = measure(given, aws, folder, plan, matcher, make)
            finally:
                server.kill()
    print(json.dumps({"bench": "s3", "records": len(raws), "per_object": given.per_object, **figures}))


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
    names, url_of_all = sorted(path.name for path in folder.iterdir()), str(aws.endpoint_url)
    modes: dict[str, Callable[[], object]] = {
        "files": lambda: run(JsonSource(LOG, file_input(str(folder), plugin="cloudtrail")), plan, matcher, make),
        "tls": lambda: tls(url_of_all, names),
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
    taken: dict[str, list[float]] = {name: [] for name in modes}
    for _ in range(given.rounds):
        for name, work in modes.items():
            sqs.send_message(QueueUrl=url, MessageBody="fill")
            if name in ("s3", "sqs"):  # a start reads boto3's descriptions of services, which takes 0.1 s
                source = S3Input("bench", aws, bucket, Limits()) if name == "s3" else None
                opened.append(JsonSource(LOG, source or SqsInput("bench", aws, queue, Limits())))
                opened[0].open(plan, None)
            taken[name].append(timed(work)[0] / given.records * 1e6)
    least = {name: round(min(times), 2) for name, times in taken.items()}
    ratios = {
        "s3_ratio": round(least["s3"] / (least["files"] + least["requests"]), 2),
        "s3_ratio_together": round(least["s3"] / (least["files"] + least["together"]), 2),
        "s3_ratio_tls": round(least["s3"] / (least["files"] + least["tls"]), 2),
        "sqs_ratio_tls": round(least["sqs"] / (least["files"] + least["tls"]), 2),
        "s3_ratio_in_turn": round(least["s3"] / least["in_turn"], 2),
        "sqs_ratio_in_turn": round(least["sqs"] / least["in_turn"], 2),
        "sqs_ratio": round(least["sqs"] / (least["files"] + least["messages"]), 2),
    }
    print(" ".join(f"{name} {figure} µs" for name, figure in least.items()))
    print(" ".join(f"{name} {figure}" for name, figure in ratios.items()))
    return least | ratios


if __name__ == "__main__":
    main()
