"""What the kernel module's driver says where the module is missing or cannot be loaded."""

from __future__ import annotations

import os

import pytest

from falcohost import SourceError
from falcohost_syscall.drivers.kmod import interface, module


@pytest.fixture
def without_module():
    """Let the test go on where the module is neither loaded nor installed."""
    if module.loaded() or module.requirements()[0][1] is None:
        pytest.skip("Falco's kernel module is here")


def test_a_missing_module_is_said_with_what_to_install(without_module):
    """Where no module is there for this kernel, the error has its release, and the packages."""
    with pytest.raises(SourceError) as caught:
        module.load()

    if "modprobe is not installed" not in str(caught.value):
        assert f"is not installed for {os.uname().release}" in str(caught.value)
        assert f"apt install falcosecurity-scap-dkms linux-headers-{os.uname().release}" in str(caught.value)


def test_the_doctor_says_the_same(without_module):
    """The first requirement is the module; nothing is loaded to find that out."""
    (what, problem), *_ = module.requirements()

    assert "kernel module" == what
    assert "falcosecurity-scap-dkms" in problem


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        ("modprobe: ERROR: could not insert 'scap': Key was rejected by service", "mokutil --import"),
        ("modprobe: ERROR: could not insert 'scap': Operation not permitted", "/etc/modules-load.d/falcohost.conf"),
        ("modprobe: ERROR: could not insert 'scap': Exec format error", "was built for another kernel"),
        ("modprobe: ERROR: could not insert 'scap': Cannot allocate memory", "Cannot allocate memory"),
    ],
)
def test_what_modprobe_says_leads_to_advice(told, advice):
    """Each way in which a module is refused comes with what mends it."""
    assert advice in module._problem("scap", told)


def test_modprobe_gets_no_variables(tmp_path, monkeypatch):
    """Not those of the loader either, whoever has named them: one of modprobe's own would have it run commands."""
    for name in ("modprobe", "modinfo"):
        (tmp_path / name).write_text(f"#!/bin/sh\nenv; env >&2; test {name} = modinfo\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(module, "_PROGRAMS", (str(tmp_path),))
    monkeypatch.setenv("MODPROBE_OPTIONS", "-C /tmp/of-somebody")
    for said in (module._run("modprobe", "scap"), module._told("scap", "version")):
        assert "LC_ALL=C" in said
        assert "MODPROBE_OPTIONS" not in said


def test_versions_are_read_from_one_number():
    """The module tells its version as one number of 63 bits."""
    assert "8.0.3" == str(interface.version(8 << 44 | 3))
    assert (10, 1, 0) == interface.version(10 << 44 | 1 << 24)


def test_counters_of_each_interface():
    """An older module counts the begins of calls too, and the number of an unknown one's counters is not guessed."""
    old, new = interface.counters(8), interface.counters(10)

    assert (18, 15) == (len(old) - 1, len(new))
    assert {"buffer_open_exit", "buffer_proc_exit", "page_faults"} <= {*old} & {*new}
    assert (interface.EVENTS, interface.FULL) == interface.counters(99)
