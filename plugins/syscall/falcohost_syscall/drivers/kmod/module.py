"""Finds Falco's kernel module, and loads it; what is missing comes with the way to solve it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from falcohost import SourceError
from falcohost_syscall.drivers.kmod.interface import APIS, NAMES, SCHEMAS

_MODULES: Final = Path("/sys/module")
_DEVICES: Final = Path("/dev")
#: Where modprobe is, also where PATH lacks it.
_PROGRAMS: Final = ("/sbin", "/usr/sbin", "/bin", "/usr/bin")
#: All that it gets of the environment. It is root, and a variable can name a file with commands to run (modprobe(8)).
_ENVIRONMENT: Final = {"PATH": ":".join(_PROGRAMS), "LC_ALL": "C"}
#: Seconds for modprobe.
_PATIENCE: Final = 60

_BUILD: Final = (
    "build it for this kernel: on Debian and Ubuntu `apt install falcosecurity-scap-dkms linux-headers-{release}`, "
    "elsewhere with Falco's falcoctl"
)
_NO_PROGRAM: Final = "modprobe is not installed: apt install kmod, or load the module yourself"
_UNSIGNED: Final = (
    "the kernel takes signed modules only (Secure Boot). Sign it with a key of your own: `mokutil --import "
    "/var/lib/dkms/mok.pub`, then boot again and confirm the key; or use engine.kind: modern_ebpf"
)
_FORBIDDEN: Final = (
    "this process may not load modules: it lacks CAP_SYS_MODULE, as in a container or under ProtectKernelModules=yes "
    "of systemd, or kernel.modules_disabled is 1. Load the module before (`modprobe {name}`, or a line `{name}` in "
    "/etc/modules-load.d/falcohost.conf)"
)


def loaded() -> str | None:
    """Return the name of the module that is loaded; None if none is."""
    return next((name for name in NAMES if (_MODULES / name).is_dir() and not _is_other(name)), None)


def _is_other(name: str) -> bool:
    """Return whether a module of this name is another one than Falco's, which has this parameter."""
    return not (_MODULES / name / "parameters/g_buffer_bytes_dim").exists()


def parameter(name: str) -> Path:
    """Return the file with the size of the rings of those who open the module's devices from now on."""
    return _MODULES / name / "parameters/g_buffer_bytes_dim"


def device(name: str, cpu: int) -> str:
    """Return the path of a processor's device."""
    return str(_DEVICES / f"{name}{cpu}")


def load() -> str:
    """Return the name of the module, which is loaded if it is not yet.

    :raises SourceError: it cannot be; the text says what to do.
    """
    if (found := loaded()) is not None:
        return found
    told = ""
    for name in NAMES:
        told = _run("modprobe", name)
        if (found := loaded()) is not None:
            return found
        if "not found" not in told:
            raise SourceError(_problem(name, told))
    raise SourceError(_problem(NAMES[-1], told))


def _problem(name: str, told: str) -> str:
    """Return what to do where modprobe has failed and has *told* this."""
    release = os.uname().release
    if "not found" in told:
        return f"Falco's kernel module ({' or '.join(NAMES)}) is not installed for {release}; {_advice()}."
    if "Key was rejected" in told or "Required key not available" in told:
        return f"Falco's kernel module {name} cannot be loaded: {_UNSIGNED}."
    if "not permitted" in told or "ermission denied" in told:
        return f"Falco's kernel module {name} cannot be loaded: {_FORBIDDEN.format(name=name)}."
    if "Exec format error" in told or "Invalid" in told:
        return f"Falco's kernel module {name} was built for another kernel than {release}; {_advice()}. {told}"
    told = told or "modprobe does not say why; see dmesg(1)"
    return f"Falco's kernel module {name} cannot be loaded: {told.rstrip('.')}."


def _advice() -> str:
    return _BUILD.format(release=os.uname().release)


def _run(program: str, *arguments: str) -> str:
    """Run a program, and return what it says if it fails."""
    path = next((found for folder in _PROGRAMS if os.access(found := f"{folder}/{program}", os.X_OK)), None)
    if path is None:
        return _NO_PROGRAM
    try:
        done = _ended([path, *arguments])
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr.strip() or f"{program} ended with {done.returncode}") if done.returncode else ""


def _ended(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False, env=_ENVIRONMENT)


def _told(name: str, field: str) -> str:
    """Return a field of the installed module; empty if it is not installed, or does not have it."""
    path = next((found for folder in _PROGRAMS if os.access(found := f"{folder}/modinfo", os.X_OK)), None)
    if path is None:
        return ""
    try:
        done = _ended([path, "-F", field, name])
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def requirements() -> list[tuple[str, str | None]]:
    """Return what the driver needs of the machine, each with the sentence to print if it is not met.

    Nothing is loaded, and no device is opened.
    """
    found = loaded()
    installed = next((name for name in NAMES if _told(name, "filename")), None)
    missing = None
    if found is None and installed is None:
        missing = _problem(NAMES[-1], "not found")
    of = found or installed
    return [("kernel module", missing), ("version", None if of is None else _version(of)), ("privileges", _rights())]


def _version(name: str) -> str | None:
    for field, known in (("api_version", APIS), ("schema_version", SCHEMAS)):
        told = _told(name, field)
        major = told.partition(".")[0]
        if major.isdecimal() and int(major) not in known:
            return unknown(name, field.partition("_")[0], told, known)
    return None


def unknown(name: str, what: str, told: object, known: tuple[int, ...]) -> str:
    """Return that a version of the module is not known."""
    versions = ", ".join(f"{major}.x" for major in known)
    return f"Falco's kernel module {name} has {what} version {told}; this version of falcohost reads {versions}."


def _rights() -> str | None:
    if os.geteuid() == 0:
        return None
    return "Only root may open the devices of Falco's kernel module; run falcohost with sudo."
