"""Queues: what messages say, when they are deleted, and what becomes of those that cannot be read."""

from __future__ import annotations

import json
import uuid
from urllib.parse import quote_plus

import pytest
from botocore.httpsession import URLLib3Session
from moto.server import ThreadedMotoServer
from trail import BUCKET, ids, key, packed

from falcohost.aws import AwsSession, AwsSettings
from falcohost.testing.ports import Port
from falcohost.testing.waiting import wait_until
from falcohost_cloudtrail import sqs
from falcohost_cloudtrail.messages import Queue as AwsQueue

SPACE = "AWSLogs/a b+c.json.gz"


def from_s3(name, bucket=BUCKET, event="ObjectCreated:Put"):
    """Return the notification of S3 for an object."""
    entry = {
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": event,
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(name, safe="/"), "size": 1}},
    }  # fmt: skip
    return json.dumps({"Records": [entry]})


def by_sns(text):
    """Return *text* in the envelope of SNS."""
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:::t", "Message": text})


def from_cloudtrail(*names):
    """Return the notification of CloudTrail for objects."""
    return by_sns(json.dumps({"s3Bucket": BUCKET, "s3ObjectKey": list(names)}))


def from_eventbridge(name, kind="Object Created", bucket=BUCKET):
    """Return the event of EventBridge for an object."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": name, "size": 1}}
    return json.dumps({"version": "0", "detail-type": kind, "source": "aws.s3", "detail": detail})


TEST = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET})


class Queue:
    """A queue, with the time for which messages are kept from others."""

    def __init__(self, aws, attributes):
        self.client = aws.client("sqs")
        self.name = f"q-{uuid.uuid4()}"
        self.url = self.client.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]

    def send(self, *bodies):
        """Send messages."""
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def counts(self):
        """Return how many messages may be received, and how many are in hand."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return tuple(int(found[name]) for name in names)


@pytest.fixture
def queue(aws, bucket):
    """Return a function that makes a queue."""
    return lambda **attributes: Queue(aws, attributes)


@pytest.fixture
def read_queue(aws, reader):
    """Return a function that opens the source with a queue."""

    def read_queue(queue, **settings):
        return reader(**{"open_params": f"sqs://{queue.name}", "aws": aws.settings} | settings)

    return read_queue


@pytest.fixture
def both_clocks(clock, monkeypatch):
    """Return the clock of the queues, at AWS and here."""
    monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda: clock.time_ns() / 1e6)
    return clock


def do_all(clock):
    """Let the time pass until messages are kept once more, and return when all that was asked for before is done."""
    clock.advance(clock.until_waiting())
    clock.until_waiting()


@pytest.mark.parametrize(
    "body",
    [
        from_s3(SPACE),
        by_sns(from_s3(SPACE)),
        from_cloudtrail(SPACE),
        json.dumps({"s3Bucket": BUCKET, "s3ObjectKey": [SPACE]}),
        from_eventbridge(SPACE),
    ],
    ids=["S3", "S3 by SNS", "CloudTrail by SNS", "CloudTrail, raw", "EventBridge"],
)
def test_forms(queue, read_queue, bucket, body):
    """A message may be of S3, CloudTrail or EventBridge, in SNS's envelope or not; it is deleted when it is done."""
    bucket.put(SPACE, packed("a", "b"))
    made = queue()
    made.send(body)
    source = read_queue(made)

    assert ["a", "b"] == ids(source.read(2))
    assert [] == source.read_until(lambda: made.counts() == (0, 0))
    assert (0, 0) == made.counts()


def test_several_objects(queue, read_queue, bucket):
    """A message may name many objects, and there may be many messages."""
    keys = [key(name=str(number)) for number in range(30)]
    for number, one in enumerate(keys):
        bucket.put(one, packed(number))
    made = queue()
    made.send(from_cloudtrail(*keys[:12]), *(from_s3(one) for one in keys[12:]))
    source = read_queue(made, s3DownloadConcurrency=4)

    assert sorted(map(str, range(30))) == sorted(ids(source.read(30)))
    source.read_until(lambda: made.counts() == (0, 0))
    assert (0, 0) == made.counts()


