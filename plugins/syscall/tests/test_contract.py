"""The syscall plugin is held to the contracts that falcohost has for every plugin, on the real kernel."""

import subprocess

import pytest

from falcohost.testing import PluginContract, SourceContract, skip_or_fail
from falcohost_syscall import plugin
from falcohost_syscall.drivers.modern_ebpf.requirements import requirements


class TestPlugin(PluginContract):
    """Its hooks, fields and rules are sound."""

    plugin = plugin


class TestSource(SourceContract):
    """Its source keeps the contract while programs start and end."""

    plugin = plugin
    source = "syscall"

    @pytest.fixture
    def config(self):
        """Return no settings: the source's own defaults."""
        for requirement in requirements():
            if requirement.problem:
                skip_or_fail("bpf", requirement.problem)
        return {}

    @pytest.fixture
    def opened(self, sources, config, request):
        """Return a source that the tests share; where all counts that it has seen since it was opened, another one."""
        anew = request.function.__name__ in ("test_numbers_begin_at_one_and_rise", "test_numbers_add_up")
        source = sources.open(self._plan(), self._asked().settings, anew=anew)
        self.provoke()
        return source

    def provoke(self):
        """Start programs, which open files and end."""
        for _ in range(20):
            subprocess.run(["true"], check=True)
