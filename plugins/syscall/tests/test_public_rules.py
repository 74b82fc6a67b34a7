"""Falco's public stable rules, all of them, fired by real commands, each with a harmless twin that fires none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from falcohost.engine.catalog import Catalog
from falcohost_syscall.fields.rows import FIELDS

#: What the agent is told that the API server's name means; every machine has this address.
SERVER_ADDRESS = "127.9.9.9"

#: For each rule a command line that fires it and one that is close but fires nothing; conftest says how to read them.
LINES = {
    "Directory traversal monitored file read": (
        "@reader open read $tmp/../../../../../../etc/passwd",
        "@reader open read /etc/passwd",
    ),
    "Read sensitive file trusted after startup": (
        "@nginx after 5.2 open read /etc/shadow",
        "@nginx after 5.2 open read /etc/hostname",
    ),
    "Read sensitive file untrusted": ("@cat /etc/shadow", "@cat /etc/hostname"),
    "Run shell untrusted": ("@nginx run @sh -c :", "@builder run @sh -c :"),
    "System user interactive": ("@sshd child as 1 exec @true", "@sshd child exec @true"),
    "Terminal shell in container": (
        "@runc cgroup $cgroup terminal exec @sh -c :",
        "@runc cgroup $cgroup run @sh -c :",
    ),
    "Contact K8S API Server From Container": (
        f"@runc cgroup $cgroup exec @client connect {SERVER_ADDRESS} 0",
        "@runc cgroup $cgroup exec @client connect 127.0.0.1 0",
    ),
    "Netcat Remote Code Execution in Container": (
        "@nc cgroup $cgroup exec @nc noop -e /bin/sh",
        "@nc cgroup $cgroup exec @nc noop -z localhost",
    ),
    "Search Private Keys or Passwords": ("@find $tmp -name id_rsa", "@find $tmp -name readme"),
    "Clear Log Activities": ("@eraser open truncate $tmp/auth.log", "@logger open append $tmp/auth.log"),
    "Remove Bulk Data from Disk": ("@shred noop", "@shrink noop"),
    "Create Symlink Over Sensitive Files": (
        "@linker symlink /etc/shadow $tmp/s",
        "@linker symlink /etc/hostname $tmp/s",
    ),
    "Create Hardlink Over Sensitive Files": (
        "@linker private /etc made /etc/shadow link /etc/shadow /etc/h",
        "@linker private /etc made /etc/hostname link /etc/hostname /etc/h",
    ),
    "Packet socket created in container": (
        "@runc cgroup $cgroup exec @sniffer socket packet",
        "@runc cgroup $cgroup exec @sniffer socket inet",
    ),
    "Redirect STDOUT/STDIN to Network Connection in Container": (
        "@runc cgroup $cgroup exec @shell redirect 0",
        "@runc cgroup $cgroup exec @shell redirect 9",
    ),
    "Linux Kernel Module Injection Detected": (
        "@runc cgroup $cgroup exec @loader module init",
        "@runc cgroup $cgroup as 65534 exec @loader module init",
    ),
    "Debugfs Launched in Privileged Container": (
        "@tester cgroup $cgroup pids exec @debugfs noop",
        "@tester cgroup $cgroup pids exec @other noop",
    ),
    "Detect release_agent File Container Escapes": (
        "@runc cgroup $cgroup exec @escape open write $tmp/release_agent",
        "@runc cgroup $cgroup exec @escape open write $tmp/release_notes",
    ),
    "PTRACE attached to process": ("@tracer trace attach", "@tracer trace nobody"),
    "PTRACE anti-debug attempt": ("@tracee trace traceme", "@tracee trace nobody"),
    "Find AWS Credentials": (
        "@grep -vc aws_secret_access_key /etc/passwd",
        "@grep -vc aws_region /etc/passwd",
    ),
    "Execution from /dev/shm": ("$shm/@dropped noop", "@installed noop"),
    "Drop and execute new binary in container": (
        "@runc overlay $tmp cgroup $cgroup exec $tmp/root/new noop",
        "@runc overlay $tmp cgroup $cgroup exec $tmp/root/old noop",
    ),
    "Disallowed SSH Connection Non Standard Port": (
        "@ssh network 203.0.113.1 connect 203.0.113.1 443",
        "@ssh network 203.0.113.1 connect 203.0.113.1 22",
    ),
    "Fileless execution via memfd_create": ("@loader memory @payload noop", "@loader exec @payload noop"),
}


@pytest.fixture(scope="module")
def rules_file(corpus):
    """Return the rules file."""
    return corpus / "rules" / "falco_rules.yaml"


def every_field():
    """Return settings with which alerts have all fields that need no argument, for bench/drivers.py."""
    refs = (Catalog("syscall", FIELDS).resolve(field.name, None) for field in FIELDS if not field.arg_required)
    names = [ref.field.name for ref in refs if not ref.field.filter_only]
    return {"append_output": [{"match": {"source": "syscall"}, "extra_fields": names}]}


@pytest.fixture(scope="module")
def fired(start_agent, provocations, rules_file, driver, tmp_path_factory):
    """Run all lines under one agent and return the rules that fired for each.

    The alerts go to the folder that FALCOHOST_RESULTS names, if it does, with all their fields.
    """
    results = os.environ.get("FALCOHOST_RESULTS")
    hosts = tmp_path_factory.mktemp("etc") / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{SERVER_ADDRESS} kubernetes.default.svc.cluster.local\n")
    with_hosts = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts))
    agent = start_agent(rules_file, before=with_hosts, settings=every_field() if results else {})
    fires = {name: line for name, (line, _) in LINES.items()}
    twins = {f"twin of {name}": line for name, (_, line) in LINES.items()}

    provocations.run({**fires, **twins})
    provocations.run({"last": "@cat /etc/shadow"})
    agent.wait_for(lambda alert: provocations.is_about(alert, "last"))
    assert agent.stop() == 0
    if results:
        told = {key: [one for one in agent.alerts if provocations.is_about(one, key)] for key in [*fires, *twins]}
        (Path(results) / f"{driver}.json").write_text(json.dumps(told))
    return {key: provocations.rules_fired(agent, key) for key in [*fires, *twins]}


def test_all_rules_are_here(rules_file):
    """Every rule of the public stable set has its lines here."""
    names = {item["rule"] for item in yaml.safe_load(rules_file.read_text()) if "rule" in item}

    assert names == set(LINES)


@pytest.mark.parametrize("rule", LINES)
def test_fires(fired, rule):
    """The rule, and no other, fires for its command."""
    assert fired[rule] == {rule}


@pytest.mark.parametrize("rule", LINES)
def test_twin_fires_nothing(fired, rule):
    """No rule fires for the harmless twin."""
    assert fired[f"twin of {rule}"] == set()
