"""``falcohost rules explain``: a rule's condition, and why it fires for an event or not."""

import json

import pytest

RULES = """
- list: etc_files
  items: [/etc/shadow, "/etc/my file"]
- macro: opens
  condition: evt.type in (open, openat)
- macro: nobody
  condition: evt.num = 0
- rule: Any passwd
  desc: All readers of one file.
  condition: opens and fd.name = /etc/passwd
  output: Read %fd.name by %proc.name (%evt.type)
  priority: INFO
- rule: Files below etc
  desc: Reads of files that matter.
  condition: >
    opens and
    fd.name in (etc_files, /etc/passwd)
    and not (proc.name = cat or nobody)
  output: Read %fd.name by %proc.name (%evt.type)
  priority: WARNING
  tags: [files]
- rule: Off
  desc: Is off.
  condition: evt.type = close
  output: o
  priority: INFO
  enabled: false
- rule: Every number
  desc: Of another source.
  condition: number.value > 0
  output: Counted (value=%number.value)
  priority: NOTICE
  source: numbers
"""

#: Names the plugin of the tests, which is another distribution's.
NAMED = ("-o", "load_plugins[]=numbers")
FIRES = {"evt.type": "open", "fd.name": "/etc/my file", "proc.name": "vi"}


@pytest.fixture
def explain(falcohost, tmp_path):
    """Return a function that explains a rule of RULES, asked of *event* if there is one."""
    (tmp_path / "rules.yaml").write_text(RULES)

    def explain(*arguments, rule="Files below etc", event=None, status=0, **variables):
        given = ["--rule", rule] if rule is not None else []
        if event is not None:
            (tmp_path / "event.json").write_text(event if isinstance(event, str) else json.dumps(event))
            given += ["--event", "event.json"]
        done = falcohost(*NAMED, "rules", "explain", "rules.yaml", *given, *arguments, **{"COLUMNS": "100"} | variables)
        assert status == done.returncode, done.stderr
        return done.stderr if status else done.stdout

    return explain


def test_a_rule(explain):
    """A rule is shown as it was written and with what its names stand for, and what is collected because of it."""
    *parts, witness, collected, pushed = explain().split("\n\n")

    assert parts == [
        """\
Files below etc
  Warning, source syscall, rules.yaml:13
  tags files
  Reads of files that matter.""",
        """\
Condition as written (rules.yaml:15)
  opens and
  fd.name in (etc_files, /etc/passwd)
  and not (proc.name = cat or nobody)""",
        """\
Condition expanded
  all of
  │ opens: evt.type in (open, openat)
  │ fd.name in (
  │     etc_files: /etc/shadow, "/etc/my file",
  │     /etc/passwd)
  │ not any of
  │ │ proc.name = cat
  │ │ nobody: evt.num = 0""",
        """\
Where the names are defined
  rules.yaml
       4  macro      opens
       2  list       etc_files
       6  macro      nobody""",
    ]
    assert "  open, openat: fd.name in (/etc/shadow, " in witness
    assert collected.splitlines()[:3] == [
        "Collected because of it",
        "  event types    open, openat",
        "  fields read    evt.num, evt.type, fd.name, proc.name",
    ]
    assert "  open, openat: the kernel passes on those with fd.name in (/etc/shadow, " in pushed
    assert pushed.splitlines()[-1] == "    /etc/passwd) and not proc.name = cat"


def test_an_event_that_fires(explain):
    """Each part says whether it is true, each check which value it saw; the last lines say why the rule fires."""
    assert explain(event=FIRES).split("\n\n")[1:] == [
        """\
Condition (evaluated for event.json)
  true     all of
  true     │ opens: evt.type in (open, openat)  [evt.type: open]
  true     │ fd.name in (
           │     etc_files: /etc/shadow, "/etc/my file",
           │     /etc/passwd)  [fd.name: "/etc/my file"]
  true     │ not any of
  false    │ │ proc.name = cat  [proc.name: vi]
  false    │ │ nobody: evt.num = 0  [whatever evt.num is]""",
        """\
It fires, because
  evt.type in (open, openat) is true [evt.type: open]
  fd.name in (etc_files: /etc/shadow, "/etc/my file", /etc/passwd) is true [fd.name: "/etc/my file"]
  proc.name = cat is false [proc.name: vi]
  evt.num = 0 is false [whatever evt.num is]
""",
    ]


