"""A lookup that asks through a port: what it asks, what it keeps, what it forgets."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from falcohost.host.plugins import ask
from falcohost.lookups import ASK_AGAIN, PENDING, AskedLookup
from falcohost.port import LocalPort
from falcohost.testing.clock import ManualClock

OWNERS = {"web": "ann", "db": "bob"}


class Asked:
    """A lookup by host; *asked* has the questions."""

    def __init__(self, **more):
        self.asked = []
        self.clock = ManualClock()
        self.owners = dict(OWNERS)
        port = LocalPort(self._answer)
        self.lookup = AskedLookup(port, lambda key: key[0], lambda answer: answer, clock=self.clock, **more)

    def _answer(self, host):
        self.asked.append(host)
        return (host,), self.owners.get(host)

    def find(self, *hosts):
        """Return the rows of hosts."""
        return [self.lookup.find((host,)) for host in hosts]


def test_a_row_is_asked_for_once():
    """Until the answer comes the row is pending; then it is there, and nothing is asked."""
    asked = Asked()
    assert [PENDING, PENDING] == asked.find("web", "web")
    assert asked.lookup.poll()

    assert ["ann", "ann"] == asked.find("web", "web")
    assert ["web"] == asked.asked
    assert not asked.lookup.poll()


def test_that_there_is_no_row_is_kept():
    """A key without a row is not asked for again and again."""
    asked = Asked()
    asked.find("mail")
    asked.lookup.poll()

    assert [None, None] == asked.find("mail", "mail")
    assert ["mail"] == asked.asked


def test_rows_are_bounded():
    """Beyond the bound the row is forgotten, and counted, that was not read for the longest time."""
    asked = Asked(most=2)
    for host in ("web", "db"):
        asked.find(host)
        asked.lookup.poll()
    asked.find("web")
    asked.find("mail")
    asked.lookup.poll()

    assert ["ann", None, PENDING] == asked.find("web", "mail", "db")
    assert 1 == asked.lookup.dropped


def test_old_rows_are_asked_for_anew():
    """A row that is old is still told while the new one is on its way."""
    asked = Asked(seconds=60)
    asked.find("web")
    asked.lookup.poll()
    asked.owners["web"] = "eve"
    asked.clock.advance(61)

    assert ["ann"] == asked.find("web")
    assert asked.lookup.poll()
    assert ["eve"] == asked.find("web")


def test_a_lost_answer_is_asked_for_again():
    """Where the other side has failed to answer, the question is asked again after some time."""
    asked = Asked()
    asked.owners = None
    asked.find("web")
    with pytest.raises(AttributeError):
        asked.lookup.poll()
    asked.owners = dict(OWNERS)
    assert [PENDING] == asked.find("web")
    assert not asked.lookup.poll()

    asked.clock.advance(ASK_AGAIN)
    assert [PENDING] == asked.find("web")
    assert asked.lookup.poll()
    assert ["ann"] == asked.find("web")


def test_the_example_in_the_documentation(root):
    """The lookup that docs/plugins.md shows is one as it stands."""
    page = (root / "docs" / "plugins.md").read_text()
    names = {}
    exec(re.search("```python\n([^`]*falcohost.lookups[^`]*)```", page)[1], names)
    (loaded,) = ask("owners", SimpleNamespace(**names), "owners", "1").lookups
    loaded.open()

    (owner,) = loaded.spec.fields
    assert ["bob", None] == [row and owner.get(row, None) for row in map(loaded.find, [("db",), ("mail",)])]
    assert {"json": ("json.value[/host]",)} == loaded.spec.key
