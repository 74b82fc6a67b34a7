"""Creates self-signed certificates with openssl(1), for tests of HTTPS servers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from falcohost.testing.skips import skip_or_fail


def self_signed(path: Path, name: str = "localhost") -> None:
    """Write a certificate for the host *name*, and its key, to *path*: readable only by the owner, and atomically."""
    if shutil.which("openssl") is None:
        skip_or_fail("openssl", "openssl is not installed, which makes the certificates of this test")
    key, certificate = path.with_name(f"{path.name}.key"), path.with_name(f"{path.name}.crt")
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "2",
        "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    put(path, certificate.read_bytes() + key.read_bytes())


def put(path: Path, content: bytes) -> None:
    """Write *content* to the file *path*: readable only by the owner, and atomically."""
    new = path.with_name(f"{path.name}.new")
    new.touch(0o600)
    new.write_bytes(content)
    new.rename(path)
