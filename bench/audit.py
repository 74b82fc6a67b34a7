"""Measures how many audit records per second one core decodes and matches: CloudTrail, with Falco's public rules.

The records are public events of about the size that CloudTrail's have, with identities, addresses and times varied, in
documents as objects in S3 hold them. *bare* is a typed decoder of the same bytes that takes what the rules' conditions
read and does nothing with it; *memory* is the real source and the real matcher on the same bytes; *alerts* makes alerts
of the matches, too; *gzip* reads gzip'd files on disk, and *gunzip* is the unpacking alone; *whole* is the source made
to decode whole records; *files* makes alerts of gzip'd files, and *s3* of gzip'd objects in a bucket, whose server
(moto) is another process. The modes take turns, and each figure is the median of the rounds, in time of this process's
threads; of *s3* without opening, and the time that passes is given as well, in which moto's server, that is no match
for S3, has its part.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from botocore.exceptions import EndpointConnectionError

from falcohost.aws import AwsSettings
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.events import Plan
from falcohost.host.catalogs import catalogs
from falcohost.host.plugins import load_plugins
from falcohost.jsonlog import JsonEvent, JsonSource, Limits, Origin, Refusals, Texts, file_input
from falcohost.jsonlog.projection import make_projection
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost_cloudtrail.s3 import S3Input, S3Settings
from falcohost_cloudtrail.source import LOG

CORPUS = Path(__file__).resolve().parent.parent.parent / "shared/corpus"
SIZE = 1350
DOCUMENT = 400


def public_rules(more: int) -> tuple[Rule, ...]:
    """Return the public rules of CloudTrail that are on, and *more* rules like them, each about another request."""
    plugins = load_plugins(["cloudtrail"])
    files = [read_file(str(CORPUS / "rules/aws_cloudtrail_rules.yaml"))]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("\n".join(_rule(number) for number in range(more)) or "[]")
        file.flush()
        files.append(read_file(file.name))
        outcome = load_rules(files, catalogs(plugins), LoadOptions(plugins=plugins.stands_for()))
    outcome.check()
    return outcome.ruleset.enabled(LOG.source)


def _rule(number: int) -> str:
    condition = f'ct.name="Action{number}" and ct.src="service{number % 50}.amazonaws.com" and not ct.error exists'
    return json.dumps(
        [{"rule": f"r{number}", "desc": "d", "condition": condition, "output": "%ct.user", "priority": "NOTICE",
          "source": LOG.source}]
    )[1:-1].join(("- ", ""))  # fmt: skip


def records(count: int) -> list[bytes]:
    """Return *count* records of about :data:`SIZE` bytes, no two alike."""
    chance, events = random.Random(1), wanted_events()
    return [varied(chance, chance.choice(events), 1_700_000_000 + number // 10) for number in range(count)]


def wanted_events() -> list[dict[str, Any]]:
    """Return public events of about the size that records have."""
    events = [json.loads(line)["event"] for line in (CORPUS / "events/cloudtrail.jsonl").read_text().splitlines()]
    return [event for event in events if "eventType" in event and 900 < len(json.dumps(event)) < 2200]


def varied(chance: random.Random, event: dict[str, Any], seconds: int) -> bytes:
    """Return *event* as a record of :data:`SIZE` bytes at *seconds*, with other identities and addresses."""
    event = {
        **event,
        "eventID": f"{chance.getrandbits(128):032x}",
        "requestID": f"{chance.getrandbits(128):032x}",
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
        "sourceIPAddress": ".".join(str(chance.randrange(256)) for _ in range(4)),
    }
    identity = event.get("userIdentity")
    if isinstance(identity, dict):
        event["userIdentity"] = {**identity, "principalId": f"AIDA{chance.getrandbits(64):016X}"}
    short = SIZE - len(msgspec.json.encode(event))
    if short > 20:
        event["additionalEventData"] = {"x-amz-id-2": "".join(chance.choices("abcdefghijk0123456789", k=short - 40))}
    return msgspec.json.encode(event)


class Memory:
    """Texts that are there already."""

    limits = Limits()
    done = None

    def __init__(self, documents: list[bytes]) -> None:
        self._documents = documents

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """There is nothing to open."""

    def texts(self) -> Iterator[Texts]:
        """Yield each document."""
        for number, document in enumerate(self._documents):
            yield Texts(Origin("memory", str(number)), [(0, document)])

    def ack(self, cursor: str) -> None:
        """There are no cursors."""

    def close(self) -> None:
        """There is nothing to close."""


def run(
    source: JsonSource, plan: Plan, matcher: Matcher, make: Callable[[Rule, JsonEvent], object] = lambda *_: None
) -> tuple[int, int]:
    """Open *source*, and :func:`read` it."""
    source.open(plan, None)
    return read(source, matcher, make)


def read(
    source: JsonSource, matcher: Matcher, make: Callable[[Rule, JsonEvent], object] = lambda *_: None
) -> tuple[int, int]:
    """Read *source* to its end, and *make* something of each match; return how many events and matches there were."""
    match, events, matches = matcher.match, 0, 0
    for batch in source.batches():
        for event in batch.events:
            for rule in match(event):
                matches += 1
                make(rule, event)
    events = source.stats().passed
    source.close()
    return events, matches


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of this process that *work* takes, without what others do for it; and those that pass."""
    gc.collect()
    gc.disable()
    begin, begin_here = time.perf_counter(), time.process_time()
    work()
    took = time.process_time() - begin_here
    gc.enable()
    return took, time.perf_counter() - begin