def test_an_event_that_does_not_fire(explain):
    """The fewest checks that keep the rule from firing are named; what was not asked is said to be so."""
    text = explain(event=FIRES | {"proc.name": "cat", "fd.name": None})
    tree, verdict = text.split("\n\n")[1:]

    assert "false    │     /etc/passwd)" not in tree
    assert "[fd.name: absent]" in tree
    assert "  skipped  │ not any of 2 checks" in tree.splitlines()
    assert verdict.splitlines() == [
        "It does not fire, because",
        '  fd.name in (etc_files: /etc/shadow, "/etc/my file", /etc/passwd) is false [fd.name: absent]',
    ]
    assert "  skipped  │ │ proc.name = cat  [proc.name: cat]" in explain(
        "--full", event=FIRES | {"proc.name": "cat", "fd.name": None}
    )


def test_an_event_that_does_not_say_enough(explain):
    """Where the answer hangs on a field that the event does not have, it cannot be told."""
    verdict = explain(event={"evt.type": "open", "fd.name": "/etc/passwd"}).split("\n\n")[-1]

    assert verdict.splitlines() == [
        "Unknown: the event has no values for these checks, and they decide",
        "  proc.name = cat is unknown [proc.name: unknown]",
    ]


def test_what_is_looked_up(falcohost, tmp_path):
    """Of a field whose row only the agent knows, the values are shown by which it is looked up."""
    rule = {"rule": "Named", "desc": "d", "condition": "number.name = n7", "output": "o", "priority": "INFO"}
    (tmp_path / "rules.yaml").write_text(json.dumps([rule | {"source": "numbers"}]))

    shown = falcohost(*NAMED, "rules", "explain", "rules.yaml", "--rule", "Named").stdout
    assert "\n  fields read    number.name, number.value\n" in shown

    def checked(event):
        (tmp_path / "event.json").write_text(json.dumps(event))
        given = ("rules", "explain", "rules.yaml", "--rule", "Named", "--event", "event.json")
        return falcohost(*NAMED, *given, COLUMNS="120").stdout.splitlines()[-1]

    unknown = "[number.name: unknown, since only the agent looks it up"
    assert f"  number.name = n7 is unknown {unknown}, number.value: 7]" == checked({"number.value": 7})
    assert f"  number.name = n7 is unknown {unknown}]" == checked({"evt.num": 1})
    assert "  number.name = n7 is true [number.name: n7]" == checked({"number.value": 7, "number.name": "n7"})


def test_an_alert_of_a_long_value(explain):
    """What the alert does not keep is told with its length; what its checks said decides all the same."""
    read = {"falcohost.left_out": {"fd.name": 60_000, "proc.name": 0}, "falcohost.true": ["proc.name = cat"]}
    alert = {
        "rule": "Files below etc",
        "source": "syscall",
        "output_fields": {"evt.type": "open"},
        "condition_fields": read,
    }
    text = explain(event=alert)

    assert "fd.name: 60,000 bytes, which the alert does not keep: at most 1,024 of a value" in " ".join(text.split())
    assert "proc.name: not known in full, so the alert does not keep it" in " ".join(text.split())
    assert "true     │ │ proc.name = cat" in text


def test_an_alert(explain):
    """An alert in JSON is an event, and names the rule that is explained."""
    alert = {"rule": "Files below etc", "source": "syscall", "output_fields": FIRES | {"mine": "x", "evt.time": 7}}

    assert "\nIt fires, because\n" in explain(rule=None, event=alert)


def test_a_rule_before_it(explain, falcohost):
    """If a rule before it matches as well it is not reported, and that is said, unless all are."""
    event = FIRES | {"fd.name": "/etc/passwd"}
    last = explain(event=event).splitlines()[-1]

    assert "But it is not reported: the rule 'Any passwd' matches too and comes first" in last
    assert json.loads(explain("--json", event=event))[0]["event"]["reported_instead"] == "Any passwd"
    every = falcohost(
        "-o", "rule_matching=all", "rules", "explain", "rules.yaml", "--rule", "F*", "--event", "event.json"
    )
    assert "It fires, because" in every.stdout
    assert "not reported" not in every.stdout


