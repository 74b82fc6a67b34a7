"""``falcohost.limits`` in a running agent."""

import json

from falcohost.testing.waiting import wait_until

NUMBERS = ("--enable-source", "numbers")
LIMITS = """
falcohost:
  limits:
  - {rule: Every number, by: [], max: 3, per: 1s}
  - {rule: Every numbr, suppress: 1m}
  - {rule: Every other, by: [number.vlue], per: 1m}
"""


def test_limits(agent, setup, falcohost):
    """So many alerts are delivered, the others are stored; the next one tells how many; idle limits get a warning."""
    running = agent(*setup(LIMITS, numbers={"interval": 0.01}), *NUMBERS)
    wait_until(lambda: "alerts of this rule were held back since" in running.stdout, lambda: running.stderr)
    running.end()

    stored = [json.loads(line) for line in falcohost("alerts", "--json").stdout.splitlines()]
    counted = [one for one in stored if one["rule"] == "Every number"]
    first = next(place for place, one in enumerate(counted) if "falcohost.held_back" in one["output_fields"])
    assert [None] * 3 + ["limit 1"] * (first - 3) == [one.get("held") for one in counted[:first]]
    assert first - 3 == counted[first]["output_fields"]["falcohost.held_back"]
    held = {one["output"].partition(": ")[2] for one in counted if "held" in one}
    assert not [line for line in running.alerts if line.partition(": ")[2] in held]
    assert "falcohost.limits[1] has no effect: no rule is called 'Every numbr'; did you mean 'Every number'?" in (
        running.stderr
    )
    assert "falcohost.limits[2] has no effect: the output of 'Every other' has number.value, but not number.vlue" in (
        running.stderr
    )


def test_limits_of_a_state_in_memory(agent, setup, tmp_path):
    """They hold also while the state directory cannot be used."""
    (tmp_path / "file").touch()
    config = f"{LIMITS}  state_dir: {tmp_path / 'file'}\n"
    running = agent(*setup(config, numbers={"interval": 0.01}), *NUMBERS)
    running.wait_for("in memory only")
    wait_until(lambda: "alerts of this rule were held back since" in running.stdout, lambda: running.stderr)
    running.end()
