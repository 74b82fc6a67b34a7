"""The table of assets: what is found in it, and that a change is seen."""

import os
from collections.abc import Mapping
from typing import Any

import pytest

import falcohost_assets
from falcohost.testing import LookupContract, PluginContract
from falcohost_assets import LOOK, Assets


class TestPlugin(PluginContract):
    """Its hooks and fields are sound."""

    plugin = falcohost_assets
    settings: Mapping[str, Any] = {"source": "orders", "file": "assets.csv"}


class TestAssets(LookupContract):
    """Its lookup keeps the contract."""

    plugin = falcohost_assets
    lookup = "assets"

    @pytest.fixture
    def config(self, table: Any) -> Mapping[str, Any]:
        """Look machines up in a table."""
        return {"source": "orders", "file": str(table("host,team\nweb1,web\n"))}

    @pytest.fixture
    def known(self) -> Any:
        """Return a machine in the table."""
        return ("web1",)

    @pytest.fixture
    def unknown(self) -> Any:
        """Return one that is not in it."""
        return ("mail1",)


@pytest.fixture
def table(tmp_path):
    """Return a function that writes the table and returns its path; each table is newer than the one before."""
    path, written = tmp_path / "assets.csv", []

    def table(text):
        path.write_text(text)
        written.append(text)
        os.utime(path, ns=(len(written), len(written)))
        return path

    return table


def test_rows_are_found_by_the_first_column(table):
    """A machine has one row; one that is not in the table has none."""
    assets = Assets(table("host,team\nweb1,web\ndb1,bank\n"))

    assert [{"host": "db1", "team": "bank"}, None] == [assets.find(("db1",)), assets.find(("x",))]


def test_another_column_can_be_the_key(table):
    """The column is chosen by its name."""
    assets = Assets(table("team,host\nweb,web1\n"), "host")

    assert {"team": "web", "host": "web1"} == assets.find(("web1",))


def test_a_change_is_seen(table, monkeypatch):
    """The table is read again when it is another, at most once a second."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    assets = Assets(table("host,team\nweb1,web\n"))
    table("host,team\nweb1,shop\n")

    assert not assets.poll()
    now[0] += LOOK
    assert assets.poll()
    assert {"host": "web1", "team": "shop"} == assets.find(("web1",))


def test_a_table_that_cannot_be_read_changes_nothing(table, monkeypatch, caplog):
    """The known assets stay known, and the problem is logged."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    path = table("host,team\nweb1,web\n")
    assets = Assets(path)
    path.unlink()
    now[0] += LOOK

    assert assets.poll()
    assert {"host": "web1", "team": "web"} == assets.find(("web1",))
    assert "cannot be read again" in caplog.text