def test_several_rules(explain):
    """A wildcard explains each rule that it matches; of an event, those of its source."""
    rules = [line for line in explain(rule="*").splitlines() if line and not line.startswith(" ") and "(" not in line]

    assert ["Any passwd", "Files below etc", "Off", "Every number"] == [line for line in rules if line in RULES]
    assert ["Every number"] == [
        one["rule"]
        for one in json.loads(
            explain("--json", rule="*", event={"source": "numbers", "output_fields": {"number.value": 1}})
        )
    ]


def test_json(explain):
    """With ``--json`` there is an object for each rule, with all that the text says."""
    (found,) = json.loads(explain("--json", event=FIRES))

    assert ("Files below etc", "rules.yaml", 13, True) == tuple(
        found[key] for key in ("rule", "file", "line", "enabled")
    )
    assert {"kind": "list", "name": "etc_files", "file": "rules.yaml", "line": 2} in found["names"]
    assert ["open", "openat"] == found["collected"]["event_types"]
    assert "not (proc.name = cat or evt.num = 0)" in found["expanded"]
    assert found["event"]["fires"] is True
    first, second, third = found["condition"]["and"]
    assert {
        "names": ["opens"],
        "check": "evt.type in (open, openat)",
        "answer": True,
        "asked": True,
        "values": {"evt.type": {"known": True, "value": "open"}},
    } == first
    assert [
        {"list": "etc_files", "items": ["/etc/shadow", '"/etc/my file"']},
        {"list": None, "items": ["/etc/passwd"]},
    ] == second["constants"]
    assert {"known": False} == third["not"][0]["or"][1]["values"]["evt.num"]


def test_a_disabled_rule(explain):
    """A rule that is off says so."""
    assert "disabled" in explain(rule="Off")
    assert "It would fire if it were enabled, because" in explain(rule="Off", event={"evt.type": "close"})


@pytest.mark.parametrize(
    ("rule", "event", "message"),
    [
        ("files below etc", None, "no rule is called 'files below etc'; did you mean 'Files below etc'?"),
        ("below", None, "no rule is called 'below'; did you mean 'Files below etc'?"),
        (None, None, "Missing option '--rule': the name of a rule, or '*' for all of them."),
        ("Off", '{"fd.nmae": 1}', "event.json: 'fd.nmae' is not a field of source 'syscall'; did you mean fd.name?"),
        ("Off", '{"fd.num": "a"}', 'event.json: fd.num (INT64) cannot be "a": a is not a valid number'),
        (
            "Off",
            "{",
            "event.json: this is not JSON: ",
        ),
        ("Off", "[" * 100_000, "event.json: this is not JSON: "),
        ("Off", "[]", "event.json: this is not an event; give an alert in JSON"),
        ("Off", '{"kind": "Event"}', "event.json: found no event: event 1: expected an object with"),
        ("Off", '{"source": "numbers", "output_fields": {}}', "event.json: the event is of source 'numbers', but"),
    ],
)
def test_errors(explain, rule, event, message):
    """A wrong rule name or a wrong event is reported in one sentence."""
    assert explain(rule=rule, event=event, status=1).startswith(f"Error: {message}")


def test_rules_with_an_error(falcohost, tmp_path):
    """Rules that are refused are refused here as everywhere, with file, line and what would mend it."""
    (tmp_path / "rules.yaml").write_text(RULES.replace("fd.name in", "fd.nmae in"))
    done = falcohost("rules", "explain", "rules.yaml", "--rule", "*")

    assert 1 == done.returncode
    assert "rules.yaml:17:5: unknown field fd.nmae" in done.stderr
    assert "did you mean fd.name?" in done.stderr


def test_a_rule_that_is_left_out(falcohost, tmp_path):
    """A rule whose source no plugin has cannot be explained, and the reason is given."""
    (tmp_path / "rules.yaml").write_text(RULES.replace("source: numbers", "source: nubmers"))
    done = falcohost(*NAMED, "rules", "explain", "rules.yaml", "--rule", "Every*")

    assert 1 == done.returncode
    assert "the rule 'Every number' was skipped: " in done.stderr
    assert "did you mean 'numbers'?" in done.stderr


