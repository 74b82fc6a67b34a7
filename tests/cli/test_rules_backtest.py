"""``falcohost rules backtest``: how often rules would have fired on logs, captures and stored alerts."""

import gzip
import json

import msgspec
import pytest
from msgspec.structs import replace

from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.outputs import alert

K8S = """\
- rule: Secret read
  desc: d
  condition: ka.verb = get and ka.target.resource = secrets
  output: Secret read (user=%ka.user.name name=%ka.target.name)
  priority: INFO
  source: k8s_audit
  exceptions:
    - name: users
      fields: [ka.user.name]
- rule: Anything of ann
  desc: d
  condition: ka.user.name = ann
  output: Something (user=%ka.user.name verb=%ka.verb)
  priority: INFO
  source: k8s_audit
- rule: Never
  desc: d
  condition: ka.verb = patch
  output: Patch (user=%ka.user.name)
  priority: INFO
  source: k8s_audit
"""

HOST = """\
- rule: Read
  desc: d
  condition: evt.type = openat and fd.name startswith /secret
  output: Read (process=%proc.name file=%fd.name)
  priority: INFO
- rule: Read by cat
  desc: d
  condition: evt.type = openat and proc.name = cat
  output: Read by cat (process=%proc.name)
  priority: INFO
- rule: Read as root
  desc: d
  condition: evt.type = openat and user.uid = 0
  output: Read as root (process=%proc.name)
  priority: INFO
"""

DAY = 86_400_000_000_000


def record(day, verb="get", user="ann", resource="secrets", name="s"):
    """Return a record of the audit log of Kubernetes."""
    return {
        "kind": "Event",
        "auditID": f"{day}{verb}{user}{name}",
        "verb": verb,
        "stage": "ResponseComplete",
        "user": {"username": user},
        "objectRef": {"resource": resource, "name": name},
        "stageTimestamp": f"2026-01-{day:02}T12:00:00Z",
    }


@pytest.fixture
def backtest(falcohost, tmp_path):
    """Return a function that runs the command for RULES, and returns its JSON, or its messages if the status is 2."""

    def backtest(rules, *arguments, status=0):
        (tmp_path / "rules.yaml").write_text(rules)
        done = falcohost("rules", "backtest", "rules.yaml", "--json", *arguments)
        assert status == done.returncode, done.stderr + done.stdout
        return done.stderr if status == 2 else json.loads(done.stdout)

    return backtest


@pytest.fixture
def logs(tmp_path):
    """Return a folder with two logs, one of them packed, and with what is none."""
    folder = tmp_path / "logs"
    (folder / "older").mkdir(parents=True)
    records = [record(1), record(1, user="bob", name="t"), record(2, name="u"), record(2, verb="list")]
    (folder / "audit.log").write_text("\n".join(map(json.dumps, records)) + "\n")
    packed = "\n".join(map(json.dumps, [record(3, name=f"n{number}") for number in range(5)]))
    (folder / "older" / "audit.log.gz").write_bytes(gzip.compress(packed.encode()))
    (folder / ".hidden").write_text(json.dumps(record(4)))
    return folder


def by_name(found):
    """Return what was found of each rule, by its name."""
    return {one["rule"]: one for one in found["rules"]}


def test_logs(backtest, logs):
    """Matches in all logs of a folder are counted by day and by entity, with samples."""
    found = backtest(K8S, "--logs", str(logs), "--samples", "2")
    secret = by_name(found)["Secret read"]

    assert (9, 0, 3) == (found["events"], found["alerts"], found["days"])
    assert (8, 0) == (secret["count"], secret["reported_instead"])
    assert {"2026-01-01": 2, "2026-01-02": 1, "2026-01-03": 5} == secret["by_day"]
    assert ["ka.user.name"] == secret["entity_fields"]
    assert [{"values": ["ann"], "count": 7}, {"values": ["bob"], "count": 1}] == secret["by_entity"]
    assert ["Secret read (user=ann name=s)", "Secret read (user=bob name=t)"] == [
        one["output"] for one in secret["samples"]
    ]
    assert {"2026-01-01T12:00:00.000000000Z"} == {one["time"] for one in secret["samples"]}
    assert (8, 7) == tuple(by_name(found)["Anything of ann"][key] for key in ("count", "reported_instead"))
    assert 0 == by_name(found)["Never"]["count"]


def test_since(backtest, logs):
    """Events before a time are left out."""
    found = backtest(K8S, "--logs", str(logs), "--since", "2026-01-02T18:00:00")

    assert {"2026-01-03": 5} == by_name(found)["Secret read"]["by_day"]


def test_by(backtest, logs):
    """The fields by which entities are told apart can be chosen."""
    found = by_name(backtest(K8S, "--logs", str(logs), "--by", "ka.verb,ka.target.resource"))

    assert [{"values": ["get", "secrets"], "count": 7}, {"values": ["list", "secrets"], "count": 1}] == found[
        "Anything of ann"
    ]["by_entity"]


@pytest.mark.parametrize(("most", "over"), [("8", []), ("4", ["Secret read", "Anything of ann"])])
def test_budget(backtest, logs, most, over):
    """A rule that fires more often on a day than is allowed makes the exit status 1."""
    found = backtest(K8S, "--logs", str(logs), "--max-per-day", most, status=1 if over else 0)

    assert over == found["over_budget"]


