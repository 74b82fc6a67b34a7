"""Objects that are got with less work than boto3's: they are the same, and boto3 has the last word."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.httpsession import URLLib3Session
from trail import BUCKET, ODD

from falcohost.aws import AwsError, AwsSession, AwsSettings, direct
from falcohost.aws.connection import Server
from falcohost.aws.direct import _Like
from falcohost.aws.listing import read_page
from falcohost.testing.waiting import wait_until
from falcohost_cloudtrail.objects import Bucket
from falcohost_cloudtrail.waiting import Waiting


class Asked:
    """A client that counts the objects that it is asked for."""

    def __init__(self, client):
        self._client = client
        self.count = self.listed = 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def get_object(self, **given):
        """Get an object."""
        self.count += 1
        return self._client.get_object(**given)

    def list_objects_v2(self, **given):
        """List objects."""
        self.listed += 1
        return self._client.list_objects_v2(**given)


@pytest.fixture
def opened(aws, bucket, close_later):
    """Return a function that opens the bucket, whose client counts; what gets objects is its attribute ``direct``."""

    def opened(**settings):
        session = AwsSession("cloudtrail", AwsSettings(**aws.settings | settings))
        client = session.client("s3")
        asked = Asked(client)
        exchanges = session.exchanges(connections=2)
        found = Bucket(asked, BUCKET, session.direct_gets(client, exchanges))
        found.asked, found.direct, found.waiting = asked, found._direct, Waiting(2, lambda: None)
        found.waiting.driven = exchanges
        close_later(found.waiting)
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


def driven(source, ask, otherwise):
    """Return what is asked for directly, or otherwise."""
    pending = source.waiting.ask(ask, otherwise)
    while not source.waiting.look(pending, 0.25):
        pass
    return pending.result()


def read(source, key):
    """Return the bytes, the size and the ETag of an object."""
    body = driven(source, lambda take: source.ask_body(key, take), lambda failed: source.body(key, failed=failed))
    return body._part, body._size, body._etag


def listed(source, *where):
    """Return a page of the listing."""
    return driven(source, lambda take: source.ask_page(*where, take), lambda failed: source.page(*where, failed=failed))


def directly(direct, *what):
    """Return what is got directly, or None."""
    found = []
    assert direct.get(*what, found.append)
    wait_until(lambda: direct._exchanges.drive(0.05) or found)
    return found[0]


@pytest.mark.parametrize("lists", [True, False])
def test_as_boto3_does(opened, bucket, user, aws, lists):
    """Each object is what boto3 gets, signed for who checks that; boto3 itself is asked for none."""
    for key in ODD:
        bucket.put(key, key.encode())
    expected = [Bucket(bucket.client, BUCKET).part(key, 0, "") for key in ODD]
    user("s3:GetObject", "s3:ListBucket")
    source = opened()
    aws.enforce()
    if lists:
        source.page("", "", None)

    assert expected == [read(source, key) for key in ODD]
    assert 0 == source.asked.count


def test_nothing_is_sent_to_learn(opened, bucket, monkeypatch):
    """How to ask is found out without a request of boto3's."""
    bucket.put("a", b"content")
    source = opened()
    sent = []
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: sent.append(request))

    assert (b"content", []) == (read(source, "a")[0], sent)


@pytest.mark.parametrize("wrong", ["closed", "moved"])
def test_guess_that_is_wrong(opened, bucket, scripted, monkeypatch, wrong):
    """Where boto3 would not ask a bucket at last, one object tells; boto3 gets it, and others are asked for like it."""
    for name in "abc":
        bucket.put(name, b"content")
    source = opened()
    server = scripted(b"" if wrong == "closed" else b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n")
    like = _Like(f"http://127.0.0.1:{server.port}/{BUCKET}/", "eu-central-1", {})
    monkeypatch.setattr(source.direct, "_model", lambda name: like)
    found = []
    assert source.ask_body("a", found.append)
    assert source.is_learning
    wait_until(lambda: source.waiting.driven.drive(0.05) or found)
    assert ([None], True) == (found, source.is_learning)
    assert not source.ask_body("a", found.append)
    assert b"content" == source.body("a", failed=True)._part

    assert not source.is_learning
    assert [b"content"] * 2 == [read(source, name)[0] for name in "bc"]
    assert (1, 1) == (len(server.asked), source.asked.count)


def test_guess_that_is_right(opened, bucket):
    """Others wait for the first object until it is there."""
    bucket.put("a", b"content")
    source = opened()
    found = []
    assert source.ask_body("a", found.append)
    assert source.is_learning
    wait_until(lambda: source.waiting.driven.drive(0.05) or found)

    assert (b"content", False) == (found[0]._part, source.is_learning)


@pytest.mark.parametrize("name", ["", "no such name!", "fast--use1-az4--x-s3", "arn:aws:s3::1:accesspoint/a.mrap"])
def test_buckets_that_are_left_to_boto3(opened, bucket, monkeypatch, name):
    """How to ask some buckets is not guessed, nor anybody asked for it, and not each time."""
    source = opened()
    sent = []
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: sent.append(request))
    models = []
    model = source.direct._model
    monkeypatch.setattr(source.direct, "_model", lambda name: models.append(name) or model(name))

    assert [False] * 3 == [source.direct.get(name, "a", 10, lambda got: None) for _ in range(3)]
    assert ([], [name]) == (sent, models)


