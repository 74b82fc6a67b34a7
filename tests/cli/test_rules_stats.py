"""``falcohost rules stats``: what rules ask of events, what they cost, and what nobody uses or sees."""

import json

import pytest

RULES = """
- list: unused
  items: [a]
- rule: Wide
  desc: d
  condition: evt.type in (open, openat) and proc.name = bash
  output: o
  priority: INFO
- rule: Narrow
  desc: d
  condition: evt.type = open and proc.name = bash and fd.num = 2
  output: o
  priority: INFO
- rule: Blind
  desc: d
  condition: evt.type = close and not fd.num = 3
  output: o
  priority: INFO
- rule: Every number
  desc: d
  condition: number.value > 0
  output: o
  priority: INFO
  source: numbers
"""

SYSCALL = [
    {"evt.type": "open", "proc.name": "bash", "fd.num": 2},
    {"evt.type": "open", "proc.name": "bash", "fd.num": 1},
    {"evt.type": "close", "proc.name": "vi", "fd.num": 1},
]


@pytest.fixture
def stats(falcohost, tmp_path):
    """Return a function that asks for the statistics of RULES, on a stream of *events* if there are some."""
    (tmp_path / "rules.yaml").write_text(RULES)

    def stats(*arguments, events=None, status=0):
        given = []
        if events is not None:
            lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
            (tmp_path / "events.jsonl").write_text("\n\n".join(lines) + "\n")
            given = ["--events", "events.jsonl"]
        done = falcohost(
            "-o", "load_plugins[]=numbers", "rules", "stats", "rules.yaml", *given, *arguments, COLUMNS="80"
        )
        assert status == done.returncode, done.stderr
        return done.stderr if status else done.stdout

    return stats


def test_rules(stats):
    """Rules are counted per source and event type; what has no witness, is shadowed or unused is named."""
    assert stats() == (
        """\
3 rules of source syscall
     2  open
     1  close, openat

Without a witness (evaluated for every event of these types)
  Blind: close

Shadowed (proven: an earlier rule matches whenever they do)
  'Narrow' by 'Wide'

1 rule of source numbers
     1  any event type

Unused macros and lists
  rules.yaml
       2  list   unused
"""
    )


def test_json(stats):
    """With ``--json`` there is one object that says the same."""
    found = json.loads(stats("--json"))

    assert {
        "enabled": 3,
        "disabled": 0,
        "rules_by_event_type": {"open": 2, "close": 1, "openat": 1},
        "rules_of_any_event_type": 0,
        "without_witness": [{"rule": "Blind", "event_types": ["close"]}],
        "shadowed": [{"rule": "Narrow", "by": "Wide"}],
        "never_match": [],
        "never_match_why": {},
        "costly": {},
    } == found["sources"]["syscall"]
    assert [{"kind": "list", "name": "unused", "file": "rules.yaml", "line": 2}] == found["unused"]
    assert "events" not in found


def test_events(stats):
    """On a stream of events it is told which rules were asked, how often they matched, and how long that took."""
    found = json.loads(stats("--json", "--source", "syscall", events=SYSCALL))["events"]
    rules = {one["rule"]: one for one in found["sources"]["syscall"]["rules"]}

    assert (3, 3) == (found["sources"]["syscall"]["events"], found["sources"]["syscall"]["matching"])
    assert (2, 2, 2) == tuple(rules["Wide"][key] for key in ("asked", "matches", "first"))
    assert (1, 0) == (rules["Narrow"]["matches"], rules["Narrow"]["first"])
    assert rules["Wide"]["total_ns"] >= rules["Wide"]["median_ns"] > 0
    assert found["unknown_fields_counted_as_absent"]


