"""``falcohost rules test``: what passes, what fails and why, what is covered, and which faults nobody notices."""

import json
import os
import signal
import sys
import xml.etree.ElementTree as ET

import pytest

from falcohost.ruletests.runner import Runner

RULES = """
- macro: by_staff
  condition: okta.actor.alternateid endswith "@example.com"
- rule: Administrator made
  desc: d
  source: okta
  condition: okta.evt.type in (user.account.privilege.grant, group.privilege.grant) and not by_staff
  output: made by %okta.actor.alternateid
  priority: INFO
- rule: Off
  desc: d
  source: okta
  condition: okta.evt.type = off
  output: o
  priority: INFO
  enabled: false
"""

TESTS = """
rules: [rules.yaml]
base: {published: 2026-03-01T12:00:00.000Z, eventType: user.account.privilege.grant}
tests:
- name: by a stranger
  events: [{actor: {alternateId: eve@evil.example}}]
  expect:
  - rule: Administrator made
    fields: {okta.actor.alternateid: eve@evil.example}
    output: made by eve@evil.example
- name: by staff
  events: [{actor: {alternateId: mona@example.com}}]
  expect: none
- name: something else
  events: [{eventType: user.session.start, actor: {alternateId: eve@evil.example}}]
  expect: none
"""


@pytest.fixture
def rules_test(falcohost, tmp_path):
    """Return a function that runs the tests in the text given, with RULES, and returns what the command printed."""
    (tmp_path / "rules.yaml").write_text(RULES)

    def rules_test(tests, *arguments, status=0, **environment):
        (tmp_path / "a_test.yaml").write_text(tests)
        done = falcohost("rules", "test", "a_test.yaml", *arguments, COLUMNS="140", **environment)
        assert status == done.returncode, done.stdout + done.stderr
        return done.stderr if status == 2 else done.stdout

    return rules_test


def one(text, expect, **more):
    """Return a file with one test of an event in JSON."""
    test = {"name": "one", "source": "okta", "events": [text], "expect": expect, **more}
    return json.dumps({"rules": ["rules.yaml"], "tests": [test]})


GRANT = {"published": "2026-03-01T12:00:00.000Z", "eventType": "user.account.privilege.grant"}
STRANGER = GRANT | {"actor": {"alternateId": "eve@evil.example"}}
STAFF = GRANT | {"actor": {"alternateId": "mona@example.com"}}


def test_passes(rules_test):
    """Tests whose events fire what is expected pass."""
    said = rules_test(TESTS)

    assert "a_test.yaml  3 passed" in said
    assert "3 passed in" in said


def test_missing_is_explained(rules_test):
    """Of a rule that does not fire, the checks are told that keep it from firing on the closest event."""
    tests = one(GRANT | {"eventType": "x"}, ["Administrator made"])
    tests = json.dumps(
        {
            **json.loads(tests),
            "tests": [{**json.loads(tests)["tests"][0], "events": [STAFF | {"eventType": "x"}, STAFF]}],
        }
    )

    said = rules_test(tests, status=1)

    assert "'Administrator made' does not fire" in said
    assert "it comes closest to firing on event 2, but" in said
    assert "okta.actor.alternateid endswith @example.com is true [okta.actor.alternateid: mona@example.com]" in said
    assert "okta.evt.type in" not in said


def test_unexpected_is_explained(rules_test):
    """Of a rule that fires unexpectedly, the checks are told because of which it does."""
    said = rules_test(one(STRANGER, []), status=1)

    assert "'Administrator made' fires" in said
    assert "it fires on event 1, because" in said
    assert "[okta.evt.type: user.account.privilege.grant]" in said


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        (
            {"rule": "Administrator made", "fields": {"okta.actor.alternateid": "x"}},
            "okta.actor.alternateid is eve@evil.example, not x",
        ),
        ({"rule": "Administrator made", "output": "made"}, "its output is 'made by eve@evil.example', not 'made'"),
        ({"rule": "Administrator made", "fields": {"okta.actr": "x"}}, "'okta.actr' is not a field of source 'okta'"),
        ("Administrator mad", "did you mean 'Administrator made'?"),
    ],
)  # fmt: skip
def test_what_is_expected_of_an_alert(rules_test, expect, said):
    """Other values of fields, another output, and names that do not exist are failures that say so."""
    assert said in rules_test(one(STRANGER, [expect]), status=1)


