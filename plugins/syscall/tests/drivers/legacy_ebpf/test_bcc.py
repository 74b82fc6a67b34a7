"""What is missing for BCC is said with what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from falcohost import SourceError
from falcohost_syscall.drivers.legacy_ebpf import bcc


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Have BCC installed nowhere."""
    monkeypatch.setattr(bcc, "FOLDERS", (tmp_path / "bcc",))
    monkeypatch.delitem(sys.modules, "bcc", raising=False)


def test_a_missing_package_is_named(nowhere):
    """Without BCC, the error names the packages of distributions."""
    with pytest.raises(SourceError, match=r"needs BCC for Python: apt install python3-bpfcc .*python3-bcc"):
        bcc.module()


def test_another_package_of_that_name_is_told_apart(nowhere, monkeypatch, tmp_path):
    """The package bcc of PyPI is not taken for BCC, and the error says so."""
    other = tmp_path / "other"
    (other / "bcc").mkdir(parents=True)
    (other / "bcc" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(other))

    with pytest.raises(SourceError, match="the package `bcc` of PyPI is something else"):
        bcc.module()


def test_a_damaged_package_is_an_error(monkeypatch, tmp_path):
    """A BCC that cannot be imported is an error with its cause, and nothing of it is left."""
    folder = tmp_path / "bcc"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .libbcc import lib")
    (folder / "libbcc.py").write_text("raise OSError('libbcc.so.0: cannot open shared object file')")
    monkeypatch.setattr(bcc, "FOLDERS", (folder,))
    monkeypatch.delitem(sys.modules, "bcc", raising=False)

    with pytest.raises(SourceError, match=r"cannot be loaded: libbcc\.so\.0: cannot open shared object"):
        bcc.module()
    assert "bcc" not in sys.modules


def test_missing_headers_are_named():
    """Without headers of the running kernel, the error names their packages with its release."""
    problem = bcc.headers_problem("9.9.9-none")

    assert "apt install linux-headers-9.9.9-none" in problem
    assert "kernel-devel-9.9.9-none" in problem


def test_every_requirement_has_a_name():
    """The requirements are those that doctor shows, each met or with a sentence."""
    found = bcc.requirements()

    assert ["BCC", "kernel headers", "tracepoints", "privileges", "lockdown"] == [what for what, _ in found]
    assert all(problem is None or problem.endswith(".") for _, problem in found)


def test_the_program_is_shipped():
    """The program lies beside the module that compiles it."""
    assert (Path(bcc.__file__).parent / "program.bpf.c").exists()
