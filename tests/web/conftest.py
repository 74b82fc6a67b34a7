"""A listener on a free port of this machine, and senders that speak HTTP to it over real sockets."""

from __future__ import annotations

import http.client
import json
import logging
import shutil
import ssl
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from falcohost.events import Plan
from falcohost.jsonlog import JsonLog, JsonSource, Limits
from falcohost.testing import skip_or_fail
from falcohost.testing.ports import Port
from falcohost.testing.waiting import PATIENCE
from falcohost.web import Listener, Secret, WebhookInput, WebLimits, inbox, read_address

LOG = JsonLog(source="app", plugin="tester", wrappers=("items",))

#: Sizes that a test reaches quickly, and times that it does not reach.
SMALL = WebLimits(
    body=100_000, held=1_000_000, header_time=PATIENCE, body_time=PATIENCE, store_time=PATIENCE
)  # fmt: skip


@pytest.fixture
def small():
    """Return limits: sizes that a test reaches quickly, and times that it does not reach."""
    return SMALL


@pytest.fixture
def hasty():
    """Return limits of which a test reaches the times, too; who is served takes a hundredth of them."""
    return replace(SMALL, header_time=1.0, body_time=1.0)


@pytest.fixture
def port():
    """Return a port that is free."""
    port = Port()
    yield port.number
    port.close()


class Served:
    """A source behind a listener, read by a thread that acknowledges what it has read, unless *stores* is false."""

    def __init__(self, listener, *, stores=True):
        self.address = listener.address
        self.records = []
        self.keys = []
        self.stores = stores
        self._stop = threading.Event()
        self._came = threading.Condition()
        self._source = JsonSource(LOG, WebhookInput(listener, Limits(record=200_000)))
        self._source.open(Plan(source="app"), None)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    @property
    def turned_away(self):
        """Return what was counted as not served."""
        return dict(self._source.stats().turned_away)

    @property
    def dropped(self):
        """Return what was counted as lost."""
        return dict(self._source.stats().dropped)

    def _read(self):
        for batch in self._source.batches():
            for event in batch.events:
                event.whole()
                self.records.append(event.record)
                self.keys.append(event.key)
            with self._came:
                self._came.notify_all()
            if batch.cursor is not None and self.stores:
                self._source.ack(batch.cursor)
            if self._stop.is_set():
                break

    def wait_for(self, count):
        """Wait until so many records have come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.records) >= count, 60)

    def close(self):
        """End everything."""
        self._stop.set()
        self._thread.join()
        self._source.close()

    def connect(self, tls=None):
        """Return a connection to it."""
        if tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=PATIENCE)
        return http.client.HTTPSConnection("localhost", self.address.port, timeout=PATIENCE, context=tls)

    def post(self, body, *, tls=None, method="POST", path=None, **headers):
        """Send *body* and return the answer: status, its message, its headers."""
        shown = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        connection = self.connect(tls)
        try:
            connection.request(method, path or self.address.path, body, shown)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["message"], answer.headers
        finally:
            connection.close()


@pytest.fixture
def serve(monkeypatch):
    """Return a function that begins to serve; who reads what came looks often whether the test is over."""
    monkeypatch.setattr(inbox, "IDLE", 0.02)
    served, ports = [], []

    def serve(url="http://127.0.0.1:{port}/in", *, stores=True, limits=SMALL, token=None, client_ca=None, **options):
        ports.append(Port())
        listener = Listener(
            plugin="tester",
            address=read_address(url.format(port=ports[-1].number), "tester"),
            secret=Secret(token, client_ca),
            opens="open: true",
            asks="token",
            limits=limits,
            **options,
        )
        served.append(Served(listener, stores=stores))
        return served[-1]

    yield serve
    for one in [*served, *ports]:
        one.close()


@pytest.fixture(autouse=True)
def told(caplog):
    """Return the log, of everything."""
    caplog.set_level(logging.DEBUG, "falcohost")
    return caplog


class Certificates:
    """A certification authority and what it has signed, made with openssl(1)."""

    def __init__(self, folder: Path) -> None:
        self.ca, key = folder / "ca.pem", folder / "ca.key"
        _openssl("req", "-x509", *_KEY, "-keyout", key, "-out", self.ca, "-subj", "/CN=ca", "-days", "2",
                 "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
        self.server = self._signed(folder, "server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.client = self._signed(folder, "client", "extendedKeyUsage=clientAuth")

    def context(self, *, client=False, **options):
        """Return what a sender uses that trusts the authority; *client*: and shows a certificate of it."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if client:
            context.load_cert_chain(self.client)
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def _signed(self, folder: Path, name: str, extension: str) -> Path:
        key, request, certificate = folder / f"{name}.key", folder / f"{name}.csr", folder / f"{name}.crt"
        extensions = folder / f"{name}.ext"
        extensions.write_text(extension)
        _openssl("req", "-new", *_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        signing = ["-CA", self.ca, "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2"]
        _openssl("x509", "-req", "-in", request, "-out", certificate, "-extfile", extensions, *signing)
        both = folder / f"{name}.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        return both


_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(*arguments) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Return certificates."""
    if shutil.which("openssl") is None:
        skip_or_fail("openssl", "openssl is not installed, which makes the certificates of this test")
    return Certificates(tmp_path_factory.mktemp("certificates"))
