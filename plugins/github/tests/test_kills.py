"""Deliveries while worker and supervisor are killed again and again: each alert is stored, and stored once."""

from __future__ import annotations

import http.client
import itertools
import random
import threading
import time
import uuid
from collections import Counter

from falcohost.testing.kills import KILLS, kill_all, kill_often
from falcohost.testing.server import Reply
from falcohost.testing.waiting import PATIENCE

RULES = """
- rule: sent
  desc: d
  condition: json.value[/n] exists and not github.type = watch
  output: '%json.value[/n] %github.diff.has_secrets'
  priority: INFO
  source: github
"""

URL = "https://falco.example.com"

KEY = "@@ -0,0 +1 @@\n+AKIAIOSFODNN7EXAMPLE"


class Sender(threading.Thread):
    """Sends *deliveries* as GitHub does, and again, with the same id, what is not answered with 2xx."""

    def __init__(self, served, deliveries):
        super().__init__(daemon=True)
        self._served, self._deliveries = served, deliveries
        self.again = 0

    def run(self):
        """Send all."""
        for payload, event in self._deliveries:
            guid = str(uuid.uuid4())
            while not taken(self._served, payload, event, guid):
                self.again += 1
                time.sleep(0.02)


def taken(served, payload, event, guid):
    """Return whether a delivery was answered with 2xx."""
    try:
        return 200 == served.post(payload, event, guid)
    except (OSError, http.client.HTTPException):
        return False


class Writer(threading.Thread):
    """Writes into the audit log, some of it late or in the same moment."""

    def __init__(self, hub, dice, over):
        super().__init__(daemon=True)
        self._hub, self._dice, self._over = hub, dice, over

    def run(self):
        """Write until it is over."""
        for number in itertools.count(1):
            if self._over.wait(self._dice.uniform(0, 0.1)):
                return
            late = self._dice.choice([0, 0, 0, self._dice.uniform(0, 60)])
            self._hub.logged(f"logged {number}", time.time() // 1 - late)


class Once(threading.Thread):
    """Sends each delivery once, as GitHub does by itself, and has GitHub list what became of it."""

    def __init__(self, served, hub, dice, over):
        super().__init__(daemon=True)
        self._served, self._hub, self._dice, self._over = served, hub, dice, over
        self.expected = []

    def run(self):
        """Send until it is over."""
        for number in itertools.count(1):
            if self._over.wait(self._dice.uniform(0, 0.1)):
                return
            payload = {"n": f"once {number}", "repository": {"full_name": "octo-org/app"}}
            guid = str(uuid.uuid4())
            arrived = taken(self._served, payload, "star", guid)
            self._hub.missed(payload, "star", guid, 200 if arrived else 502)
            self.expected.append(payload["n"])


def deliveries(push, hub, numbers, dice, over, expected):
    """Yield events with their payloads until it is over; what they raise is put into *expected*."""
    while not over.wait(dice.uniform(0, 0.05)):
        number = next(numbers)
        event = dice.choice(["push", "push", "star", "watch"])
        has_secret = event == "push" and number % 2
        yield push(number, KEY if has_secret else "", hub if event == "push" else None), event
        found = {"watch": None, "star": "", "push": " true" if has_secret else " false"}[event]
        expected.extend([] if found is None else [f"{number}{found}"])


def test_killed_at_any_moment(hooked, hub, push, soak):
    """Deliveries that come again, or never again, pushes that wait for their diffs, the audit log: each is stored once.

    GitHub does not always answer at once, or well.
    """
    hub.about["/repos/octo-org/app/hooks"] = [{"id": 42, "active": True, "config": {"url": URL}}]
    hub.page = 10
    served = hooked(RULES, hub, "octo-org/app", websocketServerURL=URL, auditLog="octo-org")
    over, numbers, expected, dice = threading.Event(), itertools.count(1), [], random.Random(16)
    given = (push, hub, numbers, dice, over, expected)
    senders = [Sender(served, deliveries(*given)) for _ in range(3)]
    once, writer = Once(served, hub, random.Random(17), over), Writer(hub, random.Random(18), over)
    hub.faults.extend([Reply(500), Reply(429, headers={"Retry-After": "1"}), None] * soak(30, 2))
    threads = [*senders, once, writer]
    for thread in threads:
        thread.start()
    kill_often(served, soak(*KILLS), dice)
    over.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    hub.faults.clear()
    kill_all(served)  # whoever is begun looks at once
    expected += [*once.expected, *(entry["n"] for entry in hub.entries)]
    served.wait_until_stored(len(expected))
    assert 200 == served.post({"n": "last"}, "star")  # what comes again comes before it
    assert 0 == served.agent.stop()

    missing, stored = Counter([*expected, "last"]), Counter(served.stored())
    missing.subtract(stored)
    assert {} == {message: count for message, count in missing.items() if count}, served.agent.log[-4000:]
    assert sum(sender.again for sender in senders) > 0
    assert 0 < len([entry for entry in hub.attempts if entry["status_code"] != 200]) < len(hub.attempts)
    assert len(hub.entries) > soak(*KILLS)
