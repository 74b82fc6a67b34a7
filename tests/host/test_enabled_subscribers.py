"""Which outputs and subscribers there are: names that clash, what cannot be made, and what each is given."""

import json
import os
from types import SimpleNamespace

import pytest

from falcohost import ConfigError, OutputError, OutputSpec, PluginError, hookimpl
from falcohost.engine.alerts import AlertMaker
from falcohost.host.config import load_config
from falcohost.host.enabled_subscribers import check_names, enabled_outputs, json_options, open_subscribers
from falcohost.host.outputs_data import outputs_data, seal_outputs, unseal_outputs
from falcohost.host.plugins import Plugins, ask
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.subscriber import SubscriberSpec
from falcohost.testing.outputs import alert


class Kept:
    """An output that takes note of what it was made with, and of a line that it would write."""

    made = ()

    def __init__(self, block, form):
        type(self).made = (block, form.json, form.line(alert("a")))

    def deliver(self, alerts):
        """Do nothing."""

    reopen = close = deliver


class Bug:
    """A subscriber or an output that cannot be made."""

    def __init__(self, *_):
        raise KeyError("a bug")


class Offered:
    """A plugin with the output ``kept`` and a subscriber."""

    def __init__(self, name="mine", output=Kept, subscriber=None):
        self.name = name
        self.output = output
        self.made = []
        self.subscriber = subscriber or (lambda *given: self.made.append(given))

    @hookimpl
    def falcohost_outputs(self):
        """Offer the output."""
        return [OutputSpec(name="kept", description="Keeps.", make=self.output)]

    @hookimpl
    def falcohost_subscribers(self):
        """Offer the subscriber."""
        return [SubscriberSpec(name=self.name, description="Takes.", make=self.subscriber)]


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Return a function that reads a configuration; the plugin counts as installed."""
    entries = {"tested": [SimpleNamespace(value="module")]}
    monkeypatch.setattr("falcohost.host.plugins.data.installed", lambda: entries)

    def configured(*options):
        (tmp_path / "falco.yaml").touch()
        return load_config(str(tmp_path / "falco.yaml"), options)

    return configured


def plugins(offered):
    """Return *offered* as the one plugin that is loaded."""
    return Plugins((ask("tested", offered, "tested", "0", {"count": 7}),))


def opened(offered, config, store=None):
    """Return the subscribers that are opened for it."""
    found = plugins(offered)
    names = [*enabled_outputs(config.outputs, found.outputs())]
    descriptor = seal_outputs(outputs_data(names, config, found, json_options(config.alerts), "host"))
    data = unseal_outputs(descriptor)
    os.close(descriptor)
    return open_subscribers(data, found, store or Store(None, Limits()), AlertMaker("host"), unbuffered=False)


def test_an_output_is_given_its_block_and_the_form(configured):
    """An output is made with its block of the configuration, and with what writes an alert as configured."""
    opened(Offered(), configured("kept_output.enabled=true", "kept_output.key=5"))
    assert ({"enabled": True, "key": 5}, False, alert("a").output.encode()) == Kept.made

    opened(Offered(), configured("kept_output.enabled=true", "json_output=true", "json_include_tags_property=false"))
    assert (True, None) == (Kept.made[1], json.loads(Kept.made[2]).get("tags"))


def test_a_subscriber_is_given_its_settings_and_state(configured):
    """A subscriber is made with its plugin's settings, and the state that was stored last."""
    store, offered = Store(None, Limits()), Offered()
    store.answer("mine", 0, state=b"state")

    opened(offered, configured(), store)

    assert [({"count": 7}, b"state")] == offered.made


def test_a_subscriber_is_called_as_nothing_else():
    """The name of an output, of a source, or of falcohost's own alerts is refused."""
    for name in ("stdout", "kept", "internal"):
        with pytest.raises(PluginError, match=f"the subscriber '{name}', the name of a source or an output"):
            check_names(plugins(Offered(name)), load_config(None).outputs)
    check_names(plugins(Offered("mine")), load_config(None).outputs)


def test_what_cannot_be_made_is_a_sentence(configured):
    """An output or a subscriber that raises when it is made is named."""
    with pytest.raises(OutputError, match=r"the output 'kept' cannot be opened: KeyError: 'a bug'"):
        opened(Offered(output=Bug), configured("kept_output.enabled=true"))
    with pytest.raises(PluginError, match=r"the subscriber 'mine' cannot be made: KeyError: 'a bug'"):
        opened(Offered(subscriber=Bug), configured())


def test_at_least_one_output(configured):
    """Without any output there is nothing to run for; a plugin's that is called as one of ours is refused."""
    with pytest.raises(ConfigError, match="No output configured"):
        enabled_outputs(configured("stdout_output.enabled=false").outputs, {})
    ours = OutputSpec(name="file", description="Writes.", make=Kept)
    with pytest.raises(ConfigError, match="a plugin offers the output 'file', a name of falcohost's own"):
        enabled_outputs(configured().outputs, {"file": ours})
