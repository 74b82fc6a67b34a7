"""``doctor`` and ``--dry-run`` check what a start checks, for what is configured, and end with one line."""

import json
import os
import re

import pytest

from falcohost.testing.cli import run_cli

#: By name, options that a start refuses, and a part of the reason.
REFUSED = {
    "source": (["-o", "plugins[0].init_config.lacks=grow some", "--disable-source", "others"], "grow some"),
    "rules": (["-r", "bad.yaml"], "bad.yaml"),
    "output": (
        ["-o", "file_output={enabled: true, filename: /nowhere/alerts}"],
        "failed to open output file /nowhere/alerts: No such file or directory",
    ),
    "folder": (
        ["-o", "file_output={enabled: true, filename: /etc}"],
        "failed to open output file /etc: Is a directory",
    ),
    "no output": (["-o", "stdout_output.enabled=false"], "No output configured"),
    "key": (["-o", "falcohost.names=foo"], "falcohost.names has to be one of all, requested, not 'foo'"),
    "pidfile": (["-P", "/nowhere/pid"], "Could not write pid to pidfile /nowhere/pid: No such file or directory"),
    "no source": (["--disable-source", "numbers", "--disable-source", "others", "--disable-source", "syscall"], "Must"),
}


@pytest.fixture
def command(setup, tmp_path):
    """Return the options of a configuration that is in order, with rules that are not next to it."""
    (tmp_path / "bad.yaml").write_text("- rule: {")
    return setup()


@pytest.mark.parametrize(("options", "reason"), REFUSED.values(), ids=REFUSED)
def test_dry_run_refuses_what_a_start_refuses(falcohost, command, options, reason):
    """The status is 1 and the reason is there, without an agent having been started."""
    done = falcohost(*command, *options, "--dry-run")

    assert (1, "") == (done.returncode, done.stdout)
    assert reason in done.stderr.partition("Error: ")[2]


@pytest.mark.parametrize(("options", "reason"), REFUSED.values(), ids=REFUSED)
def test_the_doctor_says_what_a_start_refuses(falcohost, command, options, reason):
    """Each problem is one finding, and the other findings are there as well."""
    found = falcohost(*command, *options, "doctor")

    (line,) = [line for line in found.stdout.splitlines() if line.startswith("MISS")]
    text = found.stdout.partition(line)
    assert reason in line + text[2]
    assert "ok    state directory: it can be used\n" in found.stdout
    assert found.stdout.splitlines()[-1].startswith("1 of ")
    assert 1 == found.returncode


@pytest.mark.parametrize("option", ["http_output={enabled: true, url: foo}", "priority=loud", "foo"])
def test_the_doctor_says_what_is_wrong_with_the_configuration(falcohost, command, option):
    """It is a finding as any other is, for scripts too; without a configuration nothing else can be checked."""
    told, rows = (falcohost(*command, "-o", option, "doctor", *more) for more in ((), ("--json",)))

    assert told.stdout.startswith("MISS  configuration: it is valid: ")
    assert "1 of 1 checks failed." == told.stdout.splitlines()[-1]
    (row,) = json.loads(rows.stdout)
    assert option.partition("=")[0] in row["problem"]
    assert (1, 1) == (told.returncode, rows.returncode)


def test_a_dry_run_without_a_source(falcohost, command):
    """A source that the settings switch off is told once, and the last line says that none is left."""
    done = falcohost(*command, "--enable-source", "syscall", "--dry-run")

    assert 1 == done.stderr.count("will be opened with no driver")
    assert "falcohost would start, but open no source: all that are needed are switched off.\n" == done.stdout


def test_several_problems_are_told_at_once(falcohost, command):
    """A dry run does not stop at the first."""
    options = [part for name in ("source", "output", "pidfile") for part in REFUSED[name][0]]
    error = falcohost(*command, *options, "--dry-run").stderr.partition("Error: ")[2]

    assert ["falcohost would not start:", "pidfile", "output file", "numbers"] == [
        line if line.startswith("falcohost") else line.partition(": ")[0] for line in error.splitlines()
    ]


