"""A client of TLS trusts whom it is told to trust, and nobody else."""

import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from falcohost.testing.skips import skip_or_fail
from falcohost.trusted import client_context

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Return the folder of an authority that, like many private ones, does not say what its key may be used for."""
    if shutil.which("openssl") is None:
        skip_or_fail("openssl", "openssl is not installed, which makes the certificates of this test")
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "names").write_text("subjectAltName=DNS:localhost")
    openssl("req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    openssl("req", "-new", *KEY, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", "-out", "server.pem", *signing)
    return folder


@pytest.fixture
def connect(authority):
    """Return what makes a connection to a server called localhost, with a certificate of the authority."""

    def connect(context, name="localhost"):
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(authority / "server.pem", authority / "server.key")
        here, there = socket.socketpair()

        def answer():
            try:
                server.wrap_socket(there, server_side=True).close()
            except OSError:
                there.close()

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            context.wrap_socket(here, server_hostname=name).close()
        finally:
            here.close()
            thread.join()

    return connect


def test_an_authority_without_key_usage(connect, authority):
    """It is trusted, by each version of Python."""
    connect(client_context(authority / "ca.pem"))


def test_another_authority(connect):
    """Whom the system does not trust is refused."""
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(client_context())


def test_another_name(connect, authority):
    """A certificate for another host is refused."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        connect(client_context(authority / "ca.pem"), "example.org")


def test_no_authority(tmp_path):
    """A file without certificates is an error."""
    (tmp_path / "none.pem").touch()

    with pytest.raises(OSError, match=r"NO_CERTIFICATE_OR_CRL_FOUND|no certificate"):
        client_context(tmp_path / "none.pem")
