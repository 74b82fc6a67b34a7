"""The diff of a push is fetched after the answer and searched, whatever GitHub answers and whoever is killed."""

from __future__ import annotations

import base64
import os
import threading
import time

import pytest

from falcohost.jsonlog import Refusals
from falcohost.poll import PollError
from falcohost.testing.clock import ManualClock
from falcohost.testing.kills import kill_workers
from falcohost.testing.server import Reply
from falcohost.testing.waiting import wait_until
from falcohost_github.api import RateLimited, RequestRefused
from falcohost_github.diffs import added_lines
from falcohost_github.pushes import IN_VAIN, USUAL, Pushes

KEY = "@@ -1,2 +7,3 @@ def f():\n a\n-b\n+key = 'AKIAIOSFODNN7EXAMPLE'\n+c"

RULES = """
- rule: sent
  desc: d
  condition: json.value[/n] exists
  output: >
    %json.value[/n] %github.diff.has_secrets %github.diff.committed_secrets.desc %github.diff.committed_secrets.files
    %github.diff.committed_secrets.lines %github.diff.committed_secrets.links %github.workflow.miners.type
  priority: INFO
  source: github
"""


def test_secrets(hooked, hub, push):
    """A push is answered before GitHub is asked, and matched with what its diff holds."""
    served = hooked(RULES, hub)
    payload = push(1, KEY, hub)

    assert 200 == served.post(payload)
    (message,) = served.wait_until_stored(1)
    link = f"https://github.com/octo-org/app/blob/{payload['after']}/a.py/#L8"
    assert f"1 true aws_access_key a.py 8 {link} <NA>" == message


def test_answered_before_it_is_asked(webhooks, hub, push):
    """The answer does not wait for GitHub's API."""
    served = webhooks(RULES, hub)
    gate = threading.Event()
    hub.faults.append(Reply(500, gate=gate))

    assert 200 == served.post(push(1, KEY, hub))
    assert [] == served.stored()
    gate.set()
    assert "1 true" in served.wait_until_stored(1)[0]


def test_no_secrets(webhooks, hub, push):
    """A push without secrets is false; a branch that is deleted has nothing to be looked through."""
    served = webhooks(RULES, hub)

    served.post(push(1, hub=hub))
    served.post(push(2) | {"after": "0" * 40})
    assert ["1 false", "2  <NA>"] == sorted(message[:7].strip() for message in served.wait_until_stored(2))


def test_new_branch(webhooks, hub, push):
    """The commits of a new branch, which has nothing to be compared with, are looked through one by one."""
    served = webhooks(RULES, hub)
    payload = push(1) | {"before": "0" * 40}
    files = [{"filename": "b.py", "patch": KEY}]
    hub.about[f"/repos/octo-org/app/commits/{payload['after']}"] = {"files": files}

    served.post(payload)
    assert "1 true aws_access_key b.py 8" in served.wait_until_stored(1)[0]


def test_miners(webhooks, hub, push):
    """The file of a workflow that runs is looked through for miners, as it is in the commit of the run."""
    served = webhooks(RULES, hub)
    text = base64.encodebytes(b"on: push\nrun: ./xmrig -o stratum+tcp://pool.example.com\n").decode()
    hub.about["/repos/octo-org/app/contents/.github/workflows/ci.yml"] = {"encoding": "base64", "content": text}
    run = {"workflow": {"path": ".github/workflows/ci.yml"}, "workflow_run": {"head_sha": "a" * 40}}

    served.post(push(1) | run | {"action": "requested"}, "workflow_run")
    assert served.wait_until_stored(1)[0].endswith("xmrig")
    assert hub.server.requests[-1].query == {"ref": "a" * 40}


def test_rules_decide(webhooks, hub, push):
    """Where no rule looks at it, nothing is fetched."""
    served = webhooks(
        hub=hub, rules=RULES[: RULES.index("  output")] + "  output: x\n  priority: INFO\n  source: github"
    )

    served.post(push(1, KEY, hub))
    assert ["x"] == served.wait_until_stored(1)
    assert not [path for path in hub.paths if "compare" in path]


def test_an_api_that_fails(webhooks, hub, push):
    """Failures of many kinds only put the match off: an error, a wrong answer, a cut one, none at all."""
    served = webhooks(RULES, hub)
    hub.faults.extend([Reply(502), Reply(200, b"[]"), Reply(200, b'{"files"', cut=3), None])

    served.post(push(1, KEY, hub))
    served.post({"n": 2, "repository": None}, "star")
    assert "2" == served.wait_until_stored(1)[0][0]
    assert "1 true" in served.wait_until_stored(2)[1]


def test_rate_limits(webhooks, hub, push, caplog):
    """While GitHub asks to be left alone it is, and it does not count as a failure."""
    served = webhooks(RULES, hub, diffTries=1)
    reset = str(int(time.time()) + 1000)
    limited = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    hub.faults.extend([Reply(403, headers=limited), Reply(429, headers={"Retry-After": "1000"})])

    served.post(push(1, KEY, hub))
    assert "1 true" in served.wait_until_stored(1)[0]
    assert 3 == len([path for path in hub.paths if "compare" in path])
    assert "rate limit is reached" in caplog.text


