"""The webhook: what is taken, what is refused, and that 200 means stored."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import ssl
import subprocess
import sys

import pytest

from falcohost.errors import SourceError
from falcohost.events import Plan
from falcohost.installing import how_to_install
from falcohost.testing import skip_or_fail
from falcohost.testing.ports import Port
from falcohost_github.source import make


def test_forms(webhooks):
    """A payload is taken as JSON and as a form; its record has the event and the delivery beside it."""
    served = webhooks(rules=RULES_OF_RECORDS)

    assert 200 == served.post({"n": 1}, "star", "guid-1")
    assert 200 == served.post({"n": "ä+&=%"}, "repository", "guid-2", form=True)
    assert 200 == served.post({"n": 3, "webhook_type": "own", "webhook_delivery": "own"}, "ping", "guid-3")
    assert [
        {"n": 1, "webhook_type": "star", "webhook_delivery": "guid-1", "webhook_hook": "repository/42"},
        {"n": "ä+&=%", "webhook_type": "repository", "webhook_delivery": "guid-2", "webhook_hook": "repository/42"},
        {"n": 3, "webhook_type": "ping", "webhook_delivery": "guid-3", "webhook_hook": "repository/42"},
    ] == [json.loads(re.sub(r"[^ -~ä]", "", message)) for message in served.stored()]


RULES_OF_RECORDS = """
- rule: sent
  desc: d
  condition: json.value[/n] exists
  output: '%json.obj'
  priority: INFO
  source: github
"""


def test_signature(hooked):
    """Only what is signed with the secret is taken; the rest is 401 and not lost, and the secret is never shown."""
    served = hooked()
    other = "sha256=" + hmac.new(b"another", b'{"n": 1}', hashlib.sha256).hexdigest()
    old = "sha1=" + hmac.new(b"It's a Secret to Everybody", b'{"n": 1}', hashlib.sha1).hexdigest()

    assert [401] * 5 == [served.post({"n": 1}, signature=sent) for sent in ("", other, old, "sha256=", "sha256=ä")]
    assert 200 == served.post({"n": 2})
    assert served.agent.stop() == 0
    assert ["2 push -"] == served.stored()
    assert "a request from 127.0.0.1 did not have the right signature (401); 1 so far" in served.agent.log
    assert "lost" not in served.agent.log
    assert "Secret to Everybody" not in served.agent.log + served.agent.output


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b"[1]", {}),
        (400, b'{"n":', {}),
        (400, b"", {}),
        (400, b'{"n":' * 9000, {}),
        (400, {"n": 1}, {"X_GitHub_Delivery": ""}),
        (400, {"n": 1}, {"X_GitHub_Event": ""}),
        (400, b"no=payload", {"Content_Type": "application/x-www-form-urlencoded"}),
        (400, b"payload=%7B&a&b", {"Content_Type": "application/x-www-form-urlencoded"}),
        (415, {"n": 1}, {"Content_Type": "text/plain"}),
        (413, b" " * (25 << 20) + b"{}", {}),
    ],
)
def test_refused(webhooks, status, body, headers):
    """A request that is not a payload of GitHub's is refused, and the next delivery is served."""
    served = webhooks()

    assert status == served.post(body, **headers)
    assert 200 == served.post({"n": 1})
    assert ["1 push -"] == served.stored()


def test_bad_text(webhooks):
    """Half a surrogate pair in a payload hides no event."""
    served = webhooks()

    assert 200 == served.post(rb'{"n":1,"text":"\ud800"}')
    assert ["1 push -"] == served.stored()


def test_large(webhooks):
    """A payload may have almost 25 MB."""
    served = webhooks()

    assert 200 == served.post({"n": 1, "text": "x" * 24_900_000})
    assert ["1 push -"] == served.stored()


def test_sent_again(webhooks):
    """A delivery that is sent again doubles nothing, also after a restart; one that is alike but another is news."""
    served = webhooks()

    for _ in range(3):
        assert 200 == served.post({"n": 1}, guid="a")
    served.stop()
    served.begin()
    assert 200 == served.post({"n": 1}, guid="a")
    assert 200 == served.post({"n": 1}, guid="b")
    assert ["1 push -"] * 2 == served.stored()


def test_an_answer_means_stored(webhooks):
    """At the moment of the answer the alert is in the store."""
    served = webhooks()

    for number in range(20):
        assert 200 == served.post({"n": number})
        assert number + 1 == len(served.stored())


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Return a function that opens the source with a folder of secrets and ``init_config``."""
    monkeypatch.delenv("FALCOHOST_GITHUB_WEBHOOK_SECRET", raising=False)

    def opened(**settings):
        port = Port()
        settings["open_params"] = settings["open_params"].format(port=port.number)
        source = make({"secretsDir": str(tmp_path), **settings})
        try:
            source.open(Plan(source="github"), None)
        finally:
            source.close()
            port.close()

    return opened


def test_without_a_secret(opened, monkeypatch):
    """An address that others reach needs a secret, from the environment or a file, or the word that it needs none."""
    with pytest.raises(SourceError, match=r"senders need a secret: set the webhook's secret, in .*/webhook.secret or"):
        opened(open_params="http://0.0.0.0:{port}/")
    opened(open_params="http://0.0.0.0:{port}/", allowUnauthenticated=True)
    monkeypatch.setenv("FALCOHOST_GITHUB_WEBHOOK_SECRET", "s")
    opened(open_params="http://0.0.0.0:{port}/")


def test_an_empty_secret(opened, tmp_path):
    """A secret that is empty is refused, not taken for none."""
    (tmp_path / "webhook.secret").write_text(" \n")

    with pytest.raises(SourceError, match="the webhook secret in"):
        opened(open_params="http://127.0.0.1:{port}/")


def test_https_without_a_certificate(opened, tmp_path):
    """Where Falco's certificate and key are missing, it is said which files they are."""
    with pytest.raises(SourceError, match=rf"{tmp_path}/server.crt with {tmp_path}/server.key has to contain"):
        opened(open_params="https://127.0.0.1:{port}/")


@pytest.mark.parametrize("package", ["httptools", "urllib3"])
def test_a_package_that_is_missing(opened, monkeypatch, package):
    """Where a package of the extra is missing, it is said how to install it."""
    modules = tuple(f"falcohost.web.{name}" for name in ("handler", "request_head", "server", "serving"))
    for name in [name for name in sys.modules if name.startswith(modules)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(SourceError, match=re.escape(f"install it with {how_to_install('github')}")):
        opened(open_params="http://127.0.0.1:{port}/")


def test_https(hooked, tmp_path):
    """An ``https://`` address has the certificate and the key of Falco's two files."""
    if shutil.which("openssl") is None:
        skip_or_fail("openssl", "openssl is not installed, which makes the certificate of this test")
    (tmp_path / "secrets").mkdir()
    key, certificate = tmp_path / "secrets" / "server.key", tmp_path / "secrets" / "server.crt"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(made, check=True, capture_output=True)
    served = hooked(tls=ssl.create_default_context(cafile=certificate))

    assert 200 == served.post({"n": 1})
    assert ["1 push -"] == served.stored()
