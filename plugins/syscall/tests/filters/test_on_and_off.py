"""The same workload under two agents at once, with filters and without: the same alerts."""

from __future__ import annotations

import json
import re
import time
from collections import Counter

import pytest
import test_own_rules
import test_public_rules

from falcohost.testing.cli import run_cli
from falcohost.testing.waiting import PATIENCE, SLOWNESS, wait_until

#: Ways to a file by links, mounts, root directories and descriptors, of the evasions.
DETOURS = """
    read-dots-behind-link read-symlink read-linked-folder read-relative read-from-descriptor read-reopened
    read-proc-root read-root-of-another read-chroot read-outside-root read-bound-folder read-bound-file
    read-mount-of-another read-deep read-unmounted read-detached-tree read-pivoted read-openat2-in-root
    write-symlink write-bound-folder write-hard-link write-rename-relative write-unnamed
    unix-symlink unix-relative
"""

#: A rule whose line has agents leave out what follows, one before the other.
BLINDING = "Agent reached through the kernel"
#: A rule about a race, whose end the two agents see at different moments.
RACING = "Arguments of a call changed while it ran"

#: What two agents say differently of one event: when they saw it, and what stands for the kernel's addresses.
TIMES = re.compile(r"time$|time\.|_ts$|duration")
STAND_INS = re.compile(r"[0-9a-f]{16}->[0-9a-f]{16} ")


@pytest.fixture(scope="module")
def agents(start_agent, corpus):
    """Return an agent with filters and one without, under all rules."""
    rules = [corpus / "rules" / "falco_rules.yaml", *test_own_rules.RULES]
    everything = {"rule_matching": "all"}
    return start_agent(*rules, settings=everything), start_agent(
        *rules, settings={**everything, "falcohost": {"pushdown": False}}
    )


#: Rounds in which is done again what an agent has lost: the one without filters gets the calls of the whole machine,
#: and on a busy machine what others start as this user uses up the user's share of either's rings.
ROUNDS = 12
#: Seconds for which alerts are waited for that only one of them has: each kind of event has a way of its own, and one
#: whose row is looked up comes later than the last. Without a loss that explains it, it is waited longer.
SETTLED = 5


def told(agent, provocations, keys) -> dict[str, Counter]:
    """Return the alerts about the lines with those *keys*, by key, without what differs in any case."""
    found: dict[str, Counter] = {key: Counter() for key in keys}
    for alert in agent.alerts:
        key = next((key for key in keys if provocations.is_about(alert, key)), None)
        if key is not None:
            fields = {name: value for name, value in alert["output_fields"].items() if not TIMES.search(name)}
            found[key][(alert["rule"], STAND_INS.sub("", repr(sorted(fields.items()))))] += 1
    return found


def lost(agent) -> int:
    """Return how many events the agent says that it has lost."""
    return sum(state(agent)["lost"].values())


def state(agent) -> dict[str, object]:
    """Return what the agent says of its source."""
    done = run_cli("stats", "--json", "--state-dir", str(agent.folder / "state"))
    return json.loads(done.stdout)["sources"][0]


def test_same_alerts(agents, provocations):
    """Both agents raise the same alerts, with the same fields, each as often.

    Either may lose some to its budgets if it says so. These are done again; an alert that is missing without a loss is
    not.
    """
    lines = {}
    for module in (test_public_rules, test_own_rules):
        for rule, pair in module.LINES.items():
            lines |= {f"{rule}, {number}": line for number, line in enumerate(pair) if rule not in (BLINDING, RACING)}
    lines |= {name: f"@detour {name}" for name in DETOURS.split()}
    alerts, left = {}, lines
    for number in range(ROUNDS):
        found, explained = provoked(agents, provocations, left, f"last {number}")
        alerts |= found
        left = {key: lines[key] for key, (filtered, unfiltered) in found.items() if filtered != unfiltered}
        if not left or not explained:
            break
    losses = [lost(agent) for agent in agents]
    for agent in agents:
        assert agent.stop() == 0

    assert {} == {key: both for key, both in alerts.items() if both[0] != both[1]}, f"lost: {losses}"
    assert sum(len(filtered) for filtered, _ in alerts.values()) > len(lines) / 3
    assert {"read-symlink", "read-chroot", "read-bound-folder"} <= {key for key, both in alerts.items() if both[1]}


def provoked(agents, provocations, lines, last) -> tuple[dict[str, tuple[Counter, ...]], bool]:
    """Have *lines* run; return the alerts of both agents about each. The one called *last* says when all is told.

    The second value says whether each agent that lacks an alert has counted a loss meanwhile.
    """
    before = [lost(agent) for agent in agents]
    detours = {name: line for name, line in lines.items() if name in DETOURS.split()}
    provocations.run({key: line for key, line in lines.items() if key not in detours})
    provocations.attempt(detours)
    for agent in agents:
        wait_until(lambda agent=agent: is_told(agent, provocations, last), lambda agent=agent: state(agent))
    begun = time.monotonic()
    while True:
        both = [told(agent, provocations, lines) for agent in agents]
        found = {key: (both[0][key], both[1][key]) for key in lines}
        waited = (time.monotonic() - begun) / SLOWNESS
        if both[0] == both[1] or waited > PATIENCE:
            return found, both[0] == both[1]
        lacking = [any(there[key] - here[key] for key in lines) for here, there in (both, both[::-1])]
        if waited > SETTLED and all(
            lost(agent) > count for agent, count, lacks in zip(agents, before, lacking, strict=True) if lacks
        ):
            return found, True
        time.sleep(0.5)


def is_told(agent, provocations, last) -> bool:
    """Have something done that is an alert; return whether it was told. It may be lost like anything else."""
    provocations.run({last: "@cat /etc/shadow"})
    until = time.monotonic() + 2
    while time.monotonic() < until:
        if any(provocations.is_about(alert, last) for alert in agent.alerts):
            return True
        time.sleep(0.1)
    return False
