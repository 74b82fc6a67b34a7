"""Tests how records that cannot be read are counted and logged."""

from falcohost.jsonlog.refusals import NOT_JSON, Refusals


def test_the_place_is_one_line(caplog):
    """The name of a file cannot forge a message; each cause is logged once and counted."""
    refusals = Refusals()
    refusals.add(NOT_JSON, "a\nroot logged in\x1b[2J, byte 7")
    refusals.add(NOT_JSON, "b, byte 9")

    told = "a\ufffdroot logged in\ufffd[2J, byte 7: not JSON; skipped (further ones are only counted)"
    assert [told] == caplog.messages
    assert {NOT_JSON: 2} == dict(refusals.counts)
