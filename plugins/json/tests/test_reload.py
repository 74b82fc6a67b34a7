"""A new configuration of a log that is not there yet."""

import json

import pytest

from falcohost.testing.agent import Agent

RULES = "- {rule: sent, desc: d, condition: 'json.value[/n] = 1', output: o, priority: INFO, source: app}"


def settings(folder, log):
    """Return the configuration of an agent that follows *log*."""
    source = {"name": "app", "open_params": str(log), "follow": True}
    return {
        "plugins": [{"name": "json", "init_config": {"sources": [source]}}],
        "load_plugins": ["json"],
        "engine": {"kind": "nodriver"},
        "falcohost": {"state_dir": str(folder / "state"), "watch_interval": 0.2},
    }


@pytest.fixture
def agent(tmp_path):
    """Return an agent that follows a log in the folder ``first``."""
    (tmp_path / "first").mkdir()
    (tmp_path / "rules.yaml").write_text(RULES)
    agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings(tmp_path, tmp_path / "first" / "log"))
    agent.wait_until_ready()
    yield agent
    agent.kill()


def test_a_log_whose_folder_appears_after_the_reload(agent, tmp_path):
    """The reload is refused with an alert; when the folder is there, the configuration is taken over by itself."""
    log, config = tmp_path / "second" / "log", tmp_path / "falco.yaml"
    config.write_text(json.dumps({**json.loads(config.read_text()), **settings(tmp_path, log)}))
    refused = agent.wait_for(lambda alert: alert["rule"] == "Falco internal: hot restart failure")
    assert f"the folder {log.parent} does not exist" in refused["output"]

    log.parent.mkdir()
    agent.wait_for_log(lambda text: text.count("Ready after") == 2)
    log.write_text('{"n": 1}\n')

    assert "sent" == agent.wait_for(lambda alert: alert["source"] == "app")["rule"]
