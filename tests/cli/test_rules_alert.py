"""``falcohost rules explain ALERT``: explains a stored alert by its id."""

import json

import pytest

RULES = """
- rule: Two
  desc: The output shows nothing of what the condition read.
  condition: number.value in (2, 3) and not number.value = 3
  output: A number
  priority: NOTICE
  source: numbers
"""
NUMBERS = ("--enable-source", "numbers")


@pytest.fixture
def stored(agent, setup, falcohost):
    """Return the options that name a configuration, and ids of alerts that its agent has stored, by rule."""
    config = "rules_files: [rules.yaml]\nfalcohost: {internal: {agent_started: true}}"
    running = agent(*setup(config, rules=RULES, numbers={"count": 5}), *NUMBERS)
    assert 0 == running.wait()
    found = [json.loads(line) for line in falcohost("alerts", "--json").stdout.splitlines()]
    return ("-c", "falco.yaml"), {alert["rule"]: alert["id"] for alert in found}


def test_explained(stored, falcohost):
    """The id is enough; the rules are those that are named, or the configured ones."""
    config, ids = stored
    done = falcohost(*config, "rules", "explain", ids["Two"])

    assert (0, "") == (done.returncode, done.stderr)
    assert f"Condition (evaluated for alert {ids['Two']})" in done.stdout
    assert done.stdout.endswith(
        "It fires, because\n  number.value in (2, 3) is true [number.value: 2]\n"
        "  number.value = 3 is false [number.value: 2]\n"
    )
    for arguments in ([ids["Two"], "rules.yaml"], ["rules.yaml", ids["Two"]]):
        assert done.stdout == falcohost(*config, "rules", "explain", *arguments).stdout
    (told,) = json.loads(falcohost(*config, "rules", "explain", ids["Two"], "--json").stdout)
    assert told["event"]["fires"] is True


def test_mistakes(stored, falcohost, tmp_path):
    """An alert that is not stored, one about the agent, two of them, and a state that is none: a sentence each."""
    config, ids = stored

    def error(*arguments):
        done = falcohost(*config, "rules", "explain", *arguments)
        assert (1, "") == (done.returncode, done.stdout)
        return done.stderr

    assert "Error: no alert has the id '" + "0" * 24 in error("0" * 24)
    own = ids["Falcohost internal: agent started"]
    assert f"Error: falcohost raised the alert {own} about itself, without a rule: " in error(own)
    assert "One event can be explained at a time" in error(ids["Two"], own)
    assert "One event can be explained at a time" in error(ids["Two"], "--event", "falco.yaml")
    assert "there are no alerts yet" in error(ids["Two"], "--state-dir", str(tmp_path))
    (tmp_path / "rules.yaml").write_text(RULES.replace("Two", "Tow"))
    assert "no rule is called 'Two'; did you mean 'Tow'?" in error(ids["Two"])


def test_a_folder_of_such_a_name(stored, falcohost, tmp_path):
    """The name of a folder that is there is no id, whatever it looks like."""
    config, _ = stored
    (folder := tmp_path / ("0" * 24)).mkdir()
    (folder / "rules.yaml").write_text(RULES)

    assert "Two\n" in falcohost(*config, "rules", "explain", folder.name, "--rule", "T*").stdout


def test_completion(stored, falcohost):
    """Ids of alerts complete, beside names of files."""
    _, ids = stored
    words = f"falcohost rules explain {ids['Two'][:6]}"
    done = falcohost(_FALCOHOST_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="3")

    assert f"plain,{ids['Two']}" in done.stdout
    assert f"file,{ids['Two'][:6]}" in done.stdout
