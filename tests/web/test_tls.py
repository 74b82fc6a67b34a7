"""HTTPS, client certificates, and what cannot be opened."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import sys
import warnings

import pytest

from falcohost.errors import SourceError
from falcohost.installing import how_to_install
from falcohost.testing.waiting import PATIENCE

HTTPS = "https://127.0.0.1:{port}/in"
RECORD = b'{"n":1}'
NOT_ADMITTED = (ssl.SSLError, OSError, http.client.HTTPException)


def test_https(serve, certificates):
    """With a certificate the listener speaks TLS, and no longer anything else."""
    served = serve(HTTPS, certificate=certificates.server)

    assert served.post(RECORD, tls=certificates.context())[0] == 200
    with pytest.raises(NOT_ADMITTED):
        served.post(RECORD)
    assert served.post(RECORD, tls=certificates.context())[0] == 200


def test_old_versions_are_refused(serve, certificates):
    """TLS 1.1 is not spoken."""
    served = serve(HTTPS, certificate=certificates.server)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old = certificates.context(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    with pytest.raises(NOT_ADMITTED):
        served.post(RECORD, tls=old)


def test_client_certificates(serve, certificates):
    """With an authority named, only who shows a certificate of it is listened to."""
    served = serve(HTTPS, certificate=certificates.server, client_ca=certificates.ca)

    assert served.post(RECORD, tls=certificates.context(client=True))[0] == 200
    with pytest.raises(NOT_ADMITTED):
        served.post(RECORD, tls=certificates.context())
    assert len(served.records) == 1


def test_a_handshake_that_never_comes(serve, hasty, certificates):
    """Connections that say nothing hold up nobody, and are cut off."""
    served = serve(HTTPS, certificate=certificates.server, limits=hasty)
    silent = [socket.create_connection(("127.0.0.1", served.address.port)) for _ in range(50)]

    assert served.post(RECORD, tls=certificates.context())[0] == 200
    for connection in silent:
        connection.settimeout(PATIENCE)
        assert connection.recv(10) == b""
        connection.close()


def test_what_cannot_be_opened(serve, certificates, tmp_path):
    """An error in an address, a certificate or an authority is reported in a sentence."""
    (tmp_path / "text").write_text("text")
    fifo, no_file = tmp_path / "fifo", "It is a FIFO, not a regular file"
    os.mkfifo(fifo)
    for options, text in [
        ({"url": HTTPS, "certificate": tmp_path / "none"}, "has to contain a certificate and its unencrypted key"),
        ({"url": HTTPS, "certificate": tmp_path / "text"}, "has to contain a certificate and its unencrypted key"),
        ({"url": HTTPS, "certificate": certificates.ca}, "has to contain a certificate and its unencrypted key"),
        ({"url": HTTPS, "certificate": certificates.server, "client_ca": tmp_path / "text"}, "as PEM"),
        ({"url": HTTPS, "certificate": fifo}, no_file),
        ({"url": HTTPS, "certificate": certificates.server, "client_ca": fifo}, no_file),
        ({"client_ca": certificates.ca}, "client certificates need https://"),
        ({"url": "http://192.0.2.1:{port}/in", "open_to_all": True}, "cannot listen on http://192.0.2.1"),
        ({"url": "http://no.such.host.invalid:{port}/in", "open_to_all": True}, "cannot listen on"),
    ]:
        with pytest.raises(SourceError) as raised:
            serve(**options)
        assert text in str(raised.value)


def test_without_what_it_needs(serve, monkeypatch):
    """Where the server is not installed, what installs it is told."""
    for name in [name for name in sys.modules if name.startswith(("httptools", "falcohost.web."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httptools", None)
    with pytest.raises(SourceError) as raised:
        serve()

    assert how_to_install("tester") in str(raised.value)


def test_a_port_that_is_taken(serve, port):
    """Another program on the port is told of."""
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SourceError) as raised:
        serve(f"http://127.0.0.1:{port}/in")

    assert "another program uses the port, perhaps another falcohost" in str(raised.value)


def test_other_machines_need_a_secret(serve, told):
    """An address that other machines reach is refused without a secret, unless the user has said that all may send."""
    with pytest.raises(SourceError) as raised:
        serve("http://0.0.0.0:{port}/in")

    assert "set token. If anybody may send events, set open: true" in str(raised.value)
    assert serve("http://0.0.0.0:{port}/in", open_to_all=True).post(RECORD)[0] == 200
    assert serve("http://0.0.0.0:{port}/in", token=b"t").post(RECORD, Authorization="Bearer t")[0] == 200
    assert "send the token to http://0.0.0.0" in told.text


def test_this_machine_alone(serve, told):
    """Without a host only this machine can send events, which is told, as is that no secret is set."""
    served = serve("http://:{port}/in")

    assert served.post(RECORD)[0] == 200
    assert "only this machine can send events" in told.text
    assert "no secret is set" in told.text
