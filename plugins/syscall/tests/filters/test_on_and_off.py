"""The same workload under two agents at once, with filters and without: the same alerts."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import test_own_rules
import test_public_rules

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


def told(agent, provocations, keys) -> Counter:
    """Return the alerts about the lines with those *keys*, without what differs in any case."""
    found: Counter = Counter()
    for alert in agent.alerts:
        key = next((key for key in keys if provocations.is_about(alert, key)), None)
        if key is not None:
            fields = {name: value for name, value in alert["output_fields"].items() if not TIMES.search(name)}
            found[(alert["rule"], key, STAND_INS.sub("", repr(sorted(fields.items()))))] += 1
    return found


def test_same_alerts(agents, provocations):
    """Both agents raise the same alerts, with the same fields, each as often."""
    lines = {}
    for module in (test_public_rules, test_own_rules):
        for rule, pair in module.LINES.items():
            lines |= {f"{rule}, {number}": line for number, line in enumerate(pair) if rule not in (BLINDING, RACING)}
    provocations.run(lines)
    lines |= {name: f"@detour {name}" for name in DETOURS.split()}
    provocations.attempt({name: lines[name] for name in DETOURS.split()})
    provocations.run({"last": "@cat /etc/shadow"})
    for agent in agents:
        agent.wait_for(lambda alert: provocations.is_about(alert, "last"))
        assert agent.stop() == 0
    filtered, unfiltered = (told(agent, provocations, lines) for agent in agents)

    assert unfiltered == filtered
    assert len(unfiltered) > len(lines) / 3
    assert {"read-symlink", "read-chroot", "read-bound-folder"} <= {key for _, key, _ in unfiltered}
