"""The probe as Linux 5.17 to 6.3 take it: without `bpf_rdonly_cast`, it reads the kernel's objects by a helper."""

from __future__ import annotations

import pytest

from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf import forms, loading
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.records import record as R

from .conftest import Watched
from .read_probe import ReadProbe

#: The kernel's function for that, and a name that no function has.
CASTS, NONE = b"bpf_rdonly_cast", b"bpf_rdonly_none"
IMAGE = loading.image


@pytest.fixture(scope="module")
def without_casts(machine):
    """Return the loaded probe, which has not found the function."""
    if forms.needs_older(Library()):
        pytest.skip("this kernel takes only the form for older kernels")
    found = loading.image()
    assert CASTS in found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "image", lambda *, older=False: found.replace(CASTS, NONE))
        with ReadProbe(LoadSettings(execve=BY_NAME["execve"].call)) as driver:
            yield Watched(driver)


def test_told(without_casts, openat):
    """The verifier takes it, and a call is told with what was passed."""
    without_casts.driver.set_calls(openat)
    found = without_casts.python("os.open('/etc/hostname', 0)")
    calls = [record for record in found if record.header.kind == R.KIND_CALL]

    assert b"/etc/hostname" in {record.sections.get(R.SEC_PATH) for record in calls}


def test_function_that_cannot_be_asked_for(machine, monkeypatch):
    """Linux 6.2 and 6.3, which refuse a program that asks whether the function is there, get the probe without it."""
    if forms.needs_older(Library()):
        pytest.skip("this kernel takes only the form for older kernels")
    opened, tried = Object.__init__, []

    def watched(self, library, image, types=None):
        tried.append(CASTS in image)
        opened(self, library, image, types)

    def refused(self, **how):
        if tried[-1]:
            raise LibbpfError("The kernel refused the probe", 22, "pseudo btf_id 29356 in ldimm64 isn't KIND_VAR.")
        return loaded(self, **how)

    loaded = Object.load
    monkeypatch.setattr(loading, "image", IMAGE)
    monkeypatch.setattr(Object, "__init__", watched)
    monkeypatch.setattr(Object, "load", refused)
    monkeypatch.setattr(loading.halves, "are_of_use", lambda: False)
    with ReadProbe(LoadSettings(execve=BY_NAME["execve"].call)):
        assert [True, False] == tried
