"""Files that other users could change: refused at start and at a reload; each accepted reload is an alert."""

import os
import signal

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of several users")

FAILURE = "Falco internal: hot restart failure"
RELOADED = "Falcohost internal: reload"
USER = 4321


def internal(running, rule):
    """Return the alerts of the internal *rule*."""
    return [alert for alert in running.alerts if alert["rule"] == rule]


@pytest.fixture
def command(setup):
    """Return a command line that prints JSON."""
    config = "json_output: true\nwatch_config_files: true\nfalcohost: {watch_interval: 0.2}"
    return [*setup(config), "--enable-source", "numbers"]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("falco.yaml", "the configuration file"),
        ("rules.yaml", "the rules file"),
    ],
)
def test_a_start(falcohost, command, tmp_path, name, what, dry):
    """What others may write to is refused, with the file, what is wrong and what mends it; and not with the option."""
    (tmp_path / name).chmod(0o777)
    ended = falcohost(*command, *dry, "-M", "1")

    assert 1 == ended.returncode
    assert f"{what} {tmp_path / name} is refused, since other users could change it: {tmp_path / name}" in ended.stderr
    assert f"may be written by others (mode 0777); chmod o-w {tmp_path / name}, or" in ended.stderr
    assert 0 == falcohost(*command, *dry, "-M", "1", "-o", "falcohost.trust_files=true").returncode


def test_the_state(falcohost, command, tmp_path):
    """A state directory below a folder of another user is not used: the agent keeps its alerts in memory."""
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", USER, USER)
    state = tmp_path / "theirs" / "state"
    ended = falcohost(*command, "-M", "1", "-o", f"falcohost.state_dir={state}")

    assert 0 == ended.returncode
    assert f"other users can change the state directory {state}: {tmp_path}/theirs belongs to uid 4321" in ended.stderr
    assert not list(state.glob("*.db"))


def test_the_key_in_a_file(falcohost, setup, tmp_path):
    """It counts for rules; a configuration file that others may write to cannot ask to be trusted."""
    command = [*setup("falcohost: {trust_files: true}"), "--enable-source", "numbers", "--dry-run"]
    os.chown(tmp_path / "rules.yaml", USER, USER)

    assert 0 == falcohost(*command).returncode
    os.chown(tmp_path / "falco.yaml", USER, USER)
    ended = falcohost(*command)
    assert 1 == ended.returncode
    assert "belongs to uid 4321; chown root" in ended.stderr
    assert "or start with -o falcohost.trust_files=true" in ended.stderr


def test_a_folder_of_rules(falcohost, setup, tmp_path):
    """A folder to which others may add rules is refused, also if it is sticky."""
    command = setup()
    folder = tmp_path / "rules.d"
    folder.mkdir()
    (tmp_path / "rules.yaml").rename(folder / "rules.yaml")
    folder.chmod(0o1777)
    ended = falcohost(*command[:2], "-r", str(folder), "--enable-source", "numbers", "--dry-run")

    assert 1 == ended.returncode
    assert f"the folder of rules {folder} is refused" in ended.stderr


def test_what_only_reads(falcohost, command, tmp_path):
    """Rules of another user can be validated, with a warning, and described; doctor says what is wrong."""
    rules = tmp_path / "rules.yaml"
    os.chown(rules, USER, USER)

    validated = falcohost("-V", str(rules), *command[:2])
    assert 0 == validated.returncode
    assert f"an agent would not start with this file: the rules file {rules} is refused" in validated.stderr
    assert 0 == falcohost(*command, "-L").returncode
    examined = falcohost(*command, "doctor")
    assert (
        f"files: only root, and falcohost's user, can change them: the rules file {rules} is refused" in examined.stdout
    )


def test_a_file_that_others_empty(agent, command, tmp_path, until):
    """A rules file that others may write to is not taken over, whatever is in it: an alert says why, the rules stay."""
    running = agent(*command)
    running.wait_for_alerts(3)
    rules = tmp_path / "rules.yaml"
    rules.chmod(0o666)
    rules.write_text("")
    (alert,) = until(lambda: internal(running, FAILURE))

    assert "Critical" == alert["priority"]
    assert f"the rules file {rules} is refused, since other users could change it" in alert["output_fields"]["reason"]
    seen = len(running.alerts)
    running.wait_for_alerts(seen + 5)
    assert [] == internal(running, RELOADED)


def test_an_accepted_reload(agent, command, tmp_path, until):
    """New rules are an alert that names the files that changed, and how many rules there were and are."""
    running = agent(*command)
    running.wait_for_alerts(3)
    rules = tmp_path / "rules.yaml"
    text = rules.read_text()
    rules.write_text(text.partition("- rule: Every other")[0])
    (alert,) = until(lambda: internal(running, RELOADED))

    assert "Notice" == alert["priority"]
    assert f"Reload: 1 rules instead of 2 are used from now on; changed files: {rules}" in alert["output"]
    assert {"files": [str(rules)], "rules_before": 2, "rules_after": 1} == {
        name: alert["output_fields"][name] for name in ("files", "rules_before", "rules_after")
    }
    running.process.send_signal(signal.SIGHUP)
    (again,) = until(lambda: internal(running, RELOADED)[1:])
    said = "Reload: 1 rules instead of 1 are used from now on; no file has changed, but SIGHUP received"
    assert said in again["output"]


def test_a_new_configuration(agent, command, tmp_path, until):
    """A restart with a new configuration is an alert, too."""
    running = agent(*command)
    running.wait_for_alerts(3)
    config = tmp_path / "falco.yaml"
    config.write_text(config.read_text().replace("falcohost: {", "falcohost: {fold: {after: 77}, "))
    (alert,) = until(lambda: internal(running, RELOADED))

    assert (
        f"Reload: the agent starts anew, with its present configuration and code; changed files: {config}"
        in alert["output"]
    )


def test_a_plugin_of_another_distribution(own_site, program, command):
    """A plugin whose module others may change is not imported, and the agent does not start without it."""
    (own_site / "falcohost_numbers.py").chmod(0o666)
    (own_site / "falcohost_numbers.py").write_text("open('/dev/stderr', 'w').write('IMPORTED')\n")
    ended = program(*command, "--dry-run")

    assert 1 == ended.returncode
    assert "IMPORTED" not in ended.stderr
    assert "plugin 'numbers' is left out, since other users could change it" in ended.stderr
    assert "may be written by others (mode 0666); chmod o-w" in ended.stderr
    assert "IMPORTED" in program(*command, "--dry-run", "-o", "falcohost.trust_files=true").stderr
