"""``falcohost rules lint``: mistakes in rules that are no errors, as text, JSON and SARIF."""

import json

import pytest

RULES = """\
- list: unused
  items: [a]
- rule: Opened
  desc: A file was opened. Ask who did it.
  condition: evt.type = open and fd.name = /b and not proc.name = a
  output: Opened %fd.name
  priority: INFO
  tags: [maturity_stable]
"""


@pytest.fixture
def lint(falcohost, tmp_path):
    """Return a function that checks RULES and returns its output, and the messages with an exit status of 2."""
    (tmp_path / "rules.yaml").write_text(RULES)

    def lint(*arguments, status=1):
        done = falcohost("-o", "load_plugins[]=numbers", "rules", "lint", *arguments, COLUMNS="100")
        assert status == done.returncode, done.stderr + done.stdout
        return done.stderr if status == 2 else done.stdout

    return lint


def test_text(lint):
    """Each finding has its place, the line with a caret, the item, and what would mend it."""
    assert lint("rules.yaml") == (
        """\
rules.yaml:1:3: warning: nothing uses the list unused [unused-list]
    - list: unused
      ^
  in list 'unused'
  hint: remove it, or use it; if others are to append to it, use it in a condition and let it be
    empty

rules.yaml:3:3: note: the rule has no tag for a technique of ATT&CK [no-technique]
    - rule: Opened
      ^
  in rule 'Opened'
  hint: add the number of the technique, such as T1059, to its tags

rules.yaml:5:55: warning: 'proc.name = a' exempts by a claim: any process can say this of itself [exempt-by-name]
      condition: evt.type = open and fd.name = /b and not proc.name = a
                                                          ^
  in rule 'Opened'
  hint: compare the file that runs (proc.exepath, proc.pexepath, proc.aexepath), alone or as well

2 warnings, 1 note in 1 file.
"""
    )


def test_json(lint):
    """As JSON, a finding has the same parts."""
    found = json.loads(lint("rules.yaml", "--json"))

    assert {"note": 1, "warning": 2, "error": 0} == found["counts"]
    assert ["unused-list", "no-technique", "exempt-by-name"] == [one["check"] for one in found["findings"]]
    assert ("rules.yaml", 5, 55, "rule 'Opened'") == tuple(
        found["findings"][2][key] for key in ("file", "line", "column", "within")
    )


def test_sarif(lint):
    """As SARIF, each result names its rule, and has a place that counts from 1."""
    (run,) = json.loads(lint("rules.yaml", "--sarif"))["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]

    assert ["unused-list", "no-technique", "exempt-by-name"] == [rules[one["ruleIndex"]]["id"] for one in results]
    assert {"uri": "rules.yaml"} == results[2]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert {"startLine": 5, "startColumn": 55} == results[2]["locations"][0]["physicalLocation"]["region"]


@pytest.mark.parametrize(
    ("arguments", "checks"),
    [
        (("--only", "unused-list"), ["unused-list"]),
        (("--skip", "unused-list", "--level", "warning"), ["exempt-by-name"]),
        (("--level", "error"), []),
    ],
)
def test_choosing(lint, arguments, checks):
    """Checks and levels can be chosen; the exit status is that of what is left."""
    found = json.loads(lint("rules.yaml", "--json", *arguments, status=1 if checks else 0))

    assert checks == [one["check"] for one in found["findings"]]


def test_nothing(lint):
    """If nothing is found, that is said."""
    assert "Nothing was found in 1 file.\n" == lint("rules.yaml", "--level", "error", status=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rules.yaml", "--only", "unused"), "there is no check 'unused'; falcohost rules lint --checks lists them"),
        (("rules.yaml", "--json", "--sarif"), "--json and --sarif are different outputs; choose one"),
        (("wrong.yaml",), "wrong.yaml: Invalid, 1 error"),
        (("absent.yaml",), "Could not open file absent.yaml for reading: No such file or directory"),
    ],
)
def test_errors(lint, tmp_path, arguments, message):
    """What is no finding, but an error, has the exit status 2."""
    (tmp_path / "wrong.yaml").write_text(
        "- rule: r\n  desc: d\n  condition: fd.nmae = a\n  output: o\n  priority: INFO\n"
    )

    assert message in lint(*arguments, status=2)


def test_checks(lint):
    """The checks are listed."""
    assert "exempt-by-name   warning " in lint("--checks", status=0)


def test_shipped_rules(falcohost, tmp_path):
    """The rules that come with falcohost have no finding; what is meant so is said in a comment."""
    done = falcohost("rules", "lint", "--json")

    assert [] == [(one["file"], one["line"], one["what"]) for one in json.loads(done.stdout)["findings"]]


def test_public_rules(falcohost, corpus):
    """Among Falco's public rules are those that are never reported, and one that never fires."""
    done = falcohost("rules", "lint", "--json", str(corpus / "rules"))
    found = {(one["check"], one["within"]) for one in json.loads(done.stdout)["findings"]}

    assert {
        ("shadowed-rule", "rule 'Console Root Login Without MFA'"),
        ("never-fires", "rule 'Launch Disallowed Container'"),
        ("never-true", "macro 'kubelet_running_loopback'"),
    } <= found
