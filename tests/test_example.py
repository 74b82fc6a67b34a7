"""A third party's plugin: built, installed beside falcohost in a fresh environment, and run by the real command."""

import re

import pytest

LANGUAGES = ("python", "toml", "yaml")
CONFIG = """
load_plugins: [dummy]
plugins:
  - name: dummy
    init_config: {count: 20}
engine: {kind: nodriver}
stdout_output: {enabled: false}
"""


@pytest.fixture(scope="module")
def environment(installed, build, root):
    """Return the environment with falcohost and the example plugin's own wheel."""
    installed.pip_install(str(build(root / "examples" / "falcohost-dummy")))
    return installed


@pytest.fixture
def config(environment, tmp_path):
    """Return a function that writes a configuration and returns its path."""

    def config(text: str) -> str:
        (tmp_path / "falco.yaml").write_text(CONFIG + text)
        return str(tmp_path / "falco.yaml")

    return config


def test_alerts_come_out_of_the_plugins_own_output(environment, config, tmp_path):
    """The rule fires on the source's events, the output writes the alerts in order, and falcohost ends."""
    path = config(f"dummy_output: {{enabled: true, filename: {tmp_path}/alerts.txt}}\n")

    done = environment.run("falcohost", "-c", path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "alerts.txt").read_text().splitlines() == [
        f"!!! Large even number: Counted a large even number | number={number} parity=even"
        for number in range(8, 21, 2)
    ]


def test_plugins_fields_are_listed(environment):
    """``falcohost fields dummy`` knows the plugin's fields, if the plugin is named; else it says how to name it."""
    done = environment.run("falcohost", "-o", "load_plugins[]=dummy", "fields", "dummy")
    refused = environment.run("falcohost", "fields", "dummy")

    assert done.returncode == 0, done.stderr
    assert {"dummy.number", "dummy.parity", "dummy.type"} <= set(done.stdout.split())
    assert "does not name them: dummy (-o load_plugins[]=dummy)" in refused.stderr


def test_plugin_is_listed(environment):
    """``falcohost plugins`` names the plugin."""
    done = environment.run("falcohost", "plugins")

    assert done.returncode == 0, done.stderr
    assert "dummy" in done.stdout


def test_wrong_setting_is_a_sentence(environment, config):
    """A setting that the plugin refuses is told in the plugin's words, without a traceback."""
    done = environment.run(
        "falcohost",
        "-c",
        config("file_output: {enabled: true, filename: a}\n"),
        "-o",
        "plugins[0].init_config.count=many",
    )

    assert "dummy: count and interval have to be numbers" in done.stderr
    assert "Traceback" not in done.stderr


def test_plugins_command(environment, config):
    """``falcohost count`` is there where the plugin is configured, with the plugin's settings, and else it is not."""
    done = environment.run("falcohost", "-c", config("dummy: {step: 4}\n"), "count", "--from", "8")
    missing = environment.run("falcohost", "count")

    assert (done.stdout.split(), done.stderr) == (["12", "16", "20"], "")
    assert "Error: No such command 'count'." in missing.stderr


def test_plugins_key_is_checked(environment, config):
    """A value of the plugin's key that cannot be is told with its place, a key that is misspelt with the right one."""
    path = config("dummy: {step: 0}\n")

    assert f"{path}:8:15: dummy.step has to be 1 or more, not 0" in environment.run("falcohost", "-c", path).stderr

    path = config("dummy: {stepp: 1}\nfile_output: {enabled: true, filename: a}\n")

    assert "unknown key dummy.stepp; did you mean dummy.step?" in environment.run("falcohost", "-c", path).stderr


def test_tutorial_runs(environment, config, root, tmp_path):
    """The nine lines of Python and six of TOML of docs/plugins.md are a plugin: installed as they stand, it shouts."""
    text = (root / "docs" / "plugins.md").read_text()
    python, toml, yaml = (re.search(f"```{language}\n(.*?)```", text, re.DOTALL)[1] for language in LANGUAGES)
    project = tmp_path / "shout"
    project.mkdir()
    (project / "falcohost_shout.py").write_text(python)
    (project / "pyproject.toml").write_text(toml)

    environment.pip_install(str(project))
    done = environment.run("falcohost", "-c", config(yaml))

    assert [lines(python), lines(toml)] == [9, 6]
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:7] == ["Large even number!"] * 7


def lines(text: str) -> int:
    """Return the number of lines that are not empty."""
    return sum(bool(line.strip()) for line in text.splitlines())
