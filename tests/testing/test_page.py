"""The plugin that docs/plugins.md begins with keeps the contracts that the same page recommends."""

import re
from ipaddress import ip_address
from types import ModuleType, SimpleNamespace

import pytest

from falcohost import Field, FieldType
from falcohost.testing import OutputContract, PluginContract
from falcohost.testing.values import wrong_value


@pytest.fixture(scope="module")
def shout(root):
    """Return the module that the page prints."""
    code = re.search(r"```python\n(.*?)```", (root / "docs" / "plugins.md").read_text(), re.DOTALL)[1]
    module = ModuleType("falcohost_shout")
    exec(compile(code, "plugins.md", "exec"), module.__dict__)
    return module


class TestPlugin(PluginContract):
    """Its hooks are sound."""

    @pytest.fixture(autouse=True)
    def _taken(self, shout):
        self.plugin = shout


class TestOutput(OutputContract):
    """Its output names the rule of each alert, in order."""

    output = "shout"

    @pytest.fixture(autouse=True)
    def _taken(self, shout, capsys):
        self.plugin, self._capsys = shout, capsys

    def received(self, config):
        """Return what was printed."""
        return self._capsys.readouterr().out


@pytest.mark.parametrize(
    ("type_", "several", "value", "wanted"),
    [
        (FieldType.IPADDR, False, "1.2.3.0", "a getter of IPADDR has to return IPv4Address or IPv6Address, or None"),
        (FieldType.CHARBUF, True, "a", "a getter of CHARBUF has to return a tuple of str, or None"),
        (FieldType.DOUBLE, False, "1", "a getter of DOUBLE has to return float or int, or None"),
    ],
)
def test_the_contract_says_what_it_wants(type_, several, value, wanted):
    """A value of the wrong type is told with the Python type that it should have."""
    field = Field(name="x.y", type=type_, description="Y.", get=lambda event, _: value, is_list=several)

    assert f"x.y is {value!r}, but {wanted}, on " in wrong_value(field, SimpleNamespace(), None)


def test_a_value_as_wanted():
    """What the message asks for is accepted."""
    field = Field(name="x.y", type=FieldType.IPADDR, description="Y.", get=lambda event, _: ip_address("1.2.3.0"))

    assert None is wrong_value(field, SimpleNamespace(), None)