def test_in_vain(webhooks, hub, push):
    """A push whose diff cannot be fetched is finally matched without it; this is counted and logged."""
    served = webhooks(RULES, hub, diffTries=2)
    hub.faults.extend([Reply(500), Reply(500)])

    served.post(push(1, KEY, hub))
    assert "1  <NA>" in served.wait_until_stored(1)[0]
    served.post(push(2))  # of which GitHub says 404
    assert "2  <NA>" in served.wait_until_stored(2)[1]
    assert {IN_VAIN: 2} == served.pipeline.dropped


def test_killed_while_it_waits(webhooks, hooked, hub, push):
    """A push that was answered and waits is not lost when all is killed, or the worker; its alert is stored once."""
    gate = threading.Event()
    hub.faults.append(Reply(500, gate=gate))
    payload = push(1, KEY, hub)
    served = webhooks(RULES, hub)
    assert 200 == served.post(payload, guid="g")
    served.kill()
    served = hooked(RULES, hub)
    assert "1 true" in served.wait_until_stored(1)[0]
    assert 200 == served.post(payload, guid="g")

    hub.faults.append(Reply(500, gate=gate))
    assert 200 == served.post(push(2, KEY, hub))
    kill_workers(served)
    messages = served.wait_until_stored(2)
    gate.set()
    assert ["1 true", "2 true"] == [message[:6] for message in messages]


class Looking:
    """Looks up, and fails as often, and in the way, that it is told to."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def __call__(self, text):
        """Return *text* looked through."""
        if self.errors:
            raise self.errors.pop(0)
        return text + b"!"


@pytest.fixture
def pushes(close_later):
    """Return a function that makes the queue and looks everything up that is put into it, however long it waits."""

    def pushes(look, texts, tries=3, kept=(), **options):
        refusals, clock = Refusals(), ManualClock()
        queue = close_later(Pushes(look, tries, refusals, dict(kept), clock=clock, **options))
        for number, text in enumerate(texts):
            queue.add(f"guid-{number}", text)
        found = queue.take()
        queue.start()

        def all_taken():
            clock.advance(USUAL.longest)
            found.extend(queue.take())
            return not queue.kept

        wait_until(all_taken)
        return found, refusals.counts[IN_VAIN]

    return pushes


@pytest.mark.parametrize(
    ("errors", "found", "in_vain"),
    [
        ([], b"push!", 0),
        ([PollError("no"), ValueError("odd")], b"push!", 0),
        ([PollError("no")] * 3, b"push", 1),
        ([RequestRefused("no", 404)] * 3, b"push", 1),
        ([RateLimited("slow", retry_after=100)] * 9, b"push!", 0),
    ],
)
def test_queue(pushes, errors, found, in_vain):
    """A push comes out once, looked through, or as it is after so many failures; a rate limit is none."""
    assert ([found], in_vain) == pushes(Looking(*errors), [b"push"])


def test_no_room(pushes):
    """Pushes for which there is no room are matched as they are, the oldest first."""
    texts = [os.urandom(300) for _ in range(4)]

    found, in_vain = pushes(Looking(), texts, room=1000)

    assert ([texts[0], texts[1], texts[2] + b"!", texts[3] + b"!"], 2) == (found, in_vain)


def test_switched_off(pushes):
    """Pushes that still wait when diffs are no longer fetched are matched as they are."""
    queue = Pushes(Looking(), 3, Refusals(), {})
    queue.add("a", b"push")

    assert ([b"push"], 1) == pushes(Looking(), [], tries=0, kept=queue.kept)


def test_room_for_another(pushes):
    """A push that had to make room while its diff was fetched comes out once."""
    first, second = os.urandom(600), os.urandom(600)
    refusals = Refusals()

    def look(text):
        if text == first:
            queue.add("b", second)
            raise RequestRefused("no", 404)
        return text

    queue = Pushes(look, 1, refusals, {}, room=1000)
    queue.add("a", first)
    queue.start()
    found = []

    def both_taken():
        found.extend(queue.take())
        return len(found) == 2

    wait_until(both_taken)
    queue.close()
    assert ([first, second], 1) == (found, refusals.counts[IN_VAIN])


def test_kept(pushes):
    """Waiting pushes can be stored as text and restored from it."""
    queue = Pushes(Looking(), 3, Refusals(), {})
    queue.add("a", b"push")
    queue.add("a", b"push again")

    assert ([b"push!"], 0) == pushes(Looking(), [], kept=queue.kept)


def test_added_lines():
    """Lines have their numbers in the new file."""
    patch = "@@ -1,3 +1,4 @@\n a\n-b\n+B\n+C\n d\n@@ -9 +11 @@ x\n-e\n+E\n\\ No newline at end of file"

    assert [(2, "B"), (3, "C"), (11, "E")] == list(added_lines(patch))
    assert [(4, "x")] == list(added_lines("@@@ -1,2 -3,4 +4,5 @@@\n+x"))
    assert [] == list(added_lines(""))
