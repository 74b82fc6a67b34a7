"""Buckets: what is read of them, in which order, how often, and what of it cannot be read."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import Future

import pytest
from trail import ACCOUNT, BUCKET, OTHER, ids, key, packed, record

from falcohost import SourceError
from falcohost.aws import AwsSession
from falcohost_cloudtrail import plugin
from falcohost_cloudtrail.objects import Bucket
from falcohost_cloudtrail.waiting import Waiting


@pytest.fixture
def read_bucket(aws, bucket, reader):
    """Return a function that opens the bucket, from a prefix on."""

    def read_bucket(prefix="AWSLogs/", **settings):
        return reader(**{"open_params": f"s3://{BUCKET}/{prefix}", "aws": aws.settings} | settings)

    return read_bucket


def test_once(read_bucket, bucket, monkeypatch):
    """Of all accounts and regions each log is read, and nothing else, also more than one listing can hold."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "20")
    for number in range(105):
        bucket.put(key(name=f"{number:03}"), packed(f"a{number}"))
    bucket.put(key(account=OTHER, region="us-east-1"), packed("b", "c"))
    bucket.put(key(root="AWSLogs/o-a1b2c3d4e5/"), packed("d"))
    bucket.put(key().replace("CloudTrail", "CloudTrail-Digest"), packed("no"))
    bucket.put("AWSLogs/readme.txt", b"no")
    source = read_bucket()

    assert sorted(["b", "c", "d", *(f"a{number}" for number in range(105))]) == sorted(ids(source.read()))
    assert {} == source.dropped


def test_what_is_fetched_already(read_bucket, bucket, monkeypatch):
    """A batch says whether the next object was fetched already, so that nothing has to wait for it."""
    for name in "abc":
        bucket.put(key(name=name), packed(name))
    monkeypatch.setattr(Waiting, "begin", done_at_once)
    monkeypatch.setattr(AwsSession, "exchanges", lambda session, connections: None)

    batches = [batch for batch in read_bucket().batches if [*batch.events]]
    assert [True, True, False] == [batch.more for batch in batches]


def done_at_once(waiting, call):
    """Return what *call* returns, without a thread."""
    future = Future()
    future.set_result(call())
    return future


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", "abc"),
        ("AWSLogs", "abc"),
        (f"AWSLogs/{ACCOUNT}", "ab"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/", "ab"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/eu-central-1/", "a"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/eu-central-1/2026/11/25/", "a"),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/eu-central-1/2026/11/25/{ACCOUNT}_CloudTrail_eu-central-1_2026", "a"),
        ("elsewhere/", "d"),
    ],
)
def test_prefixes(read_bucket, bucket, prefix, expected):
    """A prefix may end at any part of a key."""
    bucket.put(key(), packed("a"))
    bucket.put(key(region="us-east-1"), packed("b"))
    bucket.put(key(account=OTHER), packed("c"))
    bucket.put("elsewhere/log.json", packed("d"))

    assert list(expected) == sorted(ids(read_bucket(prefix).read()))


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("2026-11-24T00:00:00Z", "bcd"),
        ("2026-11-23T10:00:00Z-2026-11-24T12:05:00Z", "ab"),
        ("2000d-1h", "abcd"),
        ("2026-11-24T12:06:00Z - 1h", "cd"),
    ],
)
def test_interval(read_bucket, bucket, interval, expected):
    """Logs are read that Falco's s3Interval includes, by the times in their names."""
    times = ["2026-11-23T12:05", "2026-11-24T12:05", "2026-11-24T12:10", "2026-11-25T00:00"]
    for name, time in zip("abcd", times, strict=True):
        bucket.put(key(time), packed(name))

    assert list(expected) == ids(read_bucket(s3Interval=interval).read())