def test_disabled_rules_are_tested(rules_test):
    """A rule that is disabled fires in tests."""
    assert "1 passed" in rules_test(one({"published": "2026-03-01T12:00:00.000Z", "eventType": "off"}, ["Off"]))


def test_each(rules_test):
    """With each, one event of several that does not fire the rule fails the test, and is named."""
    tests = json.loads(one(STRANGER, ["Administrator made"]))
    tests["tests"][0]["events"] = [STRANGER, STAFF]
    assert "1 passed" in rules_test(json.dumps(tests))
    tests["tests"][0]["each"] = True

    assert "'Administrator made' does not fire on event 2" in rules_test(json.dumps(tests), status=1)


def test_never(rules_test):
    """With never alone other rules may fire, and the named one must not."""
    assert "1 passed" in rules_test(one(STRANGER, None, never=["Off"]).replace('"expect": null, ', ""))

    said = rules_test(one(STRANGER, None, never=["Administrator made"]).replace('"expect": null, ', ""), status=1)
    assert "'Administrator made' fires" in said


def test_names(rules_test):
    """-k runs only the tests with a text in their name; none at all is an error."""
    assert "1 passed in" in rules_test(TESTS, "-k", "STRANGER")

    assert "no test has 'nothing' in its name" in rules_test(TESTS, "-k", "nothing", status=2)


def test_coverage(rules_test):
    """Each check is decided both ways or not, in the rule's own words, and the share is rounded down."""
    said = rules_test(TESTS, "--coverage", "--full")

    assert "Administrator made  100 %, 4 of 4 decided" in said
    assert "both ways     │ not by_staff: okta.actor.alternateid endswith @example.com" in said
    assert "Off  50 %, 1 of 2 decided" in said
    assert "only false    okta.evt.type = off" in said
    assert "Conditions: 83 % decided both ways (5 of 6); 1 of 2 rules in whole" in said


def test_masked_checks_are_not_decided(rules_test):
    """A check that is false beside another false one has decided nothing."""
    said = rules_test(
        one(GRANT | {"eventType": "x", "actor": {"alternateId": "a@example.com"}}, []),
        "--coverage",
        "--full",
        "--rule",
        "Adm*",
    )

    assert "Administrator made  0 %, 0 of 4 decided" in said
    assert "always false  │ okta.evt.type in" in said


def test_fail_under(rules_test):
    """Less coverage than --fail-under is status 3; as much as that is not."""
    assert "83 %" in rules_test(TESTS, "--fail-under", "84", status=3)
    assert "83 %" in rules_test(TESTS, "--fail-under", "83")


def test_mutate(rules_test):
    """Faults that no test notices are told: an item of the list that no event has."""
    said = rules_test(TESTS, "--mutate", "--rule", "Adm*")

    assert "Administrator made  2 of 6 faults noticed by no test" in said
    assert "without group.privilege.grant: okta.evt.type in (…)" in said
    assert "without user.account.privilege.grant" not in said
    assert "and → or" not in said
    assert "without not" not in said


def test_a_failed_test_notices_nothing(rules_test):
    """A test that fails without a fault notices none."""
    found = json.loads(rules_test(one(STRANGER, []), "--mutate", "--json", status=1))

    assert [(one["tried"], len(one["survived"])) for one in found["mutation"]] == [(6, 6), (1, 1)]


def test_processes_agree(rules_test):
    """Several processes find what one does."""
    tests = json.loads(one(STRANGER, []))
    row = tests["tests"][0]
    events = [STRANGER, STAFF, GRANT | {"eventType": "group.privilege.grant", "actor": {"alternateId": "x"}}]
    tests["tests"] = [
        row | {"name": f"{at}", "events": [events[at % 3]], "expect": [] if at % 3 == 1 else ["Administrator made"]}
        for at in range(60)
    ]
    text = json.dumps(tests)

    def found(jobs):
        said = json.loads(rules_test(text, "--coverage", "--mutate", "--json", "-j", jobs))
        del said["seconds"]
        return said | {"tests": [{**row, "seconds": 0} for row in said["tests"]]}

    assert found("1") == found("3")


