"""``falcohost tune``: proposals from stored alerts and verdicts, checked with the engine, in a file that loads."""

import json

import msgspec
import pytest
import yaml
from msgspec.structs import replace

from falcohost.cli.tune_proposals import Row, is_plain, proposals
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.orders import GiveVerdict, carry_out
from falcohost.store.store import Store
from falcohost.testing.cli import run_cli
from falcohost.testing.outputs import alert

RULES = """
- list: shell_names
  items: [sh, bash]
- rule: Odd read
  desc: Something is read.
  condition: evt.type = openat and fd.name startswith /secret
  output: Read (process=%proc.name parent=%proc.pname file=%fd.name pid=%proc.pid)
  priority: NOTICE
  exceptions:
  - name: tuned_proc_name_proc_pname
    fields: [proc.name]
    comps: [=]
    values: [[never]]
- rule: Other
  desc: Nothing is stored of it.
  condition: evt.type = close
  output: Closed
  priority: NOTICE
"""


class Tuned:
    """A state and rules in *folder*."""

    def __init__(self, folder):
        self.folder = folder
        self.store = Store(folder / "state.db", Limits())
        self.count = 0
        (folder / "rules.yaml").write_text(RULES)
        (folder / "falco.yaml").write_text("engine: {kind: nodriver}\nstdout_output: {enabled: true}\n")

    def add(self, number, verdict="", name="backup", parent="cron", file="/secret/a", **fields):
        """Store so many alerts with these values and this verdict."""
        for _ in range(number):
            self.count += 1
            given = {"proc.name": name, "proc.pname": parent, "fd.name": file, "proc.pid": self.count, **fields}
            read = msgspec.msgpack.encode({"evt.type": "openat"})
            one = replace(alert("x"), id=str(self.count), rule="Odd read", source="syscall", fields=given, read=read)
            self.store.append([Arrival("syscall", [one])])
            if verdict:
                carry_out(self.store, GiveVerdict(str(self.count), verdict), 0, 1)

    def run(self, *arguments):
        """Run ``falcohost tune`` with these arguments."""
        given = ["-c", self.folder / "falco.yaml", "-r", self.folder / "rules.yaml", "tune", *arguments]
        return run_cli(*map(str, given), "--state-dir", str(self.folder), folder=self.folder)

    def found(self, *arguments):
        """Return the proposals."""
        done = self.run("Odd read", "--json", *arguments)
        assert (0, "") == (done.returncode, done.stderr)
        return json.loads(done.stdout)


@pytest.fixture
def tuned(tmp_path):
    """Return a state without alerts."""
    return Tuned(tmp_path)


def test_what_false_alarms_share(tuned):
    """The first proposal has the fields that false alarms share, removes no true alert, and says what it removes."""
    tuned.add(12, "false")
    tuned.add(3, "benign", file="/secret/b")
    tuned.add(2, "true", name="backup", parent="bash")
    tuned.add(4)
    tuned.add(1, name="other")
    first, *others = tuned.found()

    assert {"proc.name", "proc.pname", "fd.name"} == set(first["fields"])
    assert {"false": 12, "benign": 3, "true": 0, "without_verdict": 4} == first["removed"]
    assert all(0 == one["removed"]["true"] for one in others)
    assert ["proc.name"] not in [one["fields"] for one in others]
    item = yaml.safe_load(first["yaml"])[0]
    assert ("Odd read", {"exceptions": "append"}) == (item["rule"], item["override"])
    text = tuned.run("Odd read").stdout
    assert text.startswith("Odd read: 22 stored alerts: 12 false, 3 benign, 2 true, 5 without a verdict\n")
    assert "removes 19 of 22: 12 false, 3 benign, 0 true, 4 without a verdict" in text


