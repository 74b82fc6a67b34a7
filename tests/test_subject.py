"""Subjects of alerts."""

from __future__ import annotations

import msgspec
import pytest

from falcohost.subject import ProcessSubject, ResourceSubject, Subject, UserSubject


@pytest.mark.parametrize(
    "subject",
    [
        ProcessSubject(42, 7_000_000_000, 4026531836, 1234),
        ProcessSubject(42, 7_000_000_000),
        UserSubject("okta.user", "00u1"),
        ResourceSubject("github.repository", "acme/site"),
    ],
    ids=lambda subject: type(subject).__name__,
)
def test_a_subject_comes_back_from_json(subject: Subject) -> None:
    """A subject that was written as JSON is read as the same subject of the same kind."""
    assert subject == msgspec.json.decode(msgspec.json.encode(subject), type=Subject)