def test_control_characters(falcohost, tmp_path):
    """Terminal control sequences in the rules or in the event are not printed."""
    rule = '- rule: "r\\e[31m"\n  desc: "d\\e[1m"\n  condition: proc.name = "a\\e[5m" or fd.name = \'x\'\n'
    (tmp_path / "rules.yaml").write_text(f"{rule}  output: o\n  priority: INFO\n", newline="")
    (tmp_path / "event.json").write_text(json.dumps({"proc.name": "\x1b[2J\n"}))
    (tmp_path / "wrong.json").write_text(json.dumps({"proc.\x1b[2J": 1}))
    for event in ([], ["--event", "event.json"], ["--event", "wrong.json"]):
        done = falcohost("rules", "explain", "rules.yaml", "--rule", "*", *event)

        assert "\x1b" not in done.stdout + done.stderr
        assert done.stdout + done.stderr
    assert "\x1b" not in falcohost("rules", "stats", "rules.yaml").stdout


def test_colour(tmp_path, on_a_terminal, explain):
    """There is colour on a terminal, and none with NO_COLOR or where there is no terminal."""
    (tmp_path / "event.json").write_text(json.dumps(FIRES))
    command = ["rules", "explain", "rules.yaml", "--rule", "Files below etc", "--event", "event.json"]

    assert "\x1b[32mtrue" in on_a_terminal(*command)
    assert "\x1b[" not in on_a_terminal(*command, NO_COLOR="1")
    assert "\x1b[" not in explain(event=FIRES)


def test_help(falcohost):
    """The group alone says which commands it has; each command's help has an example."""
    alone = falcohost("rules")

    assert (0, "") == (alone.returncode, alone.stderr)
    assert all(name in alone.stdout for name in ("explain", "stats"))
    assert "falcohost rules explain rules.yaml --rule" in falcohost("rules", "explain", "--help").stdout
    assert "falcohost rules stats rules.yaml" in falcohost("rules", "stats", "--help").stdout


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_width(explain, columns):
    """Lines are no wider than the terminal."""
    text = explain(event=FIRES, COLUMNS=str(columns)) + explain(COLUMNS=str(columns))

    assert columns >= max(map(len, text.splitlines()))


def test_long_lists_are_cut(falcohost, tmp_path):
    """Long lists show how many more there are; ``--full`` shows them."""
    names = ", ".join(f"program{number}" for number in range(100))
    rule = (
        f"- list: many\n  items: [{names}]\n- rule: r\n  desc: d\n  condition: evt.type = open and proc.name in (many)"
    )
    (tmp_path / "rules.yaml").write_text(f"{rule}\n  output: o\n  priority: INFO\n")

    cut = falcohost("rules", "explain", "rules.yaml", "--rule", "r").stdout.partition("Witness")[0]
    full = falcohost("rules", "explain", "rules.yaml", "--rule", "r", "--full").stdout.partition("Witness")[0]

    assert "program9, program10, … 89 more)" in " ".join(cut.replace("│", "").split())
    assert "program98, program99)" in " ".join(full.replace("│", "").split())


@pytest.mark.parametrize(
    ("shell", "typed", "expected"),
    [
        ("bash", "fi", "plain,Files\\\\ below\\\\ etc\n"),
        ("bash", "'Fi", "plain,Files below etc\n"),
        ("zsh", "A", "plain\nAny passwd\n_\n"),
        ("bash", "zzz", "\n"),
    ],
)
def test_completion(falcohost, explain, shell, typed, expected):
    """The names of rules complete, out of the files that are named before; in bash with blanks escaped."""
    words = f"falcohost rules explain rules.yaml --rule {typed}"
    done = falcohost(_FALCOHOST_COMPLETE=f"{shell}_complete", COMP_WORDS=words, COMP_CWORD="5")

    assert expected == done.stdout


def test_the_corpus(falcohost, corpus):
    """All public rules are explained, as text and as JSON."""
    text = falcohost("rules", "explain", str(corpus / "rules"), "--rule", "*")
    data = json.loads(falcohost("rules", "explain", str(corpus / "rules"), "--rule", "*", "--json").stdout)

    assert (0, "") == (text.returncode, text.stderr)
    assert len(data) > 100
    assert all(f"{one['rule']}\n" in text.stdout for one in data)
