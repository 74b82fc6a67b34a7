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

    def provoke(self):
        """Start programs, which open files and end."""
        for _ in range(20):
            subprocess.run(["true"], check=True)