def test_a_process_that_is_killed(rules_test, monkeypatch):
    """If a process that runs tests is killed, the command says so in a sentence."""
    tests = json.loads(one(STRANGER, ["Administrator made"]))
    tests["tests"] = [tests["tests"][0] | {"name": f"{at}"} for at in range(200)]
    parent = os.getpid()

    def killed(runner, case, watchers=()):
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Runner, "run", killed)
    assert "a process that ran tests was ended" in rules_test(json.dumps(tests), "-j", "2", status=2)


def test_json(rules_test):
    """JSON has each test with what fired, the checks of each rule, and the faults that survived."""
    found = json.loads(rules_test(TESTS, "--json", "--coverage", "--mutate"))

    assert [row["fired"] for row in found["tests"]] == [["Administrator made"], [], []]
    assert found["coverage"]["percent"] == 83
    checks = found["coverage"]["rules"][1]["checks"]
    assert checks == [
        {"check": "okta.evt.type = off", "true": False, "false": True, "decided_true": False, "decided_false": True}
    ]
    assert found["mutation"][0]["survived"] == [
        "without group.privilege.grant: okta.evt.type in (…)",
        "endswith → contains: okta.actor.alternateid endswith @example.com",
    ]


def test_junit(rules_test, tmp_path):
    """The JUnit report has every test, also one whose name is hostile, and what failed."""
    tests = json.loads(one(STRANGER, []))
    tests["tests"][0]["name"] = 'a<b>&"\x07'
    rules_test(json.dumps(tests), "--junit", "report.xml", status=1)

    suite = ET.parse(tmp_path / "report.xml").getroot()[0]
    assert ("1", "1") == (suite.get("tests"), suite.get("failures"))
    assert "'Administrator made' fires" == suite[0][0].get("message")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".report")]


def test_junit_to_a_device(rules_test, tmp_path):
    """A report to something that is no file is written there, and it stays what it is; a link leads to its file."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "link").symlink_to("report.xml")
    rules_test(TESTS, "--junit", "pipe")
    rules_test(TESTS, "--junit", "link")

    assert os.read(reader, 100).startswith(b"<?xml")
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "report.xml").read_text().startswith("<?xml")


def test_no_colour(on_a_terminal, tmp_path):
    """On a terminal what is covered is coloured, with NO_COLOR it is not."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "a_test.yaml").write_text(TESTS)
    command = ("rules", "test", "a_test.yaml", "--coverage", "--full")

    assert "\x1b[32mboth ways" in on_a_terminal(*command)
    assert "\x1b[3" not in on_a_terminal(*command, NO_COLOR="1").replace("\x1b[K", "")