def test_about_something_else(queue, read_queue, bucket):
    """Messages that announce no log are deleted: tests, deletions, digests."""
    made = queue()
    made.send(
        TEST,
        by_sns(TEST),
        by_sns("CloudTrail validation message."),
        from_s3(key(), event="ObjectRemoved:Delete"),
        from_s3(key().replace("/CloudTrail/", "/CloudTrail-Digest/")),
        from_eventbridge(key(), "Object Deleted"),
    )
    source = read_queue(made)

    assert [] == source.read_until(lambda: made.counts() == (0, 0))
    assert ((0, 0), {}) == (made.counts(), source.dropped)


def test_deleted_after_the_store(queue, read_queue, bucket, both_clocks):
    """A message stays until its cursor is acknowledged; another life's acknowledgement says nothing."""
    made = queue()
    source = read_queue(made).source
    before = read_queue(made).source
    batches = iter(source.batches())
    cursors = [next(batches).cursor]
    for name in ("a", "b"):
        bucket.put(key(name=name), packed(name))
        made.send(from_s3(key(name=name)))
        while not (events := list((batch := next(batches)).events)):
            pass
        assert ([name], cursors[-1]) == (ids(events), batch.cursor)
        cursors.append(next(batches).cursor)
    nothing, first, both = cursors
    source.ack(nothing)
    before.ack(both)
    source.ack(f"0000:{both.partition(':')[2]}")
    do_all(both_clocks)
    assert (0, 2) == made.counts()

    source.ack(first)
    do_all(both_clocks)
    wait_until(lambda: next(batches) and made.counts() == (0, 1))
    source.ack(both)
    do_all(both_clocks)
    wait_until(lambda: next(batches) and made.counts() == (0, 0))


def test_given_back(queue, read_queue, bucket):
    """Messages that are not done when the source is closed are available to the next one at once."""
    bucket.put(key(), packed("a"))
    made = queue()
    made.send(from_s3(key()))
    source = read_queue(made).source
    next(batch for batch in source.batches() if list(batch.events))
    source.close()

    assert (1, 0) == made.counts()


def test_kept_from_others(queue, read_queue, bucket, both_clocks):
    """While it is worked on a message is kept from others, for as long as it takes."""
    bucket.put(key(), packed("a"))
    made = queue()
    made.send(from_s3(key()))
    source = read_queue(made, sqsVisibilityTimeout=300).source
    next(batch for batch in source.batches() if list(batch.events))
    seen = []
    for _ in range(8):
        do_all(both_clocks)
        seen.append(made.counts())

    assert (800, {(0, 1)}) == (both_clocks.monotonic(), set(seen))


def test_not_deleted(queue, read_queue, bucket, both_clocks):
    """With Falco's sqsDelete: false messages are read, and come back."""
    bucket.put(key(), packed("a"))
    made = queue()
    made.send(from_s3(key()))
    source = read_queue(made, sqsDelete=False)

    assert ["a"] == ids(source.read(1))
    source.read_until(lambda: source.cursor.endswith(":1"))  # it is read, and so acknowledged
    both_clocks.advance(301)
    assert ["a"] == ids(source.read(1))


def test_duplicates(queue, read_queue, bucket):
    """An object that is announced twice is the same events twice, whose alerts are stored once."""
    bucket.put(key(), packed("a", "b"))
    made = queue()
    made.send(from_s3(key()), from_cloudtrail(key()))
    keys = [event.key for event in read_queue(made).read(4)]

    assert keys[:2] == keys[2:]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no JSON", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it names no objects in a known format"),
        (json.dumps({"Type": "SubscriptionConfirmation"}), "it names no objects in a known format"),
        (json.dumps({"Records": [{"eventName": 5}]}), "it names no objects in a known format"),
        (by_sns("true"), "it names no objects in a known format"),
        (from_eventbridge("\ud800.json.gz"), "it names no objects in a known format"),
        (from_eventbridge("a.json.gz", bucket="\udfff"), "it names no objects in a known format"),
        (from_s3(key()), "s3://trail: the object does not exist; it may have been deleted (NoSuchKey)"),
        (from_s3(key(), bucket="other"), "s3://other: the bucket does not exist; check its name (NoSuchBucket)"),
    ],
)  # fmt: skip
def test_poison(queue, read_queue, bucket, monkeypatch, caplog, body, reason):
    """A message of no use is delivered again some times, then put aside, told and counted; it is not deleted."""
    monkeypatch.setattr(sqs, "_FIRST", 0)
    bucket.put(key(name="good"), packed("good"))
    made = queue()
    made.send(body, from_s3(key(name="good")))
    source = read_queue(made, sqsMaxReceiveCount=3)

    assert ["good"] == ids(source.read_until(lambda: source.dropped and made.counts() == (0, 1)))
    assert {"message put aside": 1} == source.dropped
    assert f"{reason}: message put aside" in caplog.text
    assert f"{reason}; trying again" in caplog.text
    assert (0, 1) == made.counts()


