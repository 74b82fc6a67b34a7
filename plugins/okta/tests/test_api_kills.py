"""Okta's API is read while the agent is killed again and again: no alert is missing, none is there twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from falcohost.testing.kills import KILLS, Killed, kill_often
from falcohost.testing.server import Reply

RULES = """
- rule: Session
  desc: Fires on every session.
  condition: okta.evt.type = user.session.start
  output: session (id=%okta.actor.id)
  priority: INFO
  source: okta
- rule: Denied
  desc: Fires on each denied push, with how many there were.
  condition: okta.mfa.deny.countlast[86400] > 0
  output: denied (id=%okta.actor.alternateid count=%okta.mfa.deny.countlast[86400])
  priority: INFO
  source: okta
"""

#: Pushes that are denied, no more than are remembered of an actor.
DENIALS = 200


class Life(threading.Thread):
    """Makes things happen in an organization, until it is stopped: events, some late or given twice, and mishaps.

    :ivar sessions: those that were recorded, by number.
    :ivar denials: how many pushes were denied.
    """

    def __init__(self, organization, every):
        super().__init__(daemon=True)
        self.organization = organization
        self.every = every
        self.sessions = self.denials = 0
        self.stopped = threading.Event()

    def run(self):
        """Live."""
        dice = random.Random(1)
        next_denial = 0.0
        while not self.stopped.wait(dice.uniform(0, 0.05)):
            for _ in range(dice.randrange(1, 4)):
                self.sessions += 1
                event = self.organization.add(actor={"id": str(self.sessions)}, ago=dice.choice((0, 0, 0, 20, 4000)))
                if dice.random() < 0.05:
                    self.organization.events.append((self.organization.now, event))
            if time.monotonic() >= next_denial and self.denials < DENIALS:
                next_denial = time.monotonic() + self.every
                self.denials += 1
                actor = {"id": "00u", "alternateId": str(self.denials)}
                self.organization.add(eventType="user.mfa.okta_verify.deny_push", actor=actor)
            if not self.organization.mishaps and dice.random() < 0.02:
                self.organization.mishaps.append(dice.choice((None, Reply(500), Reply(cut=1), Reply(401), Reply(429))))
            if dice.random() < 0.005:
                self.organization.forget_links()


def test_killed_at_any_moment(organization, tmp_path, soak):
    """Both processes are killed while events come: each alert is stored once, and none was miscounted."""
    times = soak(*KILLS)
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "token").write_text("00a-secret-token")
    organization.most = 40
    api = {"organization": "example", "url": organization.server.url, "refresh_interval": 1, "since": "1h"}
    api["api_token_file"] = str(tmp_path / "token")
    plugins = {"plugins": [{"name": "okta", "init_config": api}], "load_plugins": ["okta"]}
    life = Life(organization, every=times * 1.5 / DENIALS)
    killed = Killed(tmp_path, [tmp_path / "rules.yaml"], plugins | {"engine": {"kind": "nodriver"}})
    try:
        life.start()
        kill_often(killed, times, random.Random(times))
        life.stopped.set()
        life.join()
        organization.mishaps.clear()
        expected = Counter(f"session (id={number + 1})" for number in range(life.sessions))
        expected += Counter(f"denied (id={number + 1} count={number + 1})" for number in range(life.denials))
        killed.wait_until_stored(expected)
        organization.add(actor={"id": "last"})  # what is read again is read before it
        expected["session (id=last)"] = 1
        killed.wait_until_stored(expected)
        assert 0 == killed.agent.stop()
    finally:
        killed.agent.kill()

    found = killed.stored()
    assert life.sessions > times
    assert ([], []) == (sorted(expected - found), sorted(found - expected))
    assert "Traceback" not in killed.agent.log
    assert "secret-token" not in killed.agent.log
