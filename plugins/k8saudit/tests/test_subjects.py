"""Whom an audit event is about."""

from falcohost import UserSubject
from falcohost.jsonlog import event_of
from falcohost_k8saudit.source import LOG


def test_the_user_is_the_subject():
    """It is who made the request, also where it was made as somebody else."""
    record = {"user": {"username": "jane"}, "impersonatedUser": {"username": "admin"}}

    assert UserSubject("k8s.user", "jane") == event_of(LOG, record).subject
