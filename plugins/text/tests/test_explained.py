"""``falcohost rules explain`` and ``rules stats`` take records of a text log, and open nothing that is configured."""

import json

import pytest

from falcohost.testing.cli import run_cli

RULES = """
- {rule: Paid, desc: d, condition: text.user = ann and text.amount > 10, output: o, priority: INFO, source: shop}
- {rule: Lines, desc: d, condition: text.line contains two, output: o, priority: INFO, source: traces}
"""


@pytest.fixture
def falcohost(tmp_path):
    """Return a function that runs a command with two sources, each of which would run a program."""
    program = {"program": ["touch", str(tmp_path / "ran")], "restart": "always"}
    shop = {"name": "shop", "pattern": r"^(?P<user>\w+) paid (?P<amount>\d+)$", "types": {"amount": "number"}}
    traces = {"name": "traces", "first_line": "^ERROR"}
    sources = [source | program for source in (shop, traces)]
    config = {"load_plugins": ["text"], "plugins": [{"name": "text", "init_config": {"sources": sources}}]}
    (tmp_path / "falco.yaml").write_text(json.dumps(config))
    (tmp_path / "rules.yaml").write_text(RULES)

    def falcohost(*arguments, stdin=b""):
        done = run_cli("-c", "falco.yaml", "rules", *arguments, "--json", folder=tmp_path, stdin=stdin)
        assert (0, "") == (done.returncode, done.stderr)
        assert not (tmp_path / "ran").exists()
        return json.loads(done.stdout)

    return falcohost


@pytest.mark.parametrize(
    ("rule", "record", "fires"),
    [
        ("Paid", b"ann paid 11\n", True),
        ("Paid", b"ann paid 9", False),
        ("Paid", b"{} paid nothing", False),
        ("Lines", b"ERROR one\n  two\n", True),
    ],
)
def test_explain(falcohost, rule, record, fires):
    """A line is an event, and a record of several lines is one."""
    (explained,) = falcohost("explain", "rules.yaml", "--rule", rule, "--event", "-", stdin=record)

    assert fires is explained["event"]["fires"]


def test_stats(falcohost):
    """Each line is an event."""
    stats = falcohost(
        "stats", "rules.yaml", "--events", "-", "--source", "shop", stdin=b"ann paid 11\nbob paid 12\n" * 3
    )

    assert 6 == stats["events"]["sources"]["shop"]["events"]
