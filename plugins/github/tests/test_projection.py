"""Fields look at nothing but what they say they read, so that decoding no more than that changes no alert."""

from __future__ import annotations

from falcohost.testing import projection_problems
from falcohost_github.fields import FIELDS

PAYLOAD = {
    "webhook_type": "push",
    "repository": {"html_url": "https://github.com/octo-org/app", "private": True, "owner": {"login": "octo-org"}},
    "sender": {"login": "mona"},
    "hook": {"id": 7},
    "head_commit": {"id": "abc"},
    "commits": [{"added": ["a.py"]}],
    "files": [{"name": "a.py", "matches": [{"desc": "AWS key", "line": 3}]}],
    "workflow_miner_detections": {"matches": [{"type": "xmrig", "line": 1}]},
}


def test_fields_read_what_they_say():
    """Each field has the same value in the members that it reads and in the whole record, odd ones among them."""
    assert [] == projection_problems(FIELDS, [PAYLOAD, {}])