MISTAKES = [
    ("tests: [", "expected"),
    ("- a", "a_test.yaml:1:1: expected one map with the key 'tests'"),
    ("testz: []", "a_test.yaml:1:1: unknown key 'testz'"),
    ("tests: []", "a_test.yaml:1:8: expected a list of tests"),
    ("tests: [{name: a, evnts: [], expect: none}]", "did you mean events?"),
    ("tests: [{name: a, expect: none}]", "needs one of events, capture or command"),
    ("tests: [{events: [{}], expect: none}]", "the test has no name"),
    ("tests: [{name: a, events: [{}]}]", "the test 'a' expects nothing"),
    ("tests: [{name: a, events: [{a: 1}], expect: none}, {name: a, events: [{}], expect: none}]", "another test"),
    ("tests: [{name: a, events: nowhere.jsonl, expect: none}]", "nowhere.jsonl cannot be read"),
    ("tests: [{name: a, events: /dev/zero, expect: none}]", "It is a device"),
    ("tests: [{name: a, events: [{[a]: 1}], expect: none}]", "a key has to be a text"),
    ("tests: [{name: a, events: [{}], expect: none, others: 7}]", "'others' has to be true or false"),
    ("rules: [/nowhere.yaml]\ntests: [{name: a, events: [{}], expect: none}]", "/nowhere.yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("tests", "said"), MISTAKES)
def test_mistakes(rules_test, tests, said):
    """A mistake in a file is told with its place, and nothing is run."""
    assert said in rules_test(tests, status=2)


def test_all_mistakes_are_told(rules_test):
    """Every wrong test of a file is told."""
    said = rules_test("tests: [{name: a}, {nam: b}]", status=2)

    assert "needs one of" in said
    assert "did you mean name?" in said


def test_anchors_are_counted(rules_test):
    """An anchor that multiplies values is refused when they are too many."""
    bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
    bomb += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    events = "{" + ", ".join(line.strip() for line in bomb.splitlines()) + "}"

    assert "the events are too large" in rules_test(f"tests: [{{name: a, events: [{events}], expect: none}}]", status=2)


def test_commands_are_not_run(rules_test, tmp_path):
    """A test with a command is skipped without --run-commands."""
    tests = {
        "rules": ["rules.yaml"],
        "tests": [{"name": "c", "command": ["touch", str(tmp_path / "ran")], "expect": "none"}],
    }

    assert "1 skipped" in rules_test(json.dumps(tests))
    assert not (tmp_path / "ran").exists()


def test_watch(home, tmp_path, until):
    """With --watch the tests run again after a change, also after one that is a mistake, until a signal."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "a_test.yaml").write_text(TESTS)
    watching = home.agent("rules", "test", str(tmp_path / "a_test.yaml"), "--watch")
    watching.wait_for("Waiting for a change")
    assert "3 passed" in watching.stdout
    (tmp_path / "a_test.yaml").write_text("tests: []")
    watching.wait_for("expected a list of tests")
    until(lambda: watching.stderr.count("Waiting for a change") == 2)
    (tmp_path / "rules.yaml").write_text(RULES.replace("user.account", "user.accounts"))
    (tmp_path / "a_test.yaml").write_text(TESTS)

    until(lambda: "1 failed" in watching.stdout)
    assert 130 == watching.end(signal.SIGINT)


def test_captures(falcohost, tmp_path, root):
    """A test of a capture, or of a part of it, sees the events in it."""
    sys.path.insert(0, str(root / "docs"))
    import example_capture

    example_capture.make(tmp_path / "work.scap")
    (tmp_path / "rules.yaml").write_text(
        "- rule: Program started\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n"
    )
    tests = [
        {"name": "all", "capture": "work.scap", "expect": ["Program started"]},
        {"name": "none of it", "capture": "work.scap", "from": "+9000s", "expect": "none"},
        {"name": "damaged", "capture": "rules.yaml", "expect": "none"},
    ]
    (tmp_path / "a_test.yaml").write_text(json.dumps({"rules": ["rules.yaml"], "tests": tests}))
    found = json.loads(falcohost("rules", "test", "--json").stdout)["tests"]

    assert ["passed", "failed", "failed"] == [one["result"] for one in found]
    assert "there is no event in it" in found[1]["differences"][0]["said"]
    assert "this is not a capture" in found[2]["differences"][0]["said"]


def test_names_are_completed(falcohost, tmp_path):
    """The shell completes the names of the tests in the current folder."""
    (tmp_path / "a_test.yaml").write_text(TESTS)
    done = falcohost(_FALCOHOST_COMPLETE="bash_complete", COMP_WORDS="falcohost rules test -k by", COMP_CWORD="4")
    found = [line.split(",", 1)[1].replace("\\", "") for line in done.stdout.split("\n") if line]

    assert ["by a stranger", "by staff"] == found


def test_folders(falcohost, tmp_path):
    """A folder stands for the files below it whose names end in _test.yaml, and no file at all for the current one."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "b_test.yaml").write_text(TESTS.replace("[rules.yaml]", "[../rules.yaml]"))

    for given in ([], ["b"]):
        done = falcohost("rules", "test", *given)
        assert "b/b_test.yaml  3 passed" in done.stdout, done.stderr
