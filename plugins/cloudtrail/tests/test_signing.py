"""Requests are signed as botocore signs them."""

from __future__ import annotations

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from trail import ODD

from falcohost.aws.direct import _quoted
from falcohost.aws.signing import Asked as Request
from falcohost.aws.signing import signed


def lower(headers):
    """Return *headers* with names in lower case."""
    return {name.lower(): text for name, text in headers.items()}


def in_lines(lines):
    """Return the headers in *lines*."""
    return dict(line.split(":", 1) for line in lines.removesuffix("\r\n").split("\r\n"))


@pytest.mark.parametrize("token", ["", "a+b/c=="])
@pytest.mark.parametrize("key", ODD)
def test_signed_like_botocore(key, token):
    """A request's headers are those that botocore's signer makes."""
    credentials = Credentials("AKID", "secret/+", token or None).get_frozen_credentials()
    request = AWSRequest("GET", f"https://b.s3.test:8443/{_quoted(key)}", {"Range": "bytes=0-9"})
    S3SigV4Auth(credentials, "s3", "eu-central-1").add_auth(request)
    at = request.context["timestamp"]
    asked = Request("GET", f"/{_quoted(key)}", "", "host:b.s3.test:8443\nrange:bytes=0-9\n", "host;range;")
    lines = signed(credentials, "eu-central-1", "s3", at, asked)

    assert lower({"Host": "b.s3.test:8443", **request.headers}) == in_lines(lines)


@pytest.mark.parametrize("token", ["", "a+b/c=="])
def test_listing_signed_like_botocore(token):
    """So are those of a request with parameters."""
    credentials = Credentials("AKID", "secret/+", token or None).get_frozen_credentials()
    query = "continuation-token=a%2Bb%2F%3D%20~&encoding-type=url&list-type=2&prefix=%C3%BC"
    request = AWSRequest("GET", f"https://b.s3.test/?{query}")
    S3SigV4Auth(credentials, "s3", "eu-central-1").add_auth(request)
    at = request.context["timestamp"]
    lines = signed(credentials, "eu-central-1", "s3", at, Request("GET", "/", query, "host:b.s3.test\n", "host;"))

    assert lower({"Host": "b.s3.test", **request.headers}) == in_lines(lines)


@pytest.mark.parametrize("token", ["", "a+b/c=="])
def test_post_signed_like_botocore(token):
    """So are those of a request to SQS."""
    credentials = Credentials("AKID", "secret/+", token or None).get_frozen_credentials()
    own = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ReceiveMessage"}
    request = AWSRequest("POST", "https://sqs.test/", own, b'{"a":1}')
    SigV4Auth(credentials, "sqs", "eu-central-1").add_auth(request)
    at = request.context["timestamp"]
    begin, end = "content-type:application/x-amz-json-1.0\nhost:sqs.test\n", "x-amz-target:AmazonSQS.ReceiveMessage\n"
    asked = Request("POST", "/", "", begin, "content-type;host;", end, ";x-amz-target", b'{"a":1}')
    lines = signed(credentials, "eu-central-1", "sqs", at, asked)

    assert lower({"Host": "sqs.test", **request.headers}) == in_lines(lines)