def test_accounts(read_bucket, bucket):
    """Of an organization's trail the accounts are read that are named."""
    root = "org/AWSLogs/o-a1b2c3d4e5/"
    for account, name in ((ACCOUNT, "a"), (OTHER, "b"), ("111111111111", "c")):
        bucket.put(key(account=account, root=root), packed(name))
    accounts = f"{ACCOUNT}, 111111111111"

    assert ["a", "c"] == sorted(ids(read_bucket(root, s3AccountList=accounts).read()))
    assert ["a", "c"] == sorted(ids(read_bucket("org/AWSLogs", s3AccountList=accounts).read()))


def test_followed(read_bucket, bucket):
    """New objects are read once each, also ones that are late by their names, in a new region, or of an earlier day."""
    bucket.put(key("2026-11-25T12:05"), packed("a"))
    source = read_bucket(follow=True, s3PollInterval=1)
    assert ["a"] == ids(source.read(1))

    bucket.put(key("2026-11-25T12:00"), packed("late"))
    bucket.put(key("2026-11-25T12:10"), packed("new"))
    bucket.put(key("2026-11-24T23:55"), packed("very late"))
    bucket.put(key(region="us-east-1"), packed("region"))

    assert ["late", "new", "region", "very late"] == sorted(ids(source.read(4)))
    bucket.put(key("2026-11-25T12:15", region="us-east-1"), packed("last of all that is listed"))
    assert ["last of all that is listed"] == ids(source.read(1))


def test_too_late(read_bucket, bucket):
    """How late an object may be is bounded, so that a region need not be listed from its beginning."""
    bucket.put(key("2026-11-20T12:05"), packed("a"))
    source = read_bucket(follow=True, s3PollInterval=1, s3Overlap=86400)
    source.read(1)
    bucket.put(key("2026-11-18T12:05"), packed("too late"))
    bucket.put(key("2026-11-19T12:05"), packed("late"))

    assert ["late"] == ids(source.read(1))  # what is older is listed before it


def test_goes_on(read_bucket, bucket):
    """From its cursor a bucket is read on: nothing again, and what is late all the same."""
    for number in range(10, 50):
        bucket.put(key(f"2026-11-25T12:{number}"), packed(number))
    source = read_bucket(follow=True, s3PollInterval=1)
    source.read(40)
    source.read_until(lambda: "T1249Z" in source.cursor)
    bucket.put(key("2026-11-25T12:05", name="late"), packed("late"))
    bucket.put(key("2026-11-25T13:00"), packed("new"))
    again = read_bucket(follow=True, s3PollInterval=1, cursor=source.cursor)

    assert ["late", "new"] == sorted(ids(again.read(2)))
    bucket.put(key("2026-11-25T13:05"), packed("last of all that is listed"))
    assert ["last of all that is listed"] == ids(again.read(1))


def test_goes_on_in_the_middle(read_bucket, bucket):
    """From the cursor of any moment nothing is missed that comes before or after what was read."""
    for number in range(10, 60):
        bucket.put(key(f"2026-11-25T12:{number}"), packed(number))
    source = read_bucket(s3DownloadConcurrency=1)
    before = ids(source.read(20))
    bucket.put(key("2026-11-25T12:01"), packed("late"))
    after = ids(read_bucket(cursor=source.cursor).read())

    assert {"late", *map(str, range(10, 60))} == {*before, *after}


def test_of_another_bucket(read_bucket, bucket):
    """A cursor of other settings says nothing, nor does one that is none."""
    bucket.put(key(), packed("a"))
    source = read_bucket()
    source.read()

    assert [] == ids(read_bucket(cursor=source.cursor).read())
    assert ["a"] == ids(read_bucket(cursor=source.cursor, s3Interval="2000d").read())
    assert ["a"] == ids(read_bucket(cursor="no cursor").read())


def test_start_stays(read_bucket, bucket):
    """The interval of a bucket that is followed begins where it began at first, however long the agent was away."""
    bucket.put(key(), packed("a"))
    source = read_bucket(follow=True, s3Interval="3000d")
    source.read(1)
    source.read_until(lambda: "T1205Z" in source.cursor)
    cursor = json.loads(source.cursor)
    cursor["start"] = "2020-01-01T00:00:00Z"
    bucket.put(key("2020-01-02T00:00", region="us-east-1"), packed("b"))

    again = read_bucket(follow=True, s3Interval="3000d", cursor=json.dumps(cursor))
    assert ["b"] == ids(again.read(1))


