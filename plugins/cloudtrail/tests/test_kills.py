"""Objects that come while the agent is killed again and again: no alert is missing, none is there twice."""

from __future__ import annotations

import itertools
import json
import random
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import trail
from trail import BUCKET, key, packed

from falcohost.testing.kills import KILLS, Killed, kill_often
from falcohost.testing.waiting import wait_until


class Trail(threading.Thread):
    """Delivers objects of numbered records as CloudTrail does: out of order, late, in two regions, and some twice.

    :ivar count: how many records there are.
    :ivar put: delivers an object.
    """

    def __init__(self, put, dice):
        super().__init__(daemon=True)
        self.count = 0
        self.put, self.dice = put, dice
        self.over = threading.Event()
        self.errors = []

    def run(self):
        """Deliver until it is over."""
        start = datetime.fromisoformat("2026-11-25T23:00")
        try:
            for number in itertools.count():
                if self.over.wait(self.dice.uniform(0, 0.3)):
                    return
                late = 300 if self.dice.random() < 0.2 else 0
                time = start + timedelta(minutes=number // 3 - self.dice.randint(0, late))
                first, self.count = self.count, self.count + self.dice.randint(1, 30)
                body = packed(*range(first, self.count))
                for copy in range(1 + (self.dice.random() < 0.1)):
                    region = self.dice.choice(["eu-central-1", "us-east-1"])
                    self.put(key(f"{time:%Y-%m-%dT%H:%M}", f"{number}-{copy}", region=region), body)
        except Exception as error:
            self.errors.append(error)


@pytest.fixture
def survive(tmp_path, soak):
    """Return a function that kills an agent that reads what a trail delivers, and compares what is stored."""
    running = []

    def survive(name, trail_, block, done=lambda: True):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "rules.yaml").write_text(trail.RULES)
        settings = {"plugins": [{"name": "cloudtrail", "library_path": "libcloudtrail.so"} | block]}
        more = {"load_plugins": ["cloudtrail"], "engine": {"kind": "nodriver"}}
        killed = Killed(folder, [folder / "rules.yaml"], settings | more)
        running.append((killed, trail_))
        trail_.start()
        kill_often(killed, soak(*KILLS), random.Random(1))
        trail_.over.set()
        trail_.join()
        killed.wait_until_stored(Counter(map(str, range(trail_.count))))
        # What was listed before the last object of the last region was read before it.
        trail_.put(key("2026-12-31T00:00", region="us-east-1"), packed("last"))
        expected = Counter(["last", *map(str, range(trail_.count))])
        killed.wait_until_stored(expected)
        wait_until(done)
        assert 0 == killed.agent.stop()
        stored = killed.stored()

        assert [] == trail_.errors
        assert [] == sorted(expected - stored)
        assert [] == sorted(stored - expected)
        assert trail_.count > 100
        return killed

    yield survive
    for killed, trail_ in running:
        trail_.over.set()
        killed.agent.kill()


def bucket_is_followed(aws, bucket, survive):
    """Follow a bucket."""
    init_config = {"aws": aws.settings, "follow": True, "s3PollInterval": 1}
    block = {"open_params": f"s3://{BUCKET}/", "init_config": init_config}
    survive("bucket", Trail(bucket.put, random.Random(2)), block)


def queue_is_read(aws, bucket, survive):
    """Read what a queue names, whose messages come back if the worker that had them was killed."""
    client = aws.client("sqs")
    url = client.create_queue(QueueName=f"q-{uuid.uuid4()}")["QueueUrl"]

    def deliver(name, body):
        bucket.put(name, body)
        client.send_message(QueueUrl=url, MessageBody=json.dumps({"s3Bucket": bucket.name, "s3ObjectKey": [name]}))

    def is_empty():
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        left = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return all(left[name] == "0" for name in names)

    init_config = {"aws": aws.settings, "sqsVisibilityTimeout": 3}
    where = f"sqs://{url.rpartition('/')[2]}"
    survive("queue", Trail(deliver, random.Random(3)), {"open_params": where, "init_config": init_config}, is_empty)


def test_killed_at_any_moment(aws, make_bucket, survive):
    """A bucket that is followed, and a queue; at the same time, since both take long and mostly wait."""
    with ThreadPoolExecutor() as pool:
        ways = {bucket_is_followed: make_bucket(BUCKET), queue_is_read: make_bucket("queued")}
        running = [pool.submit(way, aws, bucket, survive) for way, bucket in ways.items()]
    for one in running:
        one.result()
