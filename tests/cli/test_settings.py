"""A start, ``--dry-run`` and ``doctor`` agree on settings of a source that are wrong, beside a source in order."""

import json
import signal

import pytest

from falcohost.engine.ruleset import Ruleset
from falcohost.errors import FalcohostError
from falcohost.host.agent_options import AgentOptions
from falcohost.host.checks import start_findings
from falcohost.host.config import load_config
from falcohost.host.loading import configured_plugins
from falcohost.host.sources import check_settings

SIZE = "plugin 'k8saudit': maxEventSize has to be a whole number from 1, not 'abc'"

#: By name: the block of a plugin with wrong settings, and a part of the reason.
WRONG = {
    "k8saudit": ({"name": "k8saudit", "open_params": "/dev/null", "init_config": {"maxEventSize": "abc"}}, SIZE),
    "k8saudit, nothing": ({"name": "k8saudit", "init_config": {"maxEventSize": 9}}, "k8saudit: open_params is not set"),
    "k8saudit, address": ({"name": "k8saudit", "open_params": "http://:abc/x"}, "'http://:abc/x' is not an address"),
    "k8saudit, token": (
        {"name": "k8saudit", "open_params": "http://:9765/x", "init_config": {"tokenFile": "/nowhere/token"}},
        "/nowhere/token",
    ),
    "cloudtrail, interval": (
        {"name": "cloudtrail", "open_params": "s3://b/", "init_config": {"s3Interval": "zz"}},
        "s3Interval 'zz' is not valid",
    ),
    "cloudtrail, accounts": (
        {"name": "cloudtrail", "open_params": "s3://b/", "init_config": {"s3AccountList": "me"}},
        "s3AccountList is not a list of account ids",
    ),
    "cloudtrail, scheme": ({"name": "cloudtrail", "open_params": "ftp://x"}, "open_params 'ftp://x' cannot be opened"),
    "okta, nothing": ({"name": "okta", "init_config": {"cacheUsersData": True}}, "neither open_params nor organiz"),
    "okta, clear text": ({"name": "okta", "init_config": {"url": "http://x.okta.com"}}, "in clear text; use https://"),
    "okta, since": (
        {"name": "okta", "init_config": {"organization": "x", "since": "soon"}},
        "since 'soon' is neither a time",
    ),
    "github, nothing": ({"name": "github", "init_config": {"useHTTPs": True}}, "github: open_params is not set"),
    "github, audit": ({"name": "github", "init_config": {"auditLog": "a/b/c"}}, "auditLog 'a/b/c' is not valid"),
    "json": ({"name": "json", "init_config": {"sources": [{"name": "x"}]}}, "the source 'x' has neither"),
    "text": ({"name": "text", "init_config": {"sources": [{"name": "x"}]}}, "the source 'x' has neither"),
    "text, pattern": (
        {"name": "text", "init_config": {"sources": [{"name": "x", "open_params": "/dev/null", "pattern": "("}]}},
        "pattern",
    ),
}


@pytest.mark.parametrize(("block", "reason"), WRONG.values(), ids=WRONG)
def test_all_refuse_settings_that_are_wrong(block, reason, tmp_path):
    """What a start says is what a dry run and the doctor say, though another source could run."""
    (tmp_path / "log").touch()
    entry = {"name": "app", "open_params": str(tmp_path / "log")}
    healthy = {"name": "text" if block["name"] == "json" else "json", "init_config": {"sources": [entry]}}
    blocks = [f"plugins[]={json.dumps(one)}" for one in (healthy, block)]
    names = [f"load_plugins[]={one['name']}" for one in (healthy, block)]
    config = load_config(None, ("engine.kind=nodriver", *blocks, *names))
    try:
        plugins = configured_plugins(config)
    except FalcohostError as error:  # refused before any command looks at its sources
        assert reason in str(error)
        return
    with pytest.raises(FalcohostError) as refused:
        check_settings(config, plugins, Ruleset(), AgentOptions())
    stops = [one for one in start_findings(config, plugins, Ruleset(), AgentOptions()) if one.problem and one.stops]

    assert reason in str(refused.value)
    assert str(refused.value).splitlines() == [f"{one.source}: {one.problem}" for one in stops]


