"""The certificates of the API servers in tests."""

from __future__ import annotations

import subprocess

from falcohost.testing.kube import certify


def test_certificates_are_valid_for_the_strictest(tmp_path):
    """Python 3.13 and newer refuse an authority without key usage, and a certificate that does not name its key."""
    certify(tmp_path)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.crt", "server.crt"]

    assert 0 == subprocess.run(command, cwd=tmp_path).returncode
