"""The tables of the configuration: what they may say, and what is refused with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import falcohost_tables.plugin
from falcohost import ConfigError
from falcohost.testing import PluginContract
from falcohost_tables.config import Column, parse

ASSET = {"file": "/etc/falcohost/assets.csv", "columns": ["owner"]}


class TestPlugin(PluginContract):
    """Its hooks, keys and fields are sound."""

    plugin = falcohost_tables.plugin
    settings: Mapping[str, Any] = {"tables": {"asset": ASSET, "geoip": {"file": "/geo.mmdb"}}}


def test_the_ending_tells_the_format():
    """A table's format follows from the name of its file or the path of its URL; without one it is a list of lines."""
    places = {"a": "/a.csv", "b": "/b.json", "c": "/c.txt", "d": "/d.mmdb", "e": "/e.tsv"}
    tables = {name: {"file": path} | ({"columns": ["x"]} if name in "abe" else {}) for name, path in places.items()}
    tables["f"] = {"url": "https://host/f.json?x=.csv", "columns": ["x"]}

    assert ["csv", "json", "lines", "maxmind", "csv", "json"] == [table.format for table in parse(tables)]
    assert "\t" == parse(tables)[4].delimiter


def test_columns_are_names_or_types():
    """Columns are a list of texts, or a mapping with types and with the names that the file has for them."""
    columns = {"owner": "text", "level": {"from": "Risk Level", "type": "number"}}
    (table,) = parse({"asset": {**ASSET, "columns": columns}})

    assert (Column("owner", "owner"), Column("level", "Risk Level", "number")) == table.columns


@pytest.mark.parametrize(
    ("tables", "error"),
    [
        ([], "tables has to be a mapping from names to tables"),
        ({"an asset": ASSET}, "tables: 'an asset' is no name of a table"),
        ({"asset": "x"}, "tables.asset has to be a mapping"),
        ({"asset": {**ASSET, "fil": "x"}}, "tables.asset: unknown key fil; did you mean file?"),
        ({"asset": {"columns": ["x"]}}, "tables.asset: it needs either 'file', a path, or 'url'"),
        ({"asset": {**ASSET, "url": "https://h/"}}, "tables.asset: it needs either 'file', a path, or 'url'"),
        ({"asset": {"file": "a.csv", "columns": ["x"]}}, "tables.asset: paths have to be absolute"),
        ({"asset": {"file": "/a.csv"}}, "tables.asset: it needs 'columns'"),
        ({"asset": {"file": "/a", "columns": ["x"]}}, "tables.asset: a list of lines has no columns"),
        ({"asset": {**ASSET, "match": "cidr"}}, "match has to be one of exact, ignore_case, network, not 'cidr'"),
        ({"asset": {**ASSET, "format": "xml"}}, "format has to be one of csv, json, lines, maxmind, not 'xml'"),
        ({"asset": {**ASSET, "columns": {"a": "int"}}}, "columns.a: the type has to be one of text, number"),
        ({"asset": {**ASSET, "columns": ["a-b"]}}, "'a-b' is no name of a field"),
        ({"asset": {**ASSET, "columns": ["key"]}}, "the column 'key' needs another name"),
        ({"asset": {**ASSET, "columns": {"a": 3}}}, "tables.asset.columns.a has to be a type, or a mapping"),
        ({"asset": {**ASSET, "columns": 3}}, "tables.asset.columns has to be a list of names"),
        ({"asset": {**ASSET, "columns": {f"c{n}": "text" for n in range(33)}}}, "it has more than 32 columns"),
        ({"asset": {**ASSET, "delimiter": "::"}}, "delimiter has to be one character"),
        ({"asset": {**ASSET, "interval": "often"}}, "tables.asset: "),
        ({"asset": {"url": "https://h/a.csv", "columns": ["x"], "interval": 0}}, "interval has to be at least 1 s"),
        ({"asset": {"url": "ftp://h/a.csv", "columns": ["x"]}}, "url has to begin with https:// or http://"),
        ({"asset": {"url": "https://u:p@h/a.csv", "columns": ["x"]}}, "url must not contain a password"),
        ({"asset": {"url": "http://h/a", "token_file": "/t"}}, "a token is sent over https only"),
        ({"asset": {"url": "https://h/a.mmdb"}}, "a MaxMind database has to be a file"),
        ({"asset": {**ASSET, "token_file": "/t"}}, "ca and token_file are for a table with a url"),
    ],
)
def test_what_cannot_be_is_refused(tables, error):
    """A table that cannot be has a sentence that names it."""
    with pytest.raises(ConfigError) as raised:
        parse(tables)

    assert error in str(raised.value)


def test_what_is_secret_in_a_url_is_not_told():
    """Messages name a URL without its query."""
    (table,) = parse({"asset": {"url": "https://host:1/a.csv?token=secret", "columns": ["x"]}})

    assert "https://host:1/a.csv" == table.place