def test_events_as_text(stats):
    """As text the most frequent candidates come first."""
    text = stats("--source", "syscall", events=SYSCALL)
    head, *rows = text[text.index("3 events of") :].split("\n\n")[0].splitlines()

    assert "3 events of source syscall, 3 match a rule" == head
    assert ["rule", "evaluated", "matches", "first", "median", "ns", "total", "µs"] == rows[1].split()
    assert ["Wide", "2", "2", "2"] == rows[2].split()[:4]


def test_alerts(stats):
    """Alerts say their source; those of sources without rules are counted."""
    alerts = [{"source": "syscall", "output_fields": event} for event in SYSCALL]
    alerts += [{"source": "numbers", "output_fields": {"number.value": 1}}, {"source": "none", "output_fields": {}}]
    found = json.loads(stats("--json", events=alerts))["events"]

    assert {"syscall": 3, "numbers": 1} == {source: one["events"] for source, one in found["sources"].items()}
    assert {"there are no rules of source 'none'": 1} == found["left_out"]


def test_records(falcohost, tmp_path):
    """For a source that reads a log in JSON, its own records are events; what is none is counted."""
    rule = "- {rule: r, desc: d, condition: ka.verb = get, output: o, priority: INFO, source: k8s_audit}"
    (tmp_path / "rules.yaml").write_text(rule)
    record = {"kind": "Event", "verb": "get", "stageTimestamp": "2024-01-01T00:00:00Z"}
    lines = [record, record | {"verb": "list"}, {"kind": "Other"}, {"items": [record, record]}]
    (tmp_path / "audit.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    done = falcohost(
        "-o", "load_plugins[]=numbers", "rules", "stats", "rules.yaml", "--events", "audit.jsonl", "--json"
    )
    found = json.loads(done.stdout)["events"]

    assert (4, 3) == tuple(found["sources"]["k8s_audit"][key] for key in ("events", "matching"))
    assert [1] == list(found["left_out"].values())
    assert not found["unknown_fields_counted_as_absent"]


def test_events_from_a_pipe(stats, falcohost):
    """Events that come on standard input, which is read once, are put to the rules as those of a file are."""
    text = "\n".join(map(json.dumps, SYSCALL)).encode()
    done = falcohost(
        "-o",
        "load_plugins[]=numbers",
        "rules",
        "stats",
        "rules.yaml",
        "--events",
        "-",
        "--source",
        "syscall",
        "--json",
        stdin=text,
    )

    assert 3 == json.loads(done.stdout)["events"]["sources"]["syscall"]["events"], done.stderr


@pytest.mark.parametrize(
    ("arguments", "events", "message"),
    [
        ((), SYSCALL, "events.jsonl:1: name the event's source: --source syscall or numbers"),
        (
            ("--source", "sycall"),
            SYSCALL,
            "no enabled rule is of source 'sycall'; there are rules of: syscall, numbers",
        ),
        ((), [], "events.jsonl: the file holds no event"),
        (("--source", "syscall"), [*SYSCALL, "{"], "events.jsonl:7: this is not JSON: "),
        (("--source", "syscall"), ["{", *SYSCALL], "events.jsonl:1: this is not JSON: "),
        (("--source", "syscall"), [{"fd.num": "a"}], 'events.jsonl:1: fd.num (INT64) cannot be "a": a is not a valid'),
    ],
)
def test_errors(stats, arguments, events, message):
    """An error in a stream is reported in one sentence, with the line."""
    assert stats(*arguments, events=events, status=1).startswith(f"Error: {message}")


def test_the_corpus(falcohost, corpus):
    """All public rules together have statistics; what is shadowed among them is so indeed."""
    done = falcohost("-o", "load_plugins[]=numbers", "rules", "stats", str(corpus / "rules"), "--json")
    sources = json.loads(done.stdout)["sources"]

    assert {"syscall", "k8s_audit", "aws_cloudtrail", "okta", "github"} == set(sources)
    assert {"rule": "Run Instances in Non-approved Region", "by": "Run Instances"} in sources["aws_cloudtrail"][
        "shadowed"
    ]
