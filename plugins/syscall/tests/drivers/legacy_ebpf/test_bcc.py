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


@pytest.mark.parametrize(
    ("build", "has_types", "is_problem"),
    [
        ("6.12.1-amd64", False, False),
        ("6.12.2-amd64", False, True),
        ("6.12.2-amd64", True, False),
        (None, False, False),
    ],
)
def test_headers_of_another_build_are_refused(tmp_path, build, has_types, is_problem):
    """Headers of another build are a problem where the kernel does not tell its types; the error has both releases."""
    headers = tmp_path / "6.12.1-amd64" / "build" / "include"
    for name in ("linux", "config"):
        (headers / name).mkdir(parents=True)
    (headers / "linux" / "kconfig.h").write_text("")
    if build is not None:
        (headers / "config" / "kernel.release").write_text(f"{build}\n")
    problem = bcc.headers_problem("6.12.1-amd64", tmp_path, has_types=has_types)

    assert is_problem == (problem is not None)
    if problem is not None:
        assert "the headers of Linux 6.12.2-amd64, but 6.12.1-amd64 runs" in problem
        assert "apt install linux-headers-6.12.1-amd64 " in problem


def test_every_requirement_has_a_name():
    """The requirements are those that doctor shows, each met or with a sentence."""
    found = bcc.requirements()

    assert ["BCC", "kernel headers", "tracepoints", "privileges", "lockdown"] == [what for what, _ in found]
    assert all(problem is None or problem.endswith(".") for _, problem in found)


def test_the_program_is_shipped():
    """The program lies beside the module that compiles it."""
    assert (Path(bcc.__file__).parent / "program.bpf.c").exists()
