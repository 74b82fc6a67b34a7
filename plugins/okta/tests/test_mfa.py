"""Counting refusals at the second factor: by actor and type, over a time that ends with the event at hand."""

from __future__ import annotations

from falcohost_okta import mfa
from falcohost_okta.mfa import SECOND, Attempts, attempt

BY_MFA = "user.authentication.auth_via_mfa"
PUSH = "user.mfa.okta_verify.deny_push"


def refusal(actor="a", kind=PUSH):
    """Return a denied push."""
    return {"eventType": kind, "actor": {"id": actor}, "outcome": {"result": "FAILURE"}}


def counts(attempts, event, *questions):
    """Return the counts at times and over seconds."""
    return [attempts.count(event, ts * SECOND, seconds) for ts, seconds in questions]


def remembered(*times, actor="a", per_actor=200, expiration=1000):
    """Return the memory of refusals of one actor at *times* in seconds."""
    attempts = Attempts(per_actor, expiration)
    for ts in times:
        attempts.add(attempt(refusal(actor)), ts * SECOND)
    return attempts


def test_what_is_a_refusal():
    """A denied push is one whatever its outcome, an authentication by a second factor only if it failed."""
    assert (PUSH, "a") == attempt({"eventType": PUSH, "actor": {"id": "a"}})
    assert (BY_MFA, "a") == attempt(refusal(kind=BY_MFA))
    assert None is attempt({**refusal(kind=BY_MFA), "outcome": {"result": "SUCCESS"}})
    assert None is attempt({**refusal(), "eventType": "user.session.start"})
    assert (PUSH, "") == attempt({"eventType": PUSH, "actor": None})


def test_window():
    """Those count that are younger than the seconds asked for, the event at hand among them, and no later ones."""
    attempts = remembered(10, 20, 30)

    assert [1, 1, 2, 2, 3] == counts(attempts, refusal(), (30, 1), (30, 10), (30, 11), (30, 20), (30, 21))
    assert [2, 0] == counts(attempts, refusal(), (20, 300), (30, 0))


def test_late_events_count_in_their_place():
    """An event that comes late counts where it belongs, and one that comes twice counts once."""
    attempts = remembered(30, 10, 20, 20)

    assert [3, 2] == counts(attempts, refusal(), (30, 300), (20, 300))


def test_actors_and_types_are_apart():
    """Neither another actor's refusals nor those of the other type count; an event that is no refusal has no count."""
    attempts = remembered(10, 20)

    assert [None] == counts(attempts, refusal("b"), (20, 300))
    assert [None] == counts(attempts, refusal(kind=BY_MFA), (20, 300))
    assert [None] == counts(attempts, {"eventType": "user.session.start", "actor": {"id": "a"}}, (20, 300))


def test_oldest_of_an_actor_is_forgotten():
    """Of an actor with more refusals than are remembered the oldest is forgotten."""
    attempts = remembered(1, 2, 3, 4, per_actor=3)

    assert [3] == counts(attempts, refusal(), (4, 300))


def test_expiration():
    """After a time without a refusal the earlier ones are forgotten, however long a time is asked for."""
    attempts = remembered(0, 10, 1011, expiration=1000)

    assert [1] == counts(attempts, refusal(), (1011, 10**9))


def test_actors_are_bounded(monkeypatch):
    """Of too many actors the one whose last refusal was added first is forgotten."""
    monkeypatch.setattr(mfa, "ACTORS", 2)
    attempts = Attempts(200, 1000)
    for second, actor in enumerate("abac"):
        attempts.add((PUSH, actor), second * SECOND)

    assert [[2], [None], [1]] == [counts(attempts, refusal(actor), (3, 300)) for actor in "abc"]