def test_many_buckets(opened, bucket, monkeypatch):
    """Whoever names buckets without end has boto3 make some requests in vain, and nothing is remembered of the rest."""
    monkeypatch.setattr(direct, "MOST", 3)
    source = opened()
    models = []
    monkeypatch.setattr(source.direct, "_model", models.append)
    names = [f"no such name {number}" for number in range(10)]

    assert not any(source.direct.get(name, "a", 10, lambda got: None) for name in names * 2)
    assert (names[:3], names[:3]) == (models, list(source.direct._others))


def test_credentials_that_have_to_be_renewed(opened, bucket, monkeypatch):
    """Nothing is guessed while credentials have to be asked for, which may take long; boto3 asks in its thread."""
    bucket.put("a", b"content")
    source = opened()
    has_to_renew = True
    monkeypatch.setattr(source.direct._credentials, "refresh_needed", lambda: has_to_renew, raising=False)
    assert not source.ask_body("a", lambda body: None)
    assert b"content" == source.body("a")._part
    has_to_renew = False

    assert (b"content", 1) == (read(source, "a")[0], source.asked.count)


def test_credentials_that_have_to_be_renewed_meanwhile(opened, bucket, monkeypatch):
    """A request that has waited is signed with what was valid when it was made: nobody waits for new ones."""
    bucket.put("a", b"content")
    source = opened()
    credentials = source.direct._credentials
    found = []
    assert source.ask_body("a", found.append)
    monkeypatch.setattr(credentials, "get_frozen_credentials", lambda: pytest.fail("it waits"))
    wait_until(lambda: source.waiting.driven.drive(0.05) or found)

    assert b"content" == found[0]._part


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