def test_text(falcohost, logs, tmp_path):
    """As text, the rules that fire most often come first, and the others are counted."""
    (tmp_path / "rules.yaml").write_text(K8S)
    done = falcohost("rules", "backtest", "rules.yaml", "--logs", str(logs), "--samples", "1", COLUMNS="100")

    assert done.stdout == (
        """\
9 events, 2026-01-01 to 2026-01-03 (3 days, UTC)

Secret read: 8 times, 2.7 a day, most on 2026-01-03: 5
  days: 2026-01-01 2, 2026-01-02 1, 2026-01-03 5
  by ka.user.name:
        7  ann
        1  bob
  2026-01-01T12:00:00.000000000Z Secret read (user=ann name=s)

Anything of ann: 8 times, 2.7 a day, most on 2026-01-03: 5; 7 times an earlier rule would be reported instead
  days: 2026-01-01 1, 2026-01-02 2, 2026-01-03 5
  by ka.user.name, ka.verb:
        7  ann, get
        1  ann, list
  2026-01-01T12:00:00.000000000Z Something (user=ann verb=get)

1 of 3 rules would not have fired
"""
    )


def test_text_of_one(falcohost, tmp_path):
    """One event, one match and one rule are told as such."""
    (tmp_path / "rules.yaml").write_text(K8S.partition("- rule: Anything")[0])
    (tmp_path / "audit.log").write_text(json.dumps(record(1)) + "\n")
    done = falcohost("rules", "backtest", "rules.yaml", "--logs", "audit.log", "--max-per-day", "0")

    assert "1 event, 2026-01-01 to 2026-01-01 (1 day, UTC)" in done.stdout
    assert "Secret read: 1 time, 1.0 a day" in done.stdout
    assert "1 rule exceeds 0 a day." in done.stdout
    assert done.returncode == 1


def test_captures(backtest, corpus):
    """Captures are read without an agent."""
    rules = "- {rule: Used, desc: d, condition: 'evt.type in (mmap, close)', output: '%proc.name', priority: INFO}"
    found = backtest(rules, "--captures", str(corpus / "captures/cat_write.scap"))

    assert 16 == by_name(found)["Used"]["count"]
    assert ["cat"] == [one["values"][0] for one in by_name(found)["Used"]["by_entity"]]


@pytest.fixture
def state(tmp_path):
    """Return a state with alerts of the rule *Read*: three of one day, one for ten matches, and one of the next."""
    store = Store(tmp_path / "state.db", Limits())
    for number, (day, name, count) in enumerate(((1, "cat", 1), (1, "vi", 1), (1, "cat", 10), (2, "vi", 1))):
        given = {"proc.name": name, "fd.name": f"/secret/{number}"}
        read = msgspec.msgpack.encode({"evt.type": "openat"})
        one = replace(
            alert("x"),
            id=str(number),
            rule="Read",
            source="syscall",
            time=day * DAY + number,
            fields=given,
            read=read,
            count=count,
        )
        store.append([Arrival("syscall", [one])])
    store.close()
    return tmp_path


def test_stored_alerts(backtest, state):
    """Stored alerts are put to the rules as they are now; what they do not keep is not judged."""
    found = backtest(HOST, "--state-dir", str(state))
    rules = by_name(found)

    assert (0, 4, 2) == (found["events"], found["alerts"], found["days"])
    assert {"1970-01-02": 12, "1970-01-03": 1} == rules["Read"]["by_day"]
    assert (2, 0) == (rules["Read by cat"]["count"], rules["Read by cat"]["not_judged"])
    assert (0, 4) == (rules["Read as root"]["count"], rules["Read as root"]["not_judged"])
    assert any("only what raised an alert is stored" in note for note in found["notes"])


def test_one_event_counts_once(backtest, state, tmp_path):
    """Several alerts of one event count once for each rule."""
    store = Store(tmp_path / "state.db", Limits())
    read = msgspec.msgpack.encode({"evt.type": "openat"})
    given = {"proc.name": "cat", "fd.name": "/secret/0"}
    one = replace(alert("x"), id="other", rule="Old", source="syscall", time=DAY, fields=given, read=read)
    store.append([Arrival("syscall", [one])])
    store.close()

    assert {"1970-01-02": 12, "1970-01-03": 1} == by_name(backtest(HOST, "--state-dir", str(state)))["Read"]["by_day"]


@pytest.mark.parametrize(
    ("rules", "arguments", "message"),
    [
        (K8S, ("--logs", "none"), "none is not there"),
        (
            K8S,
            ("--logs", ".", "--source", "okta"),
            "no enabled rule is of source 'okta'; there are rules of: k8s_audit",
        ),
        (K8S, ("--logs", ".", "--source", "otka"), "there is no source 'otka'"),
        (HOST, ("--captures", "rules.yaml"), "rules.yaml"),
        (HOST, ("--state-dir", "none"), "none"),
        (HOST, ("--since", "soon"), "--since soon: give a time"),
        (
            "- {rule: a, desc: d, condition: evt.type = open, output: o, priority: INFO, enabled: false}",
            (),
            "no rule is en",
        ),
    ],
)
def test_errors(backtest, rules, arguments, message):
    """What cannot be read is an error with the status 2."""
    assert message in backtest(rules, *arguments, status=2)
