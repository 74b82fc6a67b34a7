"""MaxMind databases as tables."""

from __future__ import annotations

import pytest
from mmdb import database

from falcohost_tables.config import KEY
from falcohost_tables.tables import Tables

ROWS = {
    "192.0.2.0/24": {
        "country": {"iso_code": "NZ", "names": {"en": "New Zealand"}},
        "city": {"names": {"en": "Nelson"}},
    },
    "198.51.100.0/25": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"},
    "2001:db8::/32": {"country": {"iso_code": "AQ"}, "autonomous_system_number": "none"},
}


@pytest.fixture
def file(tmp_path):
    """Return a database."""
    path = tmp_path / "geo.mmdb"
    path.write_bytes(database(ROWS))
    return path


@pytest.fixture
def tables(file, table):
    """Return tables with the database."""
    found = Tables([table(file=str(file), format="maxmind")])
    found.look()
    return found


def row(tables, address):
    """Return what is known of an address, by the names of columns."""
    one = tables.by_name["asset"]
    found = one.find(address.encode())
    names = (KEY, *(column.name for column in one.table.columns))
    return found and {name: value for name, value in zip(names, found, strict=True) if value is not None}


def test_what_is_known_of_an_address_is_found(tables):
    """Without columns in the configuration, there are those of MaxMind's databases; the key is the network."""
    assert "" == tables.states()["asset"].problem
    assert {"key": "192.0.2.0/24", "country": "NZ", "country_name": "New Zealand", "city": "Nelson"} == row(
        tables, "192.0.2.77"
    )
    assert {"key": "198.51.100.0/25", "asn": 64500, "organization": "Example"} == row(tables, "::ffff:198.51.100.1")
    assert {"key": "2001:db8::/32", "country": "AQ"} == row(tables, "2001:db8::1")  # its number is none
    assert [None, None] == [row(tables, "203.0.113.1"), row(tables, "web1")]


def test_columns_can_be_chosen(file, table):
    """A column names its way in the database."""
    tables = Tables([table(file=str(file), format="maxmind", columns={"town": {"from": "city.names.en"}})])
    tables.look()

    assert {"key": "192.0.2.0/24", "town": "Nelson"} == row(tables, "192.0.2.77")


def test_a_new_database_takes_the_place_of_the_former(tables, file):
    """As geoipupdate does it: the new file is renamed to the name of the former."""
    other = file.with_suffix(".new")
    other.write_bytes(database({"192.0.2.0/24": {"country": {"iso_code": "FJ"}}}))
    other.rename(file)
    tables.look()

    assert "FJ" == row(tables, "192.0.2.77")["country"]


def test_what_is_no_database_changes_nothing(tables, file):
    """A file that cannot be opened as a database is a problem; the former one stays."""
    other = file.with_suffix(".new")
    other.write_bytes(b"no database")
    other.rename(file)
    tables.look()

    assert f"{file} is no MaxMind database, or is damaged: " in tables.states()["asset"].problem
    assert "NZ" == row(tables, "192.0.2.77")["country"]


@pytest.mark.parametrize("start", range(0, 400, 7))
def test_a_damaged_database_has_no_row_or_another(file, table, start):
    """Whatever bytes are damaged, nothing is raised."""
    data = bytearray(file.read_bytes())
    data[start : start + 7] = b"\xff" * 7
    file.write_bytes(data)
    tables = Tables([table(file=str(file), format="maxmind")])
    tables.look()

    for address in ("192.0.2.77", "198.51.100.1", "2001:db8::1"):
        row(tables, address)
