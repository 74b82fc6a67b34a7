"""falcohost actions, and what doctor and a dry run say of actions; the examples of docs/response.md."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from falcohost.alert import Priority
from falcohost.engine.alerts import AlertMaker
from falcohost.host.response.state import STOPPED
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing import skip_or_fail
from falcohost.testing.cli import run_cli

CONFIG = "engine: {kind: nodriver}\nstdout_output: {enabled: true}\n"


@pytest.fixture(scope="module")
def page(root):
    """Return the page."""
    return (root / "docs" / "response.md").read_text()


def blocks(page, language):
    """Return the code blocks of *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(tmp_path, page):
    """Return a function that runs a command with the configuration and the rule of the page."""
    block, rule = blocks(page, "yaml")
    (tmp_path / "falco.yaml").write_text(CONFIG + block)
    (tmp_path / "rules.yaml").write_text(rule)

    def run(*arguments, change=None):
        if change is not None:
            text = (tmp_path / "falco.yaml").read_text()
            assert change[0] in text
            (tmp_path / "falco.yaml").write_text(text.replace(*change))
        environment = {"FALCOHOST_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}
        first = ("-c", str(tmp_path / "falco.yaml"), "-r", str(tmp_path / "rules.yaml"))
        return run_cli(*first, *arguments, folder=tmp_path, environment=environment)

    return run


def test_what_is_bound(run):
    """It prints each action with the rules that cause it, and that nothing is done."""
    done = run("actions")

    assert (0, "") == (done.returncode, done.stderr)
    assert "Actions are only observed: actions.mode is not act." in done.stdout
    assert "kill_shell: sends SIGKILL to the tree\n  Shell in a container (syscall)\n" in done.stdout
    assert "freeze: freezes the container\n  Shell in a container (syscall)\n" in done.stdout


def test_json(run):
    """The same as JSON, with the order in which a rule causes its actions."""
    found = json.loads(run("actions", "--json").stdout)

    assert (True, "observe", False, []) == (found["enabled"], found["mode"], found["stopped"], found["last"])
    assert [["kill_shell", "page", "freeze", "collect"]] == [one["actions"] for one in found["rules"]]


@pytest.mark.parametrize(
    ("change", "idle"),
    [
        (None, "only observed: actions.mode is not act"),
        (("mode: observe", "mode: act"), None),
        (("enabled: true\n  mode", "enabled: false\n  mode"), "not taken: actions.enabled is not set"),
    ],
)
def test_a_rule_is_shown_with_its_actions(run, change, idle):
    """Explanations and descriptions have those that are bound and those that it asks for, and why none is taken."""
    names = ["kill_shell", "page", "freeze", "collect"]
    explain = ("rules", "explain", "--rule", "Shell in a container")
    (explained,) = json.loads(run(*explain, "--json", change=change).stdout)
    assert {"names": names, "idle": idle} == explained["actions"]
    told = f"  actions {', '.join(names)}{f' ({idle})' if idle else ''}\n"
    assert told in run(*explain).stdout

    (described,) = json.loads(run("-L", "-o", "json_output=true").stdout)["rules"]
    assert names == described["details"]["actions"]
    assert f"Actions: {', '.join(names)}" in run("-L").stdout


def test_what_was_done(run, tmp_path):
    """The last alerts about actions are printed."""
    (tmp_path / "state").mkdir(mode=0o700)
    store = Store(tmp_path / "state" / "state.db", Limits())
    made = AlertMaker("host").internal(
        "Falcohost internal: action",
        Priority.WARNING,
        "action 'x' has\ndone it",
        {"action": "x"},
        1_800_000_000_000_000_000,
    )
    store.append([Arrival("internal", [made])])
    store.close()

    assert "action 'x' has\N{REPLACEMENT CHARACTER}done it" in run("actions").stdout
    assert "x" == json.loads(run("actions", "--json", "--last", "1").stdout)["last"][0]["action"]


def test_commands_of_the_page(run, page, tmp_path):
    """Each command of the page works, without an agent, too; a stop outlives it."""
    (tmp_path / "state").mkdir(mode=0o700)
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]

    assert 3 == len(commands)
    for line in commands:
        program, *arguments = shlex.split(line)
        done = run(*arguments)
        assert ("falcohost", 0, "") == (program, done.returncode, done.stderr), line
        assert ("stop" in arguments) == (tmp_path / "state" / STOPPED).exists()


def test_stopped(run, tmp_path):
    """That all actions are stopped is said first."""
    (tmp_path / "state").mkdir(mode=0o700)
    run("actions", "stop")

    assert run("actions").stdout.startswith("All actions are stopped;")


def test_a_dry_run(run):
    """A dry run prints what would be acted on."""
    if os.geteuid() != 0 or not Path("/sys/kernel/btf/vmlinux").exists():
        skip_or_fail("bpf", "only root can open the source that the rule is for")
    done = run("--dry-run", "-o", "engine.kind=modern_ebpf")

    assert (0, True) == (done.returncode, "It would observe, and not act on, these rules:" in done.stdout)
    assert "  Shell in a container (syscall): kill_shell, page, freeze, collect\n" in done.stdout
    act = run("--dry-run", "-o", "engine.kind=modern_ebpf", "-o", "actions.mode=act")
    assert "It would act on these rules:" in act.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("Shell in a container]", "Shell in the container]"), "did you mean 'Shell in a container'?"),
        (("type: stop", "type: stopp"), "there is no action of type 'stopp'; there are kill, stop, program, http"),
        (("[container_escape]", "[container_escapes]"), "there is no tag 'container_escapes'; did you mean"),
        (("[freeze]", "[freze]"), "there is no action 'freze'; did you mean 'freeze'?"),
    ],
    ids=["rule", "type", "tag", "action"],
)
def test_mistakes(run, change, said):
    """A dry run, doctor and the command itself say what is wrong, and where."""
    dry = run("--dry-run", change=change)
    doctor, command = run("doctor"), run("actions")

    assert (1, 1, 1) == (dry.returncode, doctor.returncode, command.returncode)
    for text in (dry.stderr, doctor.stdout, command.stderr):
        assert re.search(r"falco\.yaml:\d+:\d+", text)
        assert said in text.replace("\n", " ") or said in re.sub(r"\s+", " ", text)


def test_a_rule_that_asks_for_what_there_is_not(run, tmp_path):
    """The place is that in the rules file."""
    text = (tmp_path / "rules.yaml").read_text()
    (tmp_path / "rules.yaml").write_text(text.replace("[collect]", "[colect]"))

    assert "rules.yaml:7:13: there is no action 'colect'; did you mean 'collect'?" in run("--dry-run").stderr


def test_thaw(run):
    """It names what is missing."""
    assert "name the cgroups, or give --all" in run("actions", "thaw").stderr
    assert "cannot be thawed" in run("actions", "thaw", "/no such cgroup").stderr
    assert "cannot be thawed" in run("actions", "thaw", "/../../etc").stderr
