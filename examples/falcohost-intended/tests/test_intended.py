"""The action keeps the contracts of falcohost, and writes what it says."""

import json

import msgspec
import pytest

import falcohost_intended
from falcohost import ConfigError, ProcessSubject, ResourceSubject, UserSubject
from falcohost.testing import PluginContract, SubscriberContract, alert
from falcohost_intended import Intended

SUBJECTS = (
    ProcessSubject(pid=7, start=9),
    UserSubject("okta.user", "anna"),
    ResourceSubject("repository", "a/b"),
)


def about(*subjects, rule="a"):
    """Return an alert about *subjects*."""
    return msgspec.structs.replace(alert(rule), subjects=subjects)


class TestPlugin(PluginContract):
    """Its hooks are sound."""

    plugin = falcohost_intended


class TestIntended(SubscriberContract):
    """It can be recreated at any moment."""

    plugin = falcohost_intended
    subscriber = "intended"

    @pytest.fixture
    def config(self, tmp_path):
        """Write into the test's own folder."""
        return {"filename": str(tmp_path / "intended"), "rules": ["rule a"]}

    def alerts(self):
        """Return alerts about all that it knows."""
        return [about(subject) for subject in SUBJECTS]


def test_writes_what_it_would_do(tmp_path):
    """Each subject of an alert of the configured rules gives a line, and an alert with the subject."""
    path = tmp_path / "intended"
    answer = Intended(path, ["rule a"]).take([about(*SUBJECTS), about(*SUBJECTS, rule="b")])

    assert [
        {"alert": "id-a", "do": "kill process 7, which began at 9"},
        {"alert": "id-a", "do": "lock out okta.user anna"},
        {"alert": "id-a", "do": "close repository a/b"},
    ] == [json.loads(line) for line in path.read_text().splitlines()]
    assert [(subject,) for subject in SUBJECTS] == [one.subjects for one in answer.alerts]


@pytest.mark.parametrize("settings", [{}, {"filename": "a"}, {"filename": "a", "rules": "a"}])
def test_says_what_is_missing(settings):
    """Settings without a file or rules are refused in a sentence."""
    with pytest.raises(ConfigError, match="intended: init_config has to have filename, a path, and rules"):
        Intended.from_config(settings, None)
