"""Any process of the agent is killed or stopped at random moments: each event is stored all the same, once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter

from marks import Marks

from falcohost.store.history import History, Wanted
from falcohost.testing.descendants import below
from falcohost.testing.waiting import wait_until

#: Ends in the long and in the short form, and the seconds for which a process may be stopped.
ENDS = (500, 4)
STOPS = ((0.05, 0.5, 3.0), (0.05, 0.5))

RULES = """
- rule: Marked
  desc: A marked file is opened.
  condition: evt.type in (open, openat) and fd.name startswith {folder}/mark-
  output: marked (file=%fd.name)
  priority: NOTICE
"""


def end_one(dice: random.Random, supervisor: int, stops: tuple[float, ...]) -> str:
    """Kill a process of the agent, or stop it for a while; return in words what was done to which."""
    pid, name = dice.choice([*below(supervisor).items()])
    with contextlib.suppress(ProcessLookupError):
        if dice.random() < 0.6:
            os.kill(pid, signal.SIGKILL)
            return f"{name} ({pid}) killed"
        os.kill(pid, signal.SIGSTOP)
        seconds = dice.choice(stops)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        return f"{name} ({pid}) stopped for {seconds} s"
    return f"{name} ({pid}) had ended"


def stored(agent) -> Counter[int]:
    """Return how often each mark is stored."""
    history = History(agent.folder / "state")
    try:
        names = [str(alert.fields["fd.name"]) for alert in history.alerts(Wanted(rule="Marked"))]
    finally:
        history.close()
    return Counter(int(name.rpartition("-")[2]) for name in names)


def test_each_event_is_stored_once(start_agent, open_folder, soak):
    """None is missing and none is there twice, whichever of the agent's processes ends."""
    rules = open_folder / "random-ends.yaml"
    rules.write_text(RULES.format(folder=open_folder))
    agent = start_agent(rules, settings={"falcohost": {"fold": {"enabled": False}}})
    seed = soak(random.randrange(10_000), 5)
    dice, done = random.Random(seed), []
    with Marks(open_folder / "mark-", 0.01) as marks:
        for _ in range(soak(*ENDS)):
            time.sleep(dice.random())
            done.append((marks.made, end_one(dice, agent.process.pid, soak(*STOPS))))

    def missing() -> list[int]:
        return sorted(set(range(marks.made)) - stored(agent).keys())

    def told() -> str:
        return "\n".join([f"seed {seed}; missing: {missing()}", *map(str, done), agent.log])

    wait_until(lambda: not missing(), told)

    assert [] == [mark for mark, count in stored(agent).items() if count > 1], told()
