"""Evasion: each technique of tester/evasion is seen by the rules that the tables beside it name, and by no others."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from falcohost.testing import skip_or_fail

ROOT = Path(__file__).resolve().parents[3]
OWN = sorted((ROOT / "plugins" / "syscall" / "falcohost_syscall" / "rules").glob("*.yaml"))
PUBLIC = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")

#: What a technique's program exits with where the kernel or the machine lacks what it needs.
CANNOT_HERE = 77

#: How often all is done again if the agent says that it has lost events to a flood of the rest of the machine.
ROUNDS, LOST = 5, "source 'syscall' has lost"

#: Tells that what plays a server, or sshd, is not installed, and nothing of the technique.
OF_THE_PROGRAM = {"Program with a name of the system's"}

#: All rules that match an event fire, and each alert says in which session it happened.
SETTINGS = {"rule_matching": "all", "append_output": [{"extra_fields": ["proc.sid"]}]}


def load_page():
    """Return the module that writes docs/evasion.md, and reads the tables."""
    path = ROOT / "docs" / "evasion_page.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGE = load_page()
TECHNIQUES = {
    name: (technique, (technique.line or group.line).format(name))
    for group in PAGE.GROUPS
    for name, technique in group.techniques.items()
}


@pytest.fixture(scope="module")
def public_rules(corpus):
    """Return the files of public rules, in the order in which Falco loads them."""
    return [corpus / "rules" / name for name in PUBLIC]


@pytest.fixture(scope="module")
def run(start_agent, provocations, public_rules):
    """Run all techniques under one agent; return the ended processes and the alerts."""
    for _ in range(ROUNDS):
        agent = start_agent(*public_rules, *OWN, settings=SETTINGS)
        ended = attempt_all(agent, provocations)
        if LOST not in agent.log:
            break
    return ended, agent.alerts


def attempt_all(agent, provocations):
    """Run all techniques until the agent has told of the last, and end it; return the ended processes."""
    ended = provocations.attempt({name: line for name, (_, line) in TECHNIQUES.items()})
    ended |= provocations.attempt({"last": "@miner name kworker/last"})
    agent.wait_for(lambda alert: LOST in agent.log or session(alert) == ended["last"].pid)
    assert agent.stop() == 0
    return ended


def session(alert):
    """Return the session in which it happened, which belongs to one technique; None of the agent's own alerts."""
    return alert["output_fields"].get("proc.sid")


@pytest.fixture(scope="module")
def fired(run):
    """Return by session the names of the rules that fired."""
    fired = defaultdict(set)
    for alert in run[1]:
        fired[session(alert)].add(alert["rule"])
    return fired


@pytest.fixture(scope="module")
def hooked(bpf):
    """Return whether the kernel says to what the paths of a call lead."""
    from falcohost_syscall.drivers.modern_ebpf import hooks
    from falcohost_syscall.kernel.libbpf import Library
    from falcohost_syscall.kernel.programs import Kernel

    return bool(hooks.find(Kernel(Library())))


@pytest.mark.parametrize("name", TECHNIQUES)
def test_seen(run, fired, hooked, name):
    """The rules that fire are those that the table names; where none fires, it says so."""
    technique, line = TECHNIQUES[name]
    process = run[0][name]
    if process.code == CANNOT_HERE:
        skip_or_fail("evasion", f"{name}: {process.errors}")

    assert process.code == 0, f"{line}: {process.errors}"
    seen = {*technique.seen.public, *technique.seen.own, *(technique.hooked if hooked else ())}
    assert seen == fired[process.pid] - OF_THE_PROGRAM


def test_arguments_are_those_of_the_start(run):
    """An alert tells with what a process was started, whatever it has written over its arguments since."""
    ended, alerts = run
    told = [alert["output_fields"] for alert in alerts if session(alert) == ended["name-arguments"].pid]

    assert {"injector name-arguments"} == {fields["proc.cmdline"] for fields in told if "proc.cmdline" in fields}


def test_no_alert_is_astray(run, provocations):
    """Each alert about the techniques' programs and files is from a technique's session."""
    ended, alerts = run
    sessions = {process.pid for process in ended.values()}

    assert [alert for alert in alerts if provocations.mentions(alert) and session(alert) not in sessions] == []


def test_names_are_rules(public_rules):
    """The tables take for public rules, with their maturity, and for our own, what the files say are such."""
    public = {rule["rule"]: rule for path in public_rules for rule in items(path)}
    own = {rule["rule"] for path in OWN for rule in items(path)}
    seen = [technique.seen for technique, _ in TECHNIQUES.values()]

    assert {name: f"maturity_{level}" for name, level in PAGE.MATURITY.items()} == {
        name: public[name]["tags"][0] for name in PAGE.MATURITY
    }
    assert {name for each in seen for name in each.public} == set(PAGE.MATURITY)
    assert {name for each in seen for name in each.own} <= own


def items(path):
    """Return the rules of a file, as they are written."""
    return [item for item in yaml.load(path.read_text(), yaml.BaseLoader) if "rule" in item]


def test_page_is_up_to_date():
    """docs/evasion.md is what script/evasion would write."""
    assert PAGE.page() == PAGE.PAGE.read_text(), "run script/evasion"
