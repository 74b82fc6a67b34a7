"""Decoding of records that are JSON, nearly JSON, and none."""

import pytest

from falcohost.jsonlog.decode import mended, whole_record
from falcohost.jsonlog.refusals import NOT_AN_OBJECT, NOT_JSON, TOO_DEEP, Refused


@pytest.mark.parametrize(
    ("raw", "record"),
    [
        (b'{"a":1}', {"a": 1}),
        (b' {"a" : 1}\r', {"a": 1}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":"\xff\xfeb"}', {"a": "\ufffd\ufffdb"}),
        (b'{"\xff":1}', {"\ufffd": 1}),
        (rb'{"a":"\ud800"}', {"a": "\ufffd"}),
        (rb'{"a":"\udc00x"}', {"a": "\ufffdx"}),
        (rb'{"a":"\ud800\ud800\udc00"}', {"a": "\ufffd\U00010000"}),
        (rb'{"a":"\\ud800"}', {"a": "\\ud800"}),
        (rb'{"a":"\\\ud800"}', {"a": "\\\ufffd"}),
        (b'{"a":1e999,"b":"\xff"}', {"a": float("inf"), "b": "\ufffd"}),
        (b'{"a":123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"a":1' + b"0" * 5000 + b"}", {"a": float("inf")}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":NaN,"b":[Infinity,-Infinity]}', {"a": None, "b": [float("inf"), float("-inf")]}),
        (b'{"a":[1e999,NaN]}', {"a": [float("inf"), None]}),
        (b'{"a":"\x01\n\t"}', {"a": "\x01\n\t"}),
        (rb'{"a":"\x22\x0a\q\u12\ud8\\x41"}', {"a": '"\n\\q\\u12\\ud8\\x41'}),
    ],
)
def test_read(raw, record):
    """JSON is read, and so is what writers of logs get wrong: bad text, bytes as nginx escapes them, NaN."""
    assert record == whole_record(raw)


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"", NOT_JSON),
        (b"{", NOT_JSON),
        (b'{"a":1', NOT_JSON),
        (b'{"a":1}{"a":2}', NOT_JSON),
        (b'{"a":01}', NOT_JSON),
        (b'{"a":nan}', NOT_JSON),
        (b'{"a":"\\"}', NOT_JSON),
        (b'{"a":"\xff}', NOT_JSON),
        (b"\x00\x01", NOT_JSON),
        (b"[1]", NOT_AN_OBJECT),
        (b'"text"', NOT_AN_OBJECT),
        (b"null", NOT_AN_OBJECT),
        (b"[" * 10_000 + b"]" * 10_000, TOO_DEEP),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, TOO_DEEP),
        (b'{"b":1e999,"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", TOO_DEEP),
    ],
)
def test_refused(raw, cause):
    """A value that is not a JSON object is refused with the cause."""
    with pytest.raises(Refused) as refused:
        whole_record(raw)

    assert cause == str(refused.value)


def test_mended_keeps_the_rest():
    """Mending changes nothing in a text that is one."""
    raw = r'{"a":"\u00e9\ud83d\ude00\\u\"é😀"}'.encode()

    assert raw == mended(raw)
