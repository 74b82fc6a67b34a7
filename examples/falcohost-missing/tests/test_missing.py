"""The correlation keeps the contracts of falcohost, and tells what is missing once."""

import msgspec
import pytest

import falcohost_missing
from falcohost import ConfigError
from falcohost.testing import PluginContract, SubscriberContract, alert
from falcohost_missing import SECOND, Missing


def beat(seconds, rule="rule a", **more):
    """Return an alert of a rule, at this number of seconds."""
    return msgspec.structs.replace(alert("a"), rule=rule, time=int(seconds * SECOND), **more)


class TestPlugin(PluginContract):
    """Its hooks are sound."""

    plugin = falcohost_missing


class TestMissing(SubscriberContract):
    """It can be recreated at any moment."""

    plugin = falcohost_missing
    subscriber = "missing"

    @pytest.fixture
    def config(self):
        """Wait for two rules."""
        return {"rules": {"rule a": 60, "rule b": 5}}

    def alerts(self):
        """Return alerts of both."""
        return [beat(second, rule) for second in range(5) for rule in ("rule a", "rule b")]


def test_what_does_not_come_is_told_once():
    """A missing alert is reported once its time is over, with that time; again only after it has come once more."""
    one = Missing({"rule a": 60}, None)
    assert None is one.due()
    one.take([beat(10), beat(7)])
    assert 70 * SECOND == one.due()

    (told,) = one.tick(70 * SECOND).alerts
    assert ("Missing: rule a", "rule a has not fired for 60 s", 70 * SECOND) == (told.rule, told.message, told.time)
    assert None is one.due()
    one.take([beat(100)])
    assert 160 * SECOND == one.due()


def test_what_comes_is_not_told():
    """A rule that fires in time moves what is due; other rules, and alerts of subscribers, move nothing."""
    one = Missing({"rule a": 60}, None)
    one.take([beat(10)])
    one.take([beat(50), beat(60, "rule c"), beat(65, depth=1)])

    assert 110 * SECOND == one.due()
    assert () == tuple(one.tick(100 * SECOND).alerts)


@pytest.mark.parametrize("rules", [None, {}, {"a": 0}, {"a": "x"}, ["a"]])
def test_mistakes(rules):
    """A mistake in the configuration is a sentence."""
    with pytest.raises(ConfigError, match="the plugin 'missing'"):
        Missing.from_config({"rules": rules}, None)
