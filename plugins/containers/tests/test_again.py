"""Names that containers are made with are told one by one, to who asks for them."""

from __future__ import annotations

from falcohost_containers import again
from falcohost_containers.again import Again


def test_names_are_told():
    """Each question is answered with one name, at once or when there is one; ids that are unique are not told."""
    here, told = Again(), []
    here.made("f" * 64)
    here.made("web")
    here.made("web")
    here.made("job")
    for _ in range(3):
        here.ask(told.append)
    assert ["web", "job"] == told
    here.made("web")
    here.made("late")

    assert ["web", "job", "web"] == told
    here.ask(told.append)
    assert "late" == told[-1]


def test_too_many_names(monkeypatch):
    """They are told as one that is empty, and those that come then are in it."""
    monkeypatch.setattr(again, "MOST", 2)
    here, told = Again(), []
    for name in "abcd":
        here.made(name)
    for _ in range(2):
        here.ask(told.append)
    assert [""] == told
    here.made("e")

    assert ["", "e"] == told


def test_another_who_asks():
    """Only who asked last is told: the other is gone."""
    here, first, last = Again(), [], []
    here.ask(first.append)
    here.ask(last.append)
    here.made("web")

    assert ([], ["web"]) == (first, last)
