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


def check(served, expected):
    """Assert that what is stored is what is *expected*, each once, and that what comes next is the next."""
    served.wait_until_stored(len(expected))
    assert 200 == served.post({"n": "last"}, "star")
    assert 0 == served.agent.stop()
    missing, stored = Counter([*expected, "last"]), Counter(served.stored())
    missing.subtract(stored)

    assert {} == {message: count for message, count in missing.items() if count}, served.agent.log[-4000:]


def test_webhooks(hooked, hub, push, soak):
    """Also of pushes that wait for their diffs, which GitHub does not always give at once."""
    served, numbers, dice, over = hooked(RULES, hub), itertools.count(1), random.Random(16), threading.Event()
    expected = []

    def deliveries():
        while not over.is_set():
            number = next(numbers)
            event = dice.choice(["push", "push", "star", "watch"])
            has_secret = event == "push" and number % 2
            yield push(number, KEY if has_secret else "", hub if event == "push" else None), event
            found = {"watch": None, "star": "", "push": " true" if has_secret else " false"}[event]
            expected.extend([] if found is None else [f"{number}{found}"])
            time.sleep(dice.uniform(0, 0.05))

    senders = [Sender(served, deliveries()) for _ in range(3)]
    for sender in senders:
        sender.start()
    hub.faults.extend([Reply(500)] * soak(60, 2))
    kill_often(served, soak(*KILLS), dice)
    over.set()
    for sender in senders:
        sender.join(PATIENCE)
        assert not sender.is_alive()
    hub.faults.clear()
    check(served, expected)
    assert sum(sender.again for sender in senders) > 0
    assert len(expected) > soak(*KILLS)


def test_audit_log(hooked, hub, soak):
    """Entries of the audit log, some of which come late or in the same moment, over several pages."""
    served, dice, over = hooked(RULES, hub, auditLog="octo-org"), random.Random(17), threading.Event()
    hub.page = 10

    def write():
        for number in itertools.count(1):
            if over.is_set():
                return
            late = dice.choice([0, 0, 0, dice.uniform(0, 60)])
            hub.logged(number, time.time() // 1 - late)
            time.sleep(dice.uniform(0, 0.1))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    hub.faults.extend([Reply(500), Reply(429, headers={"Retry-After": "1"}), None] * soak(20, 1))
    kill_often(served, soak(*KILLS), dice)
    over.set()
    writer.join()
    hub.faults.clear()
    kill_all(served)  # whoever is begun looks at once

    check(served, [str(entry["n"]) for entry in hub.entries])
    assert len(hub.entries) > soak(*KILLS)


def test_without_redelivery(hooked, hub, soak):
    """GitHub sends nothing again by itself; what it could not deliver is fetched by whoever lives next."""
    hub.about["/repos/octo-org/app/hooks"] = [
        {"id": 42, "active": True, "config": {"url": "https://falco.example.com"}}
    ]
    served = hooked(RULES, hub, "octo-org/app", websocketServerURL="https://falco.example.com")
    dice, over, expected = random.Random(18), threading.Event(), []

    def deliver():
        for number in itertools.count(1):
            if over.is_set():
                return
            payload, guid = {"n": number, "repository": {"full_name": "octo-org/app"}}, str(uuid.uuid4())
            arrived = taken(served, payload, "star", guid)
            hub.missed(payload, "star", guid, 200 if arrived else 502)
            expected.append(str(number))
            time.sleep(dice.uniform(0, 0.1))

    sender = threading.Thread(target=deliver, daemon=True)
    sender.start()
    kill_often(served, soak(*KILLS), dice)
    over.set()
    sender.join(PATIENCE)
    kill_all(served)  # whoever is begun looks at once

    check(served, expected)
    assert 0 < len([entry for entry in hub.attempts if entry["status_code"] != 200]) < len(hub.attempts)