def test_dead_letters(queue, read_queue, bucket, monkeypatch):
    """A queue with one for dead letters gets rid of a message of no use."""
    monkeypatch.setattr(sqs, "_FIRST", 0)
    dead = queue()
    arn = dead.client.get_queue_attributes(QueueUrl=dead.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    made = queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2}))
    made.send("no JSON")
    read_queue(made).read_until(lambda: dead.counts() == (1, 0))

    assert ((0, 0), (1, 0)) == (made.counts(), dead.counts())


def test_damaged_object(queue, read_queue, bucket):
    """An object that is damaged will not be better: it is counted, and its message deleted."""
    bucket.put(key(), packed(*range(100))[:300])
    made = queue()
    made.send(from_s3(key()))
    source = read_queue(made)

    assert [] == source.read_until(lambda: made.counts() == (0, 0))
    assert ({"damaged gzip data": 1}, (0, 0)) == (source.dropped, made.counts())


def test_no_queue(aws, reader, caplog):
    """A queue that is not there is waited for, with words that say what is wrong."""
    source = reader(open_params="sqs://not-there", aws=aws.settings, sqsOwnerAccount="123456789012")

    assert [] == source.read_until(lambda: caplog.text)
    assert "sqs://not-there: the queue does not exist in this region" in caplog.text


def test_objects_out_of_reach(queue, reader, aws, bucket, monkeypatch, caplog):
    """While a bucket is out of reach nothing is deleted, and everything is read when it is back."""
    monkeypatch.setattr(sqs, "_FIRST", 1)
    port = Port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", aws.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port.number}")
    bucket.put(key(), packed("a"))
    made = queue()
    made.send(from_s3(key()))
    source = reader(open_params=f"sqs://{made.name}", aws={"region": "eu-central-1"})

    assert [] == source.read_until(lambda: "127.0.0.1" in caplog.text)
    assert f"s3://trail/{key()}: http://127.0.0.1:{port.number}" in caplog.text
    assert 1 == sum(made.counts())
    server = ThreadedMotoServer("127.0.0.1", port.number, verbose=False)
    server.start()
    assert ["a"] == ids(source.read(1))
    server.stop()
    port.close()


def test_directly(queue, read_queue, bucket, monkeypatch):
    """boto3 sends nothing: the queue, its messages and the objects are asked for directly, and messages deleted so."""
    asked = []
    send = URLLib3Session.send

    def counted(session, request):
        asked.append(request.url)
        return send(session, request)

    made = queue()
    for number in range(45):
        bucket.put(key(name=f"{number:02}"), packed(f"{number:02}"))
        made.send(from_s3(key(name=f"{number:02}")))
    monkeypatch.setattr(URLLib3Session, "send", counted)
    source = read_queue(made)
    found = ids(source.read(45))
    source.read_until(lambda: not source.source._input._messages._held)
    monkeypatch.undo()

    assert [f"{number:02}" for number in range(45)] == sorted(found)
    assert ([], (0, 0)) == (asked, made.counts())


@pytest.mark.parametrize("is_other", [False, True])
def test_deleted_at_sqs(queue, aws, is_other):
    """SQS is asked to delete as boto3 would; messages that it does not know are no reason to ask again."""
    made = queue()
    made.send("a", "b", "c")
    session = AwsSession("cloudtrail", AwsSettings(**aws.settings))
    client = session.client("sqs")
    exchanges = session.exchanges(connections=1)
    its = AwsQueue(client, "q", made.url, 300, session.direct_posts(client, exchanges))
    handles = [one["ReceiptHandle"] for one in its.receive(0)]
    found = []
    assert its.ask_delete([*handles, *(["unknown"] if is_other else [])], found.append)
    wait_until(lambda: exchanges.drive(0.05) or found)
    exchanges.close()

    assert ([set()], (0, 0)) == (found, made.counts())
