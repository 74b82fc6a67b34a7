"""Objects that are got with less work than boto3's: they are the same, and boto3 has the last word."""

from __future__ import annotations

import json

import pytest
from trail import BUCKET

from falcohost.aws import AwsError, AwsSession, AwsSettings
from falcohost_cloudtrail.objects import Bucket

#: Names that have to be quoted in a URL, and signed as they are quoted.
ODD = ["a", "AWSLogs/a b+c~(1)/ü%41.json.gz", "a//b/../c", "'\"*&=?#", "x" * 900]


class Asked:
    """A client that counts the objects that it is asked for."""

    def __init__(self, client):
        self._client = client
        self.count = 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def get_object(self, **given):
        """Get an object."""
        self.count += 1
        return self._client.get_object(**given)


@pytest.fixture
def opened(aws, bucket):
    """Return a function that opens the bucket, whose client counts; what gets objects is its attribute ``direct``."""

    def opened(**settings):
        session = AwsSession("cloudtrail", AwsSettings(**aws.settings, **settings))
        client = session.client("s3")
        asked = Asked(client)
        found = Bucket(asked, BUCKET, session.direct_gets(client, connections=2))
        found.asked, found.direct = asked, found._direct
        return found

    return opened


@pytest.fixture
def user(aws, monkeypatch):
    """Return a function that makes a user who may do some actions, and whose requests have to be signed."""

    def user(*actions, secret=None):
        iam = aws.client("iam")
        iam.create_user(UserName="u")
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
        made = iam.create_access_key(UserName="u")["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret or made["SecretAccessKey"])

    return user


def read(bucket, key):
    """Return the bytes, the size and the ETag of an object."""
    return bucket.part(key, 0, "")


@pytest.mark.parametrize("lists", [True, False])
def test_as_boto3_does(opened, bucket, user, aws, lists):
    """Each object is what boto3 gets, signed for who checks that; boto3 itself is asked at most for the first one."""
    for key in ODD:
        bucket.put(key, key.encode())
    expected = [read(Bucket(bucket.client, BUCKET), key) for key in ODD]
    user("s3:GetObject", "s3:ListBucket")
    source = opened()
    aws.enforce()
    if lists:
        source.page("", "", None)

    assert expected == [read(source, key) for key in ODD]
    assert int(not lists) == source.asked.count


def test_no_object(opened, bucket):
    """What is not there, or empty, is what boto3 says of it."""
    bucket.put("a", b"a")
    bucket.put("empty", b"")
    source = opened()
    source.page("", "", None)

    with pytest.raises(AwsError) as error:
        read(source, "gone")
    assert ("NoSuchKey", 1) == (error.value.code, source.asked.count)
    assert (b"", 0) == read(source, "empty")[:2]
    assert b"a" == read(source, "a")[0]


def test_nobody_else_is_believed(opened, user, aws, bucket):
    """A secret that is not the key's is refused."""
    bucket.put("a", b"a")
    user("s3:GetObject", "s3:ListBucket", secret="x" * 40)
    source = opened()
    aws.enforce()

    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        read(source, "a")


class Broken:
    """A connection of botocore's whose answers are cut off, or none."""

    def __init__(self, inner, cut):
        self._inner, self._cut = inner, cut
        self.count = 0

    def send(self, request):
        """Send a request."""
        self.count += 1
        if not self._cut:
            raise OSError("gone")
        answer = self._inner.send(request)
        whole = answer.raw.read
        answer.raw.read = lambda: whole()[:-1]
        return answer


@pytest.mark.parametrize("cut", [False, True])
def test_connections_that_break(opened, bucket, cut):
    """What does not arrive whole is asked of boto3; after three times boto3 alone is asked."""
    for number in range(8):
        bucket.put(str(number), b"content")
    source = opened()
    source.page("", "", None)
    broken = source.direct._connections = Broken(source.direct._connections, cut)

    assert [b"content"] * 8 == [read(source, str(number))[0] for number in range(8)]
    assert (3, 8) == (broken.count, source.asked.count)


def test_credentials_that_change(opened, bucket, user, aws):
    """Each request is signed with the credentials of its time."""
    bucket.put("a", b"a")
    bucket.put("b", b"b")
    user("s3:GetObject", "s3:ListBucket")
    source = opened()
    aws.enforce()
    source.page("", "", None)
    assert b"a" == read(source, "a")[0]
    credentials = source.direct._credentials
    credentials.secret_key = "x" * 40

    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        read(source, "b")


def test_parts(opened, bucket, monkeypatch):
    """Later parts are of the same object, which boto3 sees to."""
    monkeypatch.setattr("falcohost_cloudtrail.objects.PART", 4)
    bucket.put("a", b"abcdefgh")
    source = opened()
    source.page("", "", None)
    data, size, etag = read(source, "a")
    bucket.put("a", b"12345678")

    assert (b"abcd", 8, 0) == (data, size, source.asked.count)
    with pytest.raises(AwsError):
        source.part("a", 4, etag)
