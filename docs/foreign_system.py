"""Makes the files of a guest whose processor is not this machine's: Debian, and the packages that tests import.

None of its programs is run here: packages of Debian are only unpacked, and wheels are those of the other processor.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

#: The release of Debian, and its Python.
SUITE: Final = "trixie"
PYTHON: Final = "3.13"
#: What tests run, beside what is always there.
PACKAGES: Final = (
    *("bash", "bpftool", "busybox-static", "ca-certificates", "coreutils", "cron", "dash", "debianutils", "findutils"),
    *("gcc", "grep", "iproute2", "kmod", "libbpf1", "libc6-dev", "mawk", "media-types", "mount", "netbase"),
    *("netcat-openbsd", "openssh-client", "openssl", "passwd", "perl-base", "procps", "python3", "python3-venv"),
    *("sed", "socat", "strace", "sudo", "tar", "util-linux"),
)
#: By Debian's name of an architecture, what wheels call it.
WHEELS: Final = {"amd64": "x86_64", "arm64": "aarch64"}
#: Where the guest finds its Python packages; they lie over the checkout's .venv.
VENV: Final = "opt/venv"


def make(root: Path, folder: Path, architecture: str) -> None:
    """Unpack a system of *architecture* in *folder*, with the packages that the checkout at *root* needs."""
    if not shutil.which("mmdebstrap"):
        sys.exit("mmdebstrap is missing, which makes the system of a guest: apt install mmdebstrap")
    named = folder.with_name(f"{folder.name}.made")
    shutil.rmtree(named, ignore_errors=True)
    include = f"--include={','.join(PACKAGES)}"
    command = ["mmdebstrap", "--mode=root", "--variant=extract", f"--architectures={architecture}", include, SUITE]
    subprocess.run([*command, named], check=True)
    _configure(named)
    _install(root, named / VENV, architecture)
    named.rename(folder)


def _configure(system: Path) -> None:
    """Do what packages' scripts would: they are the other processor's."""
    accounts = system / "usr/share/base-passwd"
    for name in ("passwd", "group"):
        shutil.copy(accounts / f"{name}.master", system / "etc" / name)
    names = [line.partition(":")[0] for line in (system / "etc/passwd").read_text().splitlines()]
    shadow = system / "etc/shadow"
    shadow.write_text("".join(f"{name}:*:20000:0:99999:7:::\n" for name in names))
    shadow.chmod(0o640)
    (system / "etc/hosts").write_text("127.0.0.1\tlocalhost\n::1\tlocalhost\n")
    for name in ("mnt", "opt", "srv"):
        (system / name).mkdir(exist_ok=True)
    for name, behind in {"awk": "mawk", "nc": "nc.openbsd", "which": "which.debianutils"}.items():
        if not (link := system / "usr/bin" / name).exists():
            link.symlink_to(behind)
    subprocess.run(["/sbin/ldconfig", "-r", system], check=True)


def _install(root: Path, venv: Path, architecture: str) -> None:
    """Install what the lock names, and what the tests need, as wheels of *architecture*."""
    packages = venv / "lib" / f"python{PYTHON}" / "site-packages"
    packages.mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(f"/usr/bin/python{PYTHON}")
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    where = ["--python-version", PYTHON, "--only-binary", ":all:", "--target", packages]
    for libc in ("2_28", "2_17"):
        where += ["--platform", f"manylinux_{libc}_{WHEELS[architecture]}"]
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *where]
    subprocess.run([*pip, "--require-hashes", "-r", root / "requirements-all.lock"], check=True)
    needed = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    tests = [one for one in needed if one.startswith(("hypothesis", "moto", "opentelemetry", "pytest"))]
    subprocess.run([*pip, *tests], check=True)