@pytest.mark.parametrize("most", [3, 1000])
def test_listed_as_by_boto3(opened, bucket, user, aws, monkeypatch, most):
    """The pages of a listing are those of boto3, which is asked for the first one at most."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(most))
    for key in ODD:
        bucket.put(key, b"content")
    user("s3:GetObject", "s3:ListBucket")
    source = opened()
    aws.enforce()
    source.folders("")
    before = source.asked.listed
    expected, found = [], []
    for pages, page in ((expected, source.page), (found, lambda *where: listed(source, *where))):
        pages.append(page("", "A", None))
        while pages[-1].token:
            pages.append(page("", "", pages[-1].token))

    assert [page.objects for page in expected] == [page.objects for page in found]
    assert len(expected) == source.asked.listed - before
    assert all(abs(one.at - other.at) < 60 for one, other in zip(expected, found, strict=True))


def test_folders(opened, bucket):
    """Folders are those that boto3 lists."""
    for key in ("a b/c/1", "a b/c/2", "a b/d/e/1", "a b/ü+/1", "a b/1", "c/1"):
        bucket.put(key, b"content")
    source = opened()
    found = driven(
        source,
        lambda take: source.ask_page("a b/", "", None, take, delimiter="/"),
        lambda failed: source.page("a b/", "", None, delimiter="/", failed=failed),
    )

    assert (["a b/c/", "a b/d/", "a b/ü+/"], ["a b/1"]) == (found.folders, [each.key for each in found.objects])
    assert (0, found.folders) == (source.asked.listed, source.folders("a b/"))


def test_listing_of_nothing(opened, bucket):
    """A listing without objects is empty."""
    source = opened()
    source.folders("")

    assert ([], None) == (listed(source, "no/", "", None).objects, listed(source, "no/", "", None).token)
    assert 1 == source.asked.listed


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<a/>",
        b"<Error><Code>SlowDown</Code></Error>",
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><LastModified>2026-11-29T00:00:00Z</LastModified></Contents></ListBucketResult>",
        b"<ListBucketResult>",
        b'<?xml version="1.0" encoding="none"?><ListBucketResult/>',
        b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in b"bcdefghij")
        + b"]><ListBucketResult><Prefix>&j;</Prefix></ListBucketResult>",
    ],
)
def test_no_listing(text):
    """What is no listing is none, and left to boto3."""
    assert read_page(text, "Sun, 29 Nov 2026 00:00:00 GMT") is None


@pytest.mark.parametrize("line", ["ETag: e\r\nContent-Range: bytes 0-6/*", "Content-Range: bytes 0-6/7"])
def test_answers_that_make_no_sense(opened, bucket, scripted, line):
    """An answer without a size, or without an ETag, is an error like others, and ends nothing."""
    server = scripted(f"HTTP/1.1 206 OK\r\n{line}\r\nContent-Length: 7\r\n\r\ncontent".encode(), keeps=True)
    source = opened(endpoint_url=f"http://127.0.0.1:{server.port}")

    with pytest.raises(AwsError, match="not as expected"):
        read(source, "a")
    assert 2 == len(server.asked)


@pytest.mark.parametrize("cut", [False, True])
def test_connections_that_break(opened, bucket, scripted, cut):
    """What does not arrive whole is asked of boto3; after three times boto3 alone is asked."""
    for number in range(8):
        bucket.put(str(number), b"content")
    source = opened()
    server = scripted(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 7\r\n\r\nconten' if cut else b"")
    learn = source.direct._learn

    def learnt(name, like, *, failed):
        learn(name, like, failed=failed)
        if name in source.direct._ways:
            way = source.direct._ways[name]
            source.direct._ways[name] = way._replace(server=Server("127.0.0.1", server.port, False))

    source.direct._learn = learnt
    source.page("", "", None)

    assert [b"content"] * 8 == [read(source, str(number))[0] for number in range(8)]
    assert (3, 8) == (len(server.asked), source.asked.count)


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


class Serving(BaseHTTPRequestHandler):
    """Answers each request with an object, or as a proxy with what the named server answers; remembers the targets."""

    def log_message(self, *what):
        """Say nothing."""

    def do_GET(self):
        """Answer."""
        self.server.asked.append(self.path)
        data, headers = b"content", {"ETag": '"e"'}
        if self.path.startswith("http:"):
            request = urllib.request.Request(self.path, headers=dict(self.headers))
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
                data, headers = answer.read(), answer.headers
        self.send_response(200)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def serving():
    """Return a server; what it was asked for is its attribute ``asked``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_by_a_proxy(opened, bucket, serving, monkeypatch):
    """The environment's proxy is asked, as by boto3."""
    bucket.put("a//b/c d", b"content")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{serving.server_port}")
    monkeypatch.setenv("no_proxy", "")
    source = opened()
    source.page("", "", None)
    listed = len(serving.asked)

    assert b"content" == read(source, "a//b/c d")[0]
    assert (0, 1) == (source.asked.count, len(serving.asked) - listed)


@pytest.mark.parametrize(
    ("host", "is_known", "expected"), [("localhost", True, b"content"), ("localhost", False, None), ("ip", True, None)]
)
def test_whom_it_believes(opened, bucket, serving, tmp_path, monkeypatch, host, is_known, expected):
    """A server is asked only if an authority vouches for its name, also where the system has no file of authorities."""
    made = [tmp_path / "key.pem", tmp_path / "cert.pem"]
    how = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", made[0], "-out", made[1]]
    subprocess.run([*how, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made[1], made[0])
    serving.socket = context.wrap_socket(serving.socket, server_side=True, do_handshake_on_connect=False)
    paths = ssl.get_default_verify_paths()._replace(cafile=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    if is_known:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(made[1]))
    direct = opened().direct
    name = "127.0.0.1" if host == "ip" else host
    direct._ways["b"] = direct._way(_Like(f"https://{name}:{serving.server_port}/b/", "eu-central-1", {}))
    got = directly(direct, "b", "a", 10)

    assert expected == (got and got.data)
    assert int(is_known and host != "ip") == len(serving.asked)


def test_authorities_that_cannot_be_read(opened, bucket, monkeypatch, tmp_path):
    """Without a file of authorities boto3 alone is asked, which says so where it needs them."""
    bucket.put("a", b"a")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "gone"))
    source = opened()

    assert b"a" == read(source, "a")[0]
    assert (None, 1) == (source.direct, source.asked.count)