BLOCK = """
load_plugins: [numbers, k8saudit]
plugins:
  - {name: numbers, init_config: {numbers: {interval: 0.1}}}
  - {name: k8saudit, open_params: LOG, init_config: {maxEventSize: SIZE}}
"""
AUDIT_RULE = "\n- {rule: A, desc: d, condition: ka.verb = x, output: o, priority: INFO, source: k8s_audit}\n"
CHOSEN = ("--enable-source", "numbers", "--enable-source", "k8s_audit")


@pytest.fixture
def configured(setup, tmp_path):
    """Return a function that writes a configuration of two sources, and returns the command line."""

    def configured(log, size):
        command = setup(rules=(RULES + AUDIT_RULE))
        text = "engine: {kind: nodriver}\nlog_syslog: false\n" + BLOCK.replace("LOG", str(log)).replace("SIZE", size)
        (tmp_path / "falco.yaml").write_text(text)
        return [*command, *CHOSEN]

    return configured


RULES = "- {rule: N, desc: d, condition: number.value > 0, output: n, priority: INFO, source: numbers}"


def test_a_start_with_wrong_settings_beside_a_healthy_source(program, falcohost, configured):
    """It ends at once, with the words of the dry run, instead of trying one source again and again."""
    command = configured("/dev/null", "abc")
    started, dry, doctor = program(*command), falcohost(*command, "--dry-run"), falcohost(*command, "doctor")

    assert (1, 1, 1) == (started.returncode, dry.returncode, doctor.returncode)
    assert f"k8s_audit: {SIZE}" in started.stderr
    assert "starting it again" not in started.stderr
    assert f"k8s_audit: {SIZE}" in dry.stderr
    assert f"MISS  k8s_audit: its settings are valid: {SIZE}" in doctor.stdout


def test_a_log_that_is_not_there_yet_beside_a_healthy_source(agent, falcohost, configured, tmp_path):
    """That is no mistake in the settings: the agent runs, and tries it again; a dry run passes, and warns."""
    command = configured(tmp_path / "later.jsonl", "1000")
    dry, doctor = falcohost(*command, "--dry-run"), falcohost(*command, "doctor")
    running = agent(*command)
    running.wait_for("later.jsonl: No such file or directory; starting it again")
    running.wait_for_alerts(1)

    assert (0, 1) == (dry.returncode, doctor.returncode)
    assert "k8s_audit: k8saudit: cannot read" in dry.stderr
    assert 0 == running.end()


def test_a_log_that_is_not_there_without_another_source(program, falcohost, configured, tmp_path):
    """Then nothing would run: a start ends, and a dry run says so."""
    command = [*configured(tmp_path / "never.jsonl", "1000")[:-4], "--enable-source", "k8s_audit"]
    started, dry = program(*command), falcohost(*command, "--dry-run")

    assert (1, 1) == (started.returncode, dry.returncode)
    assert "never.jsonl: No such file or directory" in started.stderr
    assert "never.jsonl: No such file or directory" in dry.stderr


def test_a_reload_with_wrong_settings(agent, configured, tmp_path):
    """It is refused with an alert, and the agent goes on as it was."""
    (tmp_path / "audit.jsonl").touch()
    running = agent(*configured(tmp_path / "audit.jsonl", "1000"), "-o", "watch_config_files=false")
    running.wait_for_alerts(1)
    configured(tmp_path / "audit.jsonl", "abc")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(f"k8s_audit: {SIZE}")
    seen = len(running.alerts)
    running.wait_for_alerts(seen + 3)

    assert 0 == running.end()
    assert any("Falco internal: hot restart failure" in str(alert) for alert in running.alerts)