def test_written(tuned, tmp_path):
    """The file loads behind the rule, its exception has a new name, and nothing is written over."""
    tuned.add(6, "false", file="/secret/a b")
    path = tmp_path / "tuned.yaml"
    done = tuned.run("Odd read", "--write", path, "--pick", "1")
    assert (0, "") == (done.returncode, done.stderr)
    assert f"Proposal 1 is in {path}. Name it in rules_files behind the file of the rule." in done.stdout

    checked = run_cli("-V", str(tmp_path / "rules.yaml"), "-V", str(path), folder=tmp_path)
    assert 0 == checked.returncode
    explained = run_cli(
        "rules", "explain", str(tmp_path / "rules.yaml"), str(path), "--rule", "Odd read", folder=tmp_path
    )
    assert "/secret/a b" in explained.stdout
    again = tuned.run("Odd read", "--write", path)
    assert (1, f"Error: {path} exists already; name a new file\n") == (again.returncode, again.stderr)
    assert "there are" in tuned.run("Odd read", "--write", path, "--pick", "9").stderr


def test_a_name_that_is_taken(tuned):
    """An exception that is there already keeps its name and its values."""
    tuned.add(6, "false")
    names = {yaml.safe_load(one["yaml"])[0]["exceptions"][0]["name"] for one in tuned.found()}

    assert "tuned_proc_name_proc_pname" not in names


def test_hostile_values(tuned):
    """Values that would mean something else in a rules file are not proposed, whatever things are called."""
    for name in ("shell_names", "or", 'x" or evt.num>0 or proc.name="', "a'b", "a\\b", "(a)", "a,b", "a\nb", "é", "~"):
        tuned.add(3, "false", name=name, parent=name, file="/secret/" + name)

    assert [] == [one for one in tuned.found() if one["fields"] != ["fd.name"]]
    assert {"/secret/shell_names", "/secret/or", "/secret/~"} >= {
        value for one in tuned.found() for values in one["values"] for value in values
    }


def test_true_alerts_that_stand_for_several(tuned):
    """A true alert that stands for many matches keeps the values of each of them from being excepted."""
    tuned.add(20, "false")
    tuned.add(1, "true", name="evil", **{"falcohost.values.proc.name": ["evil", "backup"], "falcohost.same": "actor"})
    assert [] == [one for one in tuned.found() if "proc.name" in one["fields"]]

    tuned.add(1, "true", name="evil", **{"falcohost.left_out": 5, "falcohost.same": "rule"})
    assert [] == tuned.found()


def test_mistakes(tuned):
    """Nothing to learn from, no such rule, no alert: a sentence each."""
    tuned.add(5)
    for arguments, problem in (
        (
            ("Odd read",),
            "none of the 5 stored alerts of the rule has the verdict false or benign; falcohost",
        ),
        (("Odd raed",), "no rule is called 'Odd raed'; did you mean 'Odd read'?"),
        (("Other",), "no alert of the rule 'Other' is stored"),
    ):
        done = tuned.run(*arguments)
        assert (1, "") == (done.returncode, done.stdout)
        assert problem in done.stderr
    assert 5 == tuned.found("--unjudged")[0]["removed"]["without_verdict"]


def test_what_comes_seldom_is_no_reason():
    """One combination that most of the noise has is better than many that a little more of it happens to have."""
    odd = [Row({"user": f"u{number}", "n": str(number)}, "false") for number in (1, 2, 3, 3)]
    rows = [*odd, *(Row({"user": "backup", "n": str(number)}, "false") for number in (1, 2, 3, 4, 4, 5))]

    assert ("user",) == proposals(rows, {"false"}, set())[0].fields


def test_several_are_needed():
    """Values of a single alert among many are no pattern; numbers of processes and events are none either."""
    rows = [Row({"a.name": str(number), "proc.pid": "7", "evt.num": "7"}, "false") for number in range(50)]
    assert [] == proposals(rows, {"false"}, set())
    rows += [Row({"a.name": "often"}, "false")] * 20

    assert [(("a.name",), (("often",),), (20,))] == [
        (one.fields, one.values, one.counts) for one in proposals(rows, {"false"}, set())
    ]


@pytest.mark.parametrize("value", ["", " a", "a  b", "and", "List", "x" * 300, "a#b", "$(id)", "%a", "[a", "a\u202eb"])
def test_what_is_not_plain(value):
    """A value that is empty, a word of the language, a list, or has other letters is not plain."""
    assert not is_plain(value, {"List"})
    assert is_plain("/usr/bin/a-b_c.d:e@f+g", {"List"})
