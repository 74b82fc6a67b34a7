"""The contract of an output, as tests: delivered alerts have arrived, in order, also after a reopen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from falcohost.alert import Alert, Priority
from falcohost.hookspecs import Output, OutputSpec
from falcohost.testing.sentences import is_sentence


class OutputContract:
    """Subclass it, set :attr:`plugin` and :attr:`output`, and define the fixture *config* and :meth:`received`.

    :ivar plugin: the plugin's module.
    :ivar output: the output's name in its :class:`~falcohost.OutputSpec`.
    """

    plugin: Any
    output: str

    @pytest.fixture
    def config(self, tmp_path: Any) -> Mapping[str, Any]:
        """Return the output's part of the configuration; it should deliver into *tmp_path* or another fixture."""
        return {"enabled": True}

    def received(self, config: Mapping[str, Any]) -> str:
        """Return all that the output has delivered, as text; it has to name each alert's rule."""
        pytest.fail(f"{type(self).__name__} has to define received(): the text of all that has arrived")

    @property
    def spec(self) -> OutputSpec:
        """Return the spec under test."""
        specs: Iterable[OutputSpec] = self.plugin.falcohost_outputs()
        return next(spec for spec in specs if spec.name == self.output)

    def test_description_is_a_sentence(self) -> None:
        """A description is one line that ends with a full stop."""
        assert is_sentence(self.spec.description)

    def test_accepted_means_arrived(self, config: Mapping[str, Any]) -> None:
        """When ``deliver`` has returned, all alerts of the call have arrived, in order."""
        output = self.spec.make(config, _Text())
        try:
            output.deliver([alert("first"), alert("second")])

            self._assert_order(config, ["first", "second"])
        finally:
            output.close()

    def test_reopen_goes_on(self, config: Mapping[str, Any]) -> None:
        """After ``reopen`` the next alerts arrive after the earlier ones."""
        output = self.spec.make(config, _Text())
        try:
            output.deliver([alert("before")])
            output.reopen()
            output.deliver([alert("after")])

            self._assert_order(config, ["before", "after"])
        finally:
            output.close()

    def test_delivers_nothing(self, config: Mapping[str, Any]) -> None:
        """An empty list is accepted."""
        output: Output = self.spec.make(config, _Text())
        try:
            output.deliver([])
        finally:
            output.close()

    def _assert_order(self, config: Mapping[str, Any], rules: list[str]) -> None:
        text = self.received(config)
        places = [text.find(f"rule {name}") for name in rules]
        assert -1 not in places, f"of {rules}, not all are in what was received: {text!r}"
        assert places == sorted(places), f"not in the order {rules}: {text!r}"


class _Text:
    """Lines of text, as without ``json_output``."""

    json = False

    def line(self, alert: Alert) -> bytes:
        return alert.output.encode()


def alert(name: str) -> Alert:
    """Return an alert of the rule ``rule NAME``, with the same name in its message."""
    return Alert(
        id=f"id-{name}",
        rule=f"rule {name}",
        priority=Priority.WARNING,
        source="test",
        time=1_700_000_000_123_456_789,
        message=f"rule {name} fired",
        output=f"22:13:20.123456789: Warning rule {name} fired",
        fields={"evt.time": 1_700_000_000_123_456_789},
        tags=("test",),
        hostname="localhost",
    )