@pytest.mark.parametrize("state", ["a file", "open to all", "below a file", "in proc"])
def test_a_state_directory_that_cannot_be_used(falcohost, command, tmp_path, state):
    """The doctor misses it; a start only warns, and so does a dry run. Neither makes one."""
    if state == "open to all":
        (tmp_path / "state").mkdir()
        (tmp_path / "state").chmod(0o777)
    elif state != "in proc":
        (tmp_path / "state").touch()
    where = {"below a file": "state/below", "in proc": "/proc/falcohost"}.get(state, "state")
    options = ["-o", f"falcohost.state_dir={tmp_path / where}"]
    doctor, dry = falcohost(*command, *options, "doctor"), falcohost(*command, *options, "--dry-run")

    assert "MISS  state directory: it can be used: " in doctor.stdout
    assert (1, 0) == (doctor.returncode, dry.returncode)
    assert "state directory: " in dry.stderr
    assert str(tmp_path / where) in dry.stderr


def test_a_full_disk(falcohost, command, small_disk, tmp_path):
    """Doctor and dry run say that the state has no room, and that the file of an output has none; nothing is left."""
    small_disk("64k")
    disk = tmp_path / "state"
    options = ["-o", f"falcohost.state_dir={disk}/state"]
    full = "No space left on device"
    dry = falcohost(*command, *options, "--dry-run")
    assert f"state directory: the state directory {disk}/state cannot be used: {full}" in dry.stderr
    assert [] == [*disk.iterdir()]

    (disk / "alerts").write_bytes(bytes(64 << 10))
    options += ["-o", "file_output.enabled=true", "-o", f"file_output.filename={disk}/alerts"]
    doctor, dry = falcohost(*command, *options, "doctor"), falcohost(*command, *options, "--dry-run")
    assert f"MISS  state directory: it can be used: the state directory {disk}/state cannot" in doctor.stdout
    assert re.search(f"MISS  output file: it can be opened: .*{full}", doctor.stdout)
    assert f"output file: the output file {disk}/alerts cannot be written: {full}" in dry.stderr
    assert 0 == dry.returncode


def test_a_state_directory_of_another_agent(agent, falcohost, setup, until):
    """The directory that the running agent holds is in order: its successor is checked beside it."""
    command = setup(numbers={"count": 1, "interval": 60})
    running = agent(*command)
    running.wait_for("Ready after")

    assert "ok    state directory: it can be used\n" in falcohost(*command, "doctor").stdout
    assert 0 == falcohost(*command, "--dry-run").returncode


def test_only_what_is_configured_is_checked(falcohost, tmp_path):
    """Plugins that are installed and not configured are not asked, and neither are sources that no rule needs."""
    (tmp_path / "log.jsonl").touch()
    (tmp_path / "rules.yaml").write_text(
        "- {rule: J, desc: d, condition: 'json.value[/a] = x', output: o, priority: INFO, source: app}"
    )
    block = {"name": "json", "init_config": {"sources": [{"name": "app", "open_params": str(tmp_path / "log.jsonl")}]}}
    config = {"load_plugins": ["json"], "plugins": [block], "rules_files": ["rules.yaml"], "log_syslog": False}
    (tmp_path / "falco.yaml").write_text(json.dumps(config))
    environment = os.environ | {"FALCOHOST_STATE_DIR": str(tmp_path / "state")}
    done = run_cli("-c", "falco.yaml", "doctor", folder=tmp_path, environment=environment)

    assert [
        "ok    configuration: it is valid",
        "ok    files: only root, and falcohost's user, can change them",
        "ok    rules: they are valid",
        "ok    state directory: it can be used",
        "ok    output stdout: it can be opened",
        "ok    app: open_params can be read",
        "Nothing is missing.",
    ] == [line for line in done.stdout.splitlines() if "runs as " not in line]
    assert 0 == done.returncode


def test_settings_of_a_source_that_no_rule_needs_yet(falcohost, command, tmp_path):
    """A dry run reads them: a reload with new rules would need them."""
    block = "{name: k8saudit, init_config: {maxEventSize: abc}}"
    done = falcohost(*command, "-o", "load_plugins[]=k8saudit", "-o", f"plugins[]={block}", "--dry-run")

    assert "k8s_audit: plugin 'k8saudit': maxEventSize has to be a whole number from 1, not 'abc'" in done.stderr
    assert 1 == done.returncode