def test_objects_that_are_damaged(read_bucket, bucket):
    """Damaged and hostile objects are counted by cause, and those behind them are read."""
    whole = gzip.compress(gzip.decompress(packed(*range(500))), compresslevel=0)
    bucket.put(key("2026-11-25T12:01"), whole[: len(whole) // 2])
    bucket.put(key("2026-11-25T12:02"), gzip.compress(b"\0" * (128 << 20), 9))
    bucket.put(key("2026-11-25T12:03"), b"")
    bucket.put(key("2026-11-25T12:04"), b'{"Records": [5, {"eventType": "AwsCloudTrailInsight"}')
    bucket.put(key("2026-11-25T12:05"), b'{"Records": ' + b"[" * 20_000)
    bucket.put(key("2026-11-25T12:06"), packed("good"))
    source = read_bucket()

    *before, last = ids(source.read())
    assert list(map(str, range(len(before)))) == before
    assert 200 < len(before) < 300
    assert "good" == last
    # The fourth object lacks its end: its two items are counted, and the missing end; so is the fifth, which is deep.
    assert {"damaged gzip data": 1, "gzip data that grows too much": 1, "not JSON": 2} == {
        cause: count for cause, count in source.dropped.items() if "gzip" in cause or cause == "not JSON"
    }


def test_an_object_that_is_cut_off(read_bucket, bucket):
    """The record in which it ends is counted once, as damaged gzip data and not as damaged JSON too."""
    whole = gzip.compress(gzip.decompress(packed(*range(500))), compresslevel=0)
    bucket.put(key(), whole[: len(whole) // 2])
    source = read_bucket()

    assert source.read()
    assert {"damaged gzip data": 1} == source.dropped


def test_damaged_records(read_bucket, bucket):
    """Of a document with damaged records each of these is counted, and the others are read."""
    deep = b'{"eventVersion":' + b"[" * 12_000 + b"]" * 12_000 + b"}"
    texts = [json.dumps(record(name)).encode() for name in ("a", "b", "c")]
    bad = [b'{"eventVersion":01}', deep, b'{"eventVersion":}']
    document = b'{"Records":[' + b",".join([*texts[:1], *bad, *texts[1:]]) + b"]}"
    bucket.put(key(), gzip.compress(document))
    source = read_bucket()

    assert ["a", "b", "c"] == ids(source.read())
    assert {"not JSON": 2, "nested too deep": 1} == source.dropped


def test_other_records(read_bucket, bucket):
    """Records of Insights and of Lake are counted, and those beside them are read."""
    insight = {"eventVersion": "1.09", "eventTime": "2026-11-25T12:00:00Z", "eventType": "AwsCloudTrailInsight",
               "insightDetails": {"state": "Start"}, "eventCategory": "Insight"}  # fmt: skip
    lake = {"metadata": {"ingestionTime": "2026-11-25T12:00:00Z"}, "eventData": {"UID": "1", "eventName": "x"}}
    bucket.put(key(), gzip.compress(json.dumps({"Records": [insight, lake, record("a")]}).encode()))
    source = read_bucket()

    assert ["a"] == ids(source.read())
    assert {"record of CloudTrail Insights": 1, "record without eventType": 1} == source.dropped


def test_large_objects(read_bucket, bucket, monkeypatch):
    """An object that is larger than what is fetched at a time is read part by part."""
    monkeypatch.setattr("falcohost_cloudtrail.objects.PART", 1000)
    bucket.put(key(), packed(*range(3000)))

    assert [str(number) for number in range(3000)] == ids(read_bucket().read())


def test_delivered_twice(read_bucket, bucket):
    """A record that is delivered in two objects is one event, whose alert is stored once."""
    bucket.put(key(name="a"), packed("a", "b"))
    bucket.put(key(name="b"), packed("b", "a"))
    keys = [event.key for event in read_bucket().read()]

    assert keys[:2] == keys[3:1:-1]
    assert 2 == len(set(keys))


def test_gone(read_bucket, bucket, monkeypatch):
    """An object that is gone by the time it is read is counted; the others are read."""
    bucket.put(key("2026-11-25T12:01"), packed("a"))
    bucket.put(key("2026-11-25T12:02"), packed("b"))
    source = read_bucket(follow=True, s3PollInterval=1)
    page = Bucket.page

    def listed(*given, **how):
        found = page(*given, **how)
        if found.objects:
            bucket.client.delete_object(Bucket=BUCKET, Key=key("2026-11-25T12:01"))
        return found

    monkeypatch.setattr(Bucket, "ask_page", lambda *given, **how: False)
    monkeypatch.setattr(Bucket, "page", listed)

    assert ["b"] == ids(source.read(1))
    assert {"object that cannot be read": 1} == source.dropped


def test_no_bucket(aws, reader, caplog):
    """A bucket that is not there is waited for, with words that say what is wrong."""
    source = reader(open_params="s3://trail/", aws=aws.settings)
    assert [] == source.read_until(lambda: caplog.text)
    assert "s3://trail" in caplog.text
    assert "the bucket does not exist; check its name (NoSuchBucket)" in caplog.text

    client = aws.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_object(Bucket=BUCKET, Key=key(), Body=packed("a"))
    assert ["a"] == ids(source.read())


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_no_network(reader, aws, caplog, endpoint):
    """An endpoint that cannot be reached, or whose name is unknown, is waited for, and told."""
    source = reader(open_params="s3://trail/", aws={"region": "eu-central-1", "endpoint_url": endpoint})

    assert [] == source.read_until(lambda: caplog.text)
    assert endpoint in caplog.text
    assert "cannot be reached; check the region, the network and DNS" in caplog.text


def test_what_it_connects_to(reader, aws, monkeypatch):
    """It names its endpoint and those that hand out credentials, of which a container may have another."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1338/credentials")
    named = reader(open_params=f"s3://{BUCKET}/", aws=aws.settings).source.needs.connects

    assert {aws.url.removeprefix("http://"), "127.0.0.1:1338", "169.254.169.254:80"} <= set(named)
    assert not any(address.startswith("*") for address in named)


@pytest.mark.parametrize("name", ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
def test_a_token_that_is_read_again(monkeypatch, name):
    """The right to read what only root may read is kept where credentials need it, and nowhere else."""
    where = {"open_params": "s3://trail/"}
    monkeypatch.delenv(name, raising=False)
    assert None is plugin.falcohost_sources(where)[0].capabilities
    monkeypatch.setenv(name, "/var/run/secrets/token")
    assert frozenset({"CAP_DAC_READ_SEARCH"}) == plugin.falcohost_sources(where)[0].capabilities
    assert None is plugin.falcohost_sources({"open_params": "/var/log/trail"})[0].capabilities


def test_given_up(aws, reader, caplog):
    """A bucket that is read once and cannot be listed is tried for a minute, each time with a line in the log."""
    source = reader(open_params="s3://no-such-bucket/", aws=aws.settings)
    with pytest.raises(SourceError, match=r"the bucket does not exist.*; given up after \d+ s and \d+ attempts"):
        source.read()

    assert caplog.text.count("Trying again in") >= 6


def test_followed_for_ever(aws, reader, clock, caplog):
    """A bucket that is followed is not given up, and its failures are logged every ten minutes."""
    source = reader(open_params="s3://no-such-bucket/", aws=aws.settings, follow=True)
    begun = clock.monotonic()

    while clock.monotonic() <= begun + 500:
        assert [] == source.read(0)
    assert caplog.text.count("Trying again in") == 1
