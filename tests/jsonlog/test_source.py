"""The source of a JSON log, reading real files."""

import gzip
import os
import time
from dataclasses import replace

import pytest

from falcohost import SourceError
from falcohost.events import Plan
from falcohost.jsonlog import JsonLog, JsonSource, Limits, file_input
from falcohost.jsonlog.refusals import BAD_GZIP, NOT_AN_OBJECT, NOT_JSON, TOO_DEEP, TOO_LARGE

LOG = JsonLog(source="app", plugin="tester", time="at", wrappers=("Records",))


def numbers(events):
    """Return what the records have as n."""
    return [event.record["n"] for event in events]


@pytest.mark.parametrize(
    "content",
    [
        b'{"n":1}\n{"n":2}\n{"n":3}',
        b'\xef\xbb\xbf{"n":1}\r\n\r\n{"n":2}\r\n{"n":3}\r\n',
        b'[{"n":1},{"n":2}]\n{"n":3}\n',
        b'{"Records":[{"n":1},{"n":2},{"n":3}]}',
        b'{\n "Records": [\n  {"n": 1},\n  {"n": 2}, {"n": 3}\n ]\n}\n',
        b'[{"n":1},[{"n":2}],{"Records":[{"n":3}]}]',
        b'{"n":1}\n{"Records":[{"n":2}],"more":1}\n{"Records":7,"n":3}\n',
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_forms(tmp_path, read, content, pack):
    """Lines, arrays, wrapped lists and documents over several lines are read, plain and as gzip."""
    (tmp_path / "log").write_bytes(pack(content))

    events, dropped = read(tmp_path / "log")

    assert numbers(events) == [1, 2, 3]
    assert [event.num for event in events] == [1, 2, 3]
    assert dropped == {}


def test_a_folder(tmp_path, read):
    """The files of a folder are read, the one that changed first before the others; hidden ones are not."""
    for age, name in enumerate(["c.json", "a.json", "b.json.gz", ".d.json", "e.txt"]):
        (tmp_path / name).write_bytes(b'{"n":"%s"}' % name.encode())
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "f.json").write_text('{"n":"f.json"}')

    assert numbers(read(tmp_path)[0]) == ["e.txt", "b.json.gz", "a.json", "c.json"]
    assert numbers(read(tmp_path, suffixes=(".json",))[0]) == ["a.json", "c.json"]
    assert numbers(read(tmp_path, suffixes=(".json",), recursive=True)[0]) == ["a.json", "c.json", "f.json"]


def test_files_are_read_without_waiting(tmp_path):
    """Each batch of files says that what follows is there, so that alerts of several can be stored at once."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b'{"n":1}\n')
    source = JsonSource(LOG, file_input(str(tmp_path), plugin="tester"))
    source.open(Plan("app"), None)

    assert {True} == {batch.more for batch in source.batches()}


def test_more_files_than_a_process_may_open_at_first(tmp_path, read):
    """The limit of open files is raised for a folder with many."""
    for number in range(1500):
        (tmp_path / f"{number}").write_text('{"n":1}')

    assert len(read(tmp_path)[0]) == 1500


def test_keys_stay(tmp_path, read):
    """A record has the same key when it is read again, also from a renamed file, and no two have the same."""
    (tmp_path / "log").write_text('{"n":1}\n{"n":1}\n[{"n":1},{"n":1}]\n')
    before = [event.key for event in read(tmp_path / "log")[0]]
    (tmp_path / "log").rename(tmp_path / "log.1")

    assert before == [event.key for event in read(tmp_path / "log.1")[0]]
    assert len(set(before)) == 4


def test_times(tmp_path, read):
    """A record has the time that it says; without one that can be read it has that of reading."""
    (tmp_path / "log").write_text('{"at":"2023-11-14T22:13:20.123456789Z"}\n{"at":"soon"}\n{}\n{"at":{}}\n')

    events, dropped = read(tmp_path / "log")

    assert events[0].ts == 1_700_000_000_123_456_789
    assert all(abs(event.ts - time.time_ns()) < 60 * 10**9 for event in events[1:])
    assert [events[0].ts, None, None] == [event.own_time for event in (*events[:2], events[-1])]
    assert [event.start_ts for event in events] == [events[0].ts] * 4
    assert dropped == {}


def test_a_time_that_a_function_reads(tmp_path, read):
    """The time may be computed from the whole record."""
    (tmp_path / "log").write_text('{"a":1,"b":2}')
    log = replace(LOG, time=lambda record: record["a"] + record["b"])

    assert read(tmp_path / "log", log)[0][0].ts == 3


def test_names_of_the_source(tmp_path, read):
    """An event knows its source and plugin, and its record in one line."""
    (tmp_path / "log").write_text('{"n": [1, "é"]}')

    event = read(tmp_path / "log")[0][0]

    assert (event.type, event.source, event.pluginname) == ("pluginevent", "app", "tester")
    assert event.plugininfo == '{"n":[1,"é"]}'
    assert read(tmp_path / "log", replace(LOG, info=lambda record: str(len(record))))[0][0].plugininfo == "1"


def test_what_is_skipped_is_counted(tmp_path, read):
    """A record that the log does not want is left out and counted by the cause."""
    (tmp_path / "log").write_text('{"n":1}\n{"n":2}\n{"n":3}\n')
    log = replace(LOG, skip=lambda record: "even" if record["n"] % 2 == 0 else None, skip_reads=("n",))

    events, dropped = read(tmp_path / "log", log)

    assert numbers(events) == [1, 3]
    assert dropped == {"even": 1}


def test_functions_of_the_plugin_may_raise(tmp_path, read, caplog):
    """A function of the plugin that raises on a record ends nothing: the record is served, and it is told once."""
    (tmp_path / "log").write_text('{"n":1}\n{"n":"x"}\n{"n":[]}\n')
    log = replace(LOG, skip=lambda record: None if record["n"] > 0 else "none", time=lambda record: record["n"] + 1)

    events, dropped = read(tmp_path / "log", log)

    assert numbers(events) == [1, "x", []]
    assert events[0].ts == 2
    assert events[1].ts > 10**18
    assert dropped == {}
    assert [message.split(" raised")[0] for message in caplog.messages] == ["source 'app': skip", "source 'app': time"]


GOOD = b'\n{"n":"good"}\n'


@pytest.mark.parametrize(
    ("bad", "dropped"),
    [
        (b'{"n":1', {NOT_JSON: 1}),
        (b"7", {NOT_AN_OBJECT: 1}),
        (b"[1,null,[2]]", {NOT_AN_OBJECT: 3}),
        (b"[1,", {NOT_JSON: 1}),
        (b'{"Records":[1,{"n":', {NOT_AN_OBJECT: 1, NOT_JSON: 1}),
        (b'{"n":' + b"[" * 10_000 + b"]" * 10_000 + b"}", {TOO_DEEP: 1}),
        (b"[" * 10_000 + b"]" * 10_000, {TOO_DEEP: 1}),
        (b'{"Records":[{"n":' + b"[" * 10_000 + b"]" * 10_000 + b"}]}", {TOO_DEEP: 1}),
        (b'{"n":"' + b"x" * 2000 + b'"}', {TOO_LARGE: 1}),
        (b'{"n":"' + b"x" * 20_000 + b'"}', {TOO_LARGE: 1}),
        (b"\x00\xff\xfe" * 50, {NOT_JSON: 1}),
    ],
)
def test_what_cannot_be_read_is_counted(tmp_path, read, bad, dropped):
    """A bad text is counted by its cause, and the next record is served."""
    (tmp_path / "log").write_bytes(GOOD + bad + GOOD)

    limits = Limits(document=8000 if len(bad) < 8000 else 21_000, record=1000 if b"x" in bad else 21_000)

    events, counted = read(tmp_path / "log", limits=limits)

    assert numbers(events) == ["good", "good"]
    assert counted == dropped


def test_a_document_of_countless_records_is_refused(tmp_path, read):
    """A document that holds more objects than memory is meant for is refused; the next is read."""
    (tmp_path / "log").write_bytes(GOOD + b'{"Records":[' + b"{}," * 400_000 + b"{}]}" + GOOD)

    events, dropped = read(tmp_path / "log", limits=Limits(record=1 << 20, objects=100_000))

    assert numbers(events) == ["good", "good"]
    assert dropped == {TOO_LARGE: 1}


def test_a_document_of_countless_values_is_refused(tmp_path, read):
    """So is an array of values that are no objects, each of which would take up memory to be refused."""
    (tmp_path / "log").write_bytes(GOOD + b"[" + b"1," * 400_000 + b"1]" + GOOD)

    events, dropped = read(tmp_path / "log", limits=Limits(record=1 << 19, objects=50_000))

    assert numbers(events) == ["good", "good"]
    assert dropped == {TOO_LARGE: 1}


def test_bad_text_is_served(tmp_path, read):
    """Bytes that are no UTF-8 and half a surrogate pair do not hide a record, nor its neighbours."""
    (tmp_path / "log").write_bytes(b'[{"n":"\xff"},{"n":"\\ud800"}]\n{"Records":[{"n":"a\\udc00"}]}\n')

    events, dropped = read(tmp_path / "log")

    assert numbers(events) == ["\ufffd", "\ufffd", "a\ufffd"]
    assert dropped == {}


def test_gzip_cut_off(tmp_path, read):
    """Of a gzip file that is cut off the whole lines are served; the next file is read."""
    lines = b"".join(b'{"n":%d}\n' % number for number in range(2000))
    (tmp_path / "1.gz").write_bytes(gzip.compress(lines)[:-50])
    (tmp_path / "2").write_text('{"n":"next"}')
    os.utime(tmp_path / "1.gz", (1, 1))

    events, dropped = read(tmp_path)

    assert numbers(events)[:1000] == list(range(1000))
    assert numbers(events)[-1] == "next"
    assert dropped == {BAD_GZIP: 1}


def test_a_line_of_100_megabytes(tmp_path, read):
    """A line of 100 MB is refused in bounded memory."""
    with (tmp_path / "log").open("wb") as file:
        file.write(GOOD)
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(GOOD)

    events, dropped = read(tmp_path / "log")

    assert numbers(events) == ["good", "good"]
    assert dropped == {TOO_LARGE: 1}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("", "open_params is not set"),
        ("http://localhost:9765/k8s-audit", "reads files and folders"),
        ("s3://bucket", "reads files and folders"),
        ("/no/such/file", "No such file or directory"),
        ("/dev/null", "neither a file nor a folder"),
    ],
)
def test_what_cannot_be_opened_is_told(read, given, text):
    """A source that cannot be opened says what is wrong."""
    with pytest.raises(SourceError, match=text):
        read(given)


@pytest.mark.parametrize("key", [b"Records", rb"\u0052ecords", rb"Record\u0073"])
def test_escaped_wrapper(tmp_path, read, key):
    """The letters of a wrapper's key may be escaped: its records have their own texts all the same."""
    (tmp_path / "log").write_bytes(b'{"n":0}\n{"%s":[{"n":1},{"n":2}]}\n' % key)

    events, _ = read(tmp_path / "log")

    assert [event.raw for event in events] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
