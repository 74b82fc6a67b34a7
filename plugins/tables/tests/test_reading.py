"""Tables are read from CSV, JSON and lines; what is wrong is said with its line, and what mends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost_tables import reading
from falcohost_tables.config import parse
from falcohost_tables.reading import Unreadable, read_table

COLUMNS = {"owner": "text", "level": "number", "up": "bool", "groups": "list"}
CSV = """host,owner,level,up,groups
web1,"Ann, and Bob",3,yes,a; b;
db1,,-1,0,
"""


def test_a_csv_file_is_read(table):
    """Values have the types of their columns; what is empty is absent."""
    rows = read_table(table(format="csv", columns=COLUMNS), b"\xef\xbb\xbf" + CSV.encode())

    assert ("web1", "Ann, and Bob", 3, True, ("a", "b")) == rows.find(b"web1")
    assert ("db1", None, -1, False, None) == rows.find(b"db1")
    assert rows.find(b"web") is None


def test_the_key_is_the_first_column_or_the_one_that_is_named(table):
    """Another column may have the keys, and columns may have other names in the file."""
    columns = {"machine": {"from": "host"}}
    rows = read_table(table(format="csv", columns=columns, key="owner"), CSV.replace(",,", ",eve,").encode())

    assert ("eve", "db1") == rows.find(b"eve")


def test_a_json_file_is_a_list_or_an_object(table):
    """Keys are the names of members, or a member of each entry; values may be deeper."""
    columns = {
        "owner": {"from": "team.name"},
        "groups": {"from": "groups", "type": "list"},
        "one": {"from": "groups.1"},
    }
    entry = '{"team": {"name": "web"}, "groups": ["a", "b"]}'
    by_name = read_table(table(format="json", columns=columns), f'{{"web1": {entry}}}'.encode())
    listed = read_table(table(format="json", columns=columns, key="id"), f'[{entry[:-1]}, "id": 7}}]'.encode())

    assert ("web1", "web", ("a", "b"), "b") == by_name.find(b"web1")
    assert ("7", "web", ("a", "b"), "b") == listed.find(b"7")


def test_a_list_has_comments(table):
    """Lines have keys only; comments and empty lines are left out, and a key may be there twice."""
    rows = read_table(table(), b"# bad\n\na.example  # since May\n; x\nb.example#1\na.example\n")

    assert [("a.example",), ("b.example#1",)] == [rows.find(key) for key in (b"a.example", b"b.example#1")]
    assert 2 == len(rows)


def test_case_can_be_ignored(table):
    """With ignore_case, keys fit whatever their case is."""
    rows = read_table(table(match="ignore_case"), "Ännchen\nännchen\n".encode())

    assert ("Ännchen",) == rows.find("ÄNNCHEN".encode())
    assert 1 == len(rows)


@pytest.mark.parametrize(
    ("settings", "data", "error"),
    [
        ({"columns": ["owner"]}, "host,team\nweb1,web\n", "/assets:1: there is no column 'owner', but host, team: "),
        ({"columns": ["owner"]}, "", "/assets:1: there is no column '', but none: "),
        (
            {"columns": ["owner"]},
            "host,owner\nweb1,a\nweb2,a,b\n",
            "/assets:3: there are 3 values, but 2 columns: quote a value that has a ',' in it",
        ),
        ({"columns": ["owner"]}, 'host,owner\nweb1,"a\n', "/assets:2: unexpected end of data"),
        ({"columns": ["owner"]}, "host,owner\n,a\n", "/assets:2: it has no key"),
        ({"columns": ["owner"]}, "host,owner\na,b\na,c\n", "/assets:3: another row before it has the key 'a': remove"),
        ({"columns": {"owner": "number"}}, "host,owner\na,b\n", "/assets:2: owner: 'b' is no whole number"),
        ({"columns": {"owner": "number"}}, f"host,owner\na,{1 << 63}\n", "is too large for 64 bits"),
        ({"columns": {"owner": "bool"}}, "host,owner\na,b\n", "/assets:2: owner: 'b' is neither true nor false"),
        ({"columns": ["owner"]}, f"host,owner\na,{'x' * 5000}\n", "/assets:2: owner: the text has more than 4,096"),
        ({"columns": ["owner"]}, f"host,owner\n{'ä' * 3000},x\n", "/assets:2: the key is longer than 4,096 bytes"),
        ({"columns": ["owner"], "match": "network"}, "ip,owner\n10.1.1.1/8,a\n", "/assets:2: '10.1.1.1/8' is an addr"),
        ({"columns": ["owner"], "match": "network"}, "ip,owner\nweb1,a\n", "/assets:2: 'web1' is no address and no"),
        ({"columns": ["owner"], "format": "json"}, '{"a":\n{"owner": }}', "/assets:2: this is not JSON: "),
        ({"columns": ["owner"], "format": "json"}, "[" * 100_000, "/assets: this is not JSON: "),
        ({"columns": ["owner"], "format": "json"}, "[]", "is neither a list of objects nor an object of objects: give"),
        ({"columns": ["owner"], "format": "json"}, '{"a": 3}', "/assets: 'a': it is no object"),
        ({"columns": ["owner"], "format": "json"}, '{"a": {"owner": {}}}', "'a': owner: this is no single value"),
        ({"columns": ["owner"], "format": "json"}, '{"a": {"owner": "\\ud800"}}', "a half of a surrogate pair"),
        ({"columns": ["owner"], "format": "json"}, '{"\\ud800": {}}', "its key: the text has a half"),
        ({"columns": ["owner"], "format": "json", "key": "id"}, "[{}]", "/assets: entry 1: it has no key"),
    ],
)
def test_what_cannot_be_read_is_said(table, settings, data, error):
    """The whole table is refused, with the place and what is wrong there."""
    with pytest.raises(Unreadable) as raised:
        read_table(table(**{"format": "csv", **settings}), data.encode())

    assert error in str(raised.value)


def test_other_encodings_are_refused_with_the_line(table):
    """Bytes that are not UTF-8 have a line."""
    with pytest.raises(Unreadable, match=r"^/assets:2: this is not UTF-8"):
        read_table(table(), b"ok\n\xff\xfe\n")


def test_tables_have_limits(table, monkeypatch):
    """A table that is too large is refused, by its bytes and by its rows."""
    monkeypatch.setattr(reading, "MOST_ROWS", 2)
    with pytest.raises(Unreadable, match="more than 2 rows"):
        read_table(table(), b"a\nb\nc\n")
    monkeypatch.setattr(reading, "MOST_BYTES", 3)
    with pytest.raises(Unreadable, match="larger than"):
        read_table(table(), b"a\nb\n")


@given(st.binary(max_size=200), st.sampled_from(["csv", "json", "lines"]), st.sampled_from(["exact", "network"]))
def test_whatever_is_in_a_file_is_a_table_or_a_sentence(data, form, match):
    """No content raises anything else, or makes a row that cannot be sent."""
    settings = {} if form == "lines" else {"columns": COLUMNS}
    (made,) = parse({"t": {"file": "/t", "format": form, "match": match, **settings}})
    try:
        read_table(made, data)
    except Unreadable as error:
        assert str(error).startswith("/t")