class Bucket:
    """A bucket with the objects *packets*, in a server of its own."""

    def __init__(self, packets: list[bytes]) -> None:
        import boto3

        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
        self._aws = AwsSettings(region="us-east-1", endpoint_url=f"http://127.0.0.1:{port}")
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=self._aws.endpoint_url)
        while True:
            try:
                client.create_bucket(Bucket="bench")
                break
            except EndpointConnectionError:
                time.sleep(0.1)
        for number, packed in enumerate(packets):
            client.put_object(Bucket="bench", Key=f"log/{number:06}.json.gz", Body=packed)

    def source(self) -> JsonSource:
        """Return the source that reads it once."""
        return JsonSource(LOG, S3Input("bench", self._aws, S3Settings(bucket="bench", prefix="log/"), Limits()))

    def close(self) -> None:
        """End the server."""
        self._server.kill()
        self._server.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rules", type=int, default=0, help="so many rules beside the public ones")
    given = parser.parse_args()
    if not CORPUS.is_dir():
        sys.exit(f"there is no corpus at {CORPUS}")
    rules = public_rules(given.rules)
    raws = records(given.records)
    size = statistics.mean(map(len, raws))
    chunks = [raws[at : at + DOCUMENT] for at in range(0, len(raws), DOCUMENT)]
    documents = [b'{"Records":[' + b",".join(chunk) + b"]}" for chunk in chunks]
    plan, everything = make_plan(LOG.source, rules), Plan(LOG.source)
    matcher = Matcher(rules)
    make = AlertMaker("bench").make
    projection = make_projection(LOG, plan.condition, plan.also_read)
    with tempfile.TemporaryDirectory() as folder:
        packets = [gzip.compress(document, 6) for document in documents]
        for number, packed in enumerate(packets):
            (Path(folder) / f"{number:05}.json.gz").write_bytes(packed)
        bucket = Bucket(packets)
        opened: list[JsonSource] = []
        modes: dict[str, Callable[[], object]] = {
            "bare": lambda: deque((projection.all(document) for document in documents), maxlen=0),
            "memory": lambda: run(JsonSource(LOG, Memory(documents)), plan, matcher),
            "alerts": lambda: run(JsonSource(LOG, Memory(documents)), plan, matcher, make),
            "gzip": lambda: run(JsonSource(LOG, file_input(folder, plugin="cloudtrail")), plan, matcher),
            "files": lambda: run(JsonSource(LOG, file_input(folder, plugin="cloudtrail")), plan, matcher, make),
            "gunzip": lambda: deque((gzip.decompress(packed) for packed in packets), maxlen=0),
            "whole": lambda: run(JsonSource(LOG, Memory(documents)), everything, matcher),
            "s3": lambda: read(opened.pop(), matcher, make),
        }
        events, matches = run(JsonSource(LOG, Memory(documents)), plan, matcher)
        assert (events, matches) == run(bucket.source(), plan, matcher)
        taken: dict[str, list[float]] = {name: [] for name in modes}
        passed: list[float] = []
        for _ in range(given.rounds):
            for name, work in modes.items():
                if name == "s3":  # a start reads boto3's descriptions of services, which takes 0.1 s
                    opened.append(bucket.source())
                    opened[0].open(plan, None)
                took, passing = timed(work)
                taken[name].append(took)
                passed += [passing] if name == "s3" else []
        bucket.close()
    rates = {name: given.records / statistics.median(times) for name, times in taken.items()}
    print(f"{len(raws)} records of {size:.0f} bytes, {len(rules)} rules, {events} events, {matches} matches")
    for name, rate in rates.items():
        print(f"{name:8} {rate:12,.0f} records/s {1e6 / rate:8.2f} µs {rate / rates['bare']:6.2f} of bare")
    passing = given.records / statistics.median(passed)
    size_packed = statistics.mean(map(len, packets))
    print(f"s3 by the clock {passing:,.0f} records/s, {len(packets)} objects of {size_packed:,.0f} bytes")
    figures = {f"{name}_per_s": round(rate) for name, rate in rates.items()} | {"s3_by_clock_per_s": round(passing)}
    print(json.dumps({**figures, "of_bare": round(rates["memory"] / rates["bare"], 3), "rules": len(rules),
                      "record_bytes": round(size), "events": events, "matches": matches}))  # fmt: skip


if __name__ == "__main__":
    main()
