"""Fields look at nothing but what they say they read, so that decoding no more than that changes no alert."""

from __future__ import annotations

from falcohost.testing import projection_problems
from falcohost_okta.fields import FIELDS

EVENT = {
    "published": "2026-03-01T12:00:00.000Z",
    "eventType": "user.mfa.okta_verify.deny_push",
    "displaymessage": "in lower case",
    "actor": {"id": "00u1", "displayName": "Alice"},
    "client": {"geographicalContext": {"geolocation": {"lat": 50.1, "lon": 8}}},
    "debugcontext": {"debugData": {"requestUri": "/app/google/x", "originalPrincipal": {"id": "00u9"}}},
    "target": [{"id": "00u2", "type": "User", "displayName": "Bob"}],
    "securityContext": {"asNumber": 701, "isProxy": False},
}


def test_fields_read_what_they_say():
    """Each field has the same value in the members that it reads and in the whole record, odd ones among them."""
    assert [] == projection_problems(FIELDS, [EVENT, {}])
