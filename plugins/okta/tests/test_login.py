"""Who asks Okta: an API token or a service app, from files or the environment, and what is said where that fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from falcohost import ConfigError, SourceError
from falcohost.testing.cli import run_cli
from falcohost.testing.server import Reply
from falcohost.testing.waiting import PATIENCE
from falcohost_okta import plugin

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key):
    """Return a private key as PEM."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def app(organization, tmp_path):
    """Return the settings for a service app that the organization knows."""
    organization.key = KEY.public_key()
    organization.tokens = set()
    (tmp_path / "key").write_text(pem(KEY))
    return {"api_token": "", "client_id": "0oa1", "private_key_file": str(tmp_path / "key"), "since": "1h"}


def read_one(organization, read, **settings):
    """Read the one event that there is."""
    organization.add()
    reader = read(**settings)
    reader.wait_for(1)
    return [event.record for event in reader.events] == [event for _, event in organization.events]


def test_service_app(organization, read, app):
    """A service app gets an access token for its key, and shows it until it ends."""
    assert read_one(organization, read, **app)
    shown = [request.headers.get("authorization") for request in organization.server.requests[1:]]
    assert {"Bearer token0-0"} == set(shown)


def test_key_as_jwk(organization, read, app, tmp_path):
    """The key may be a JWK, with the name under which it is registered."""
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY)) | {"kid": "k1"}
    (tmp_path / "key").write_text(json.dumps(jwk))

    assert read_one(organization, read, **app)
    body = organization.server.requests[0].body.decode()
    assert "k1" == jwt.get_unverified_header(body.partition("client_assertion=")[2])["kid"]


def test_key_from_the_environment(organization, read, app, monkeypatch):
    """The key may be in the environment, and key_id names it."""
    monkeypatch.setenv("FALCOHOST_OKTA_PRIVATE_KEY", pem(KEY))

    assert read_one(organization, read, **app | {"private_key_file": "", "key_id": "k2"})


def test_token_from_the_environment(organization, read, monkeypatch):
    """The API token may be in the environment."""
    monkeypatch.setenv("FALCOHOST_OKTA_TOKEN", "t0k3n")
    organization.tokens = {"SSWS t0k3n"}

    assert read_one(organization, read, api_token="", since="1h")


@pytest.mark.parametrize("ahead", [-7200, 7200])
def test_service_app_with_a_clock_that_is_off(organization, read, app, ahead):
    """Signed times are those of the server's clock."""
    organization.ahead = ahead

    assert read_one(organization, read, **app)


@pytest.mark.parametrize("ahead", [0, 7200])
def test_proof_of_possession(organization, read, app, ahead):
    """An app that demands DPoP is given proofs: for its token, with the server's nonce, and for each request."""
    organization.nonce, organization.ahead = "n1", ahead
    reader = read(**app)
    reader.wait_until(lambda: len(reader.cursors) > 1)
    organization.add()
    reader.wait_for(1)
    organization.nonce, organization.tokens = "n2", set()
    organization.add()
    reader.wait_for(2)

    assert [event for _, event in organization.events] == [event.record for event in reader.events]
    assert {"DPoP"} == {token.split()[0] for token in organization.tokens}
    paths = [request.path for request in organization.server.requests]
    assert (2 if ahead else 0) + 5 >= paths.count("/oauth2/v1/token")


def test_nonce_that_always_changes(organization, read, app, told):
    """A server that is never content is not asked for ever at once."""
    organization.nonce = "n"
    answers = (Reply(400, b'{"error":"use_dpop_nonce"}', {"DPoP-Nonce": str(number)}) for number in range(3))
    organization.mishaps = [Reply(400, b'{"error":"invalid_dpop_proof"}'), *answers]

    assert read_one(organization, read, **app)
    assert "400 Bad Request: the server does not accept the request. Trying again in " in told.text


def test_access_token_that_ends(organization, read, app):
    """An access token that is not accepted any more is replaced at once, without a word."""
    reader = read(**app)
    reader.wait_until(lambda: len(reader.cursors) > 1)
    organization.tokens = set()
    organization.add()
    reader.wait_for(1)

    assert 2 == [request.path for request in organization.server.requests].count("/oauth2/v1/token")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("400 Bad Request: the service app has not been granted the scope", Reply(400, b'{"error":"invalid_scope"}')),
        ("401 Unauthorized: Okta does not know the service app or its key", Reply(401, b'{"error":"invalid_client"}')),
        ("401 Unauthorized: the access token is not valid", Reply(401, b'{"error":5}')),
        ("/oauth2/v1/token has no access token", Reply(200, b"{}")),
    ],
)
def test_service_app_that_is_refused(organization, read, app, told, said, answer):
    """A problem of a service app is reported without its secrets; then it works again."""
    organization.mishaps = [answer]

    assert read_one(organization, read, **app)
    assert said in told.text
    assert "PRIVATE" not in told.text


@pytest.mark.parametrize(
    ("problem", "content"),
    [
        ("does not hold the private RSA key", "nonsense"),
        ("does not hold the private RSA key", '{"kty":"RSA"}'),
        ("does not hold the private RSA key", "{nonsense"),
        ("does not hold the private RSA key", pem(ec.generate_private_key(ec.SECP256R1()))),
        ("the file is empty", " "),
    ],
)
def test_key_that_is_none(read, app, tmp_path, problem, content):
    """A file that holds something else than an RSA key is refused, and not shown."""
    (tmp_path / "key").write_text(content)

    with pytest.raises(SourceError, match=problem) as caught:
        read(**app)
    assert content.strip()[:9] not in str(caught.value) or not content.strip()


def test_key_that_is_missing(read, app):
    """A service app without a key says how to set one; a key without a service app, too."""
    with pytest.raises(SourceError, match="the private key of the service app 0oa1 is missing"):
        read(**app | {"private_key_file": ""})
    with pytest.raises(ConfigError, match="private_key_file needs client_id"):
        read(**app | {"client_id": ""})


@pytest.mark.parametrize(
    ("problem", "settings"),
    [
        ("organization 'example.okta.com' is not a plain name", {"organization": "example.okta.com", "url": ""}),
        ("set organization to the name of your Okta organization", {"organization": "", "url": ""}),
        ("would send the secret in clear text; use https://", {"url": "http://example.okta.com"}),
        ("is not valid; use the form", {"url": "example.okta.com"}),
        ("is not valid; use the form", {"url": "https://example.okta.com/api/v1/logs"}),
        ("since 'yesterday' is neither a time", {"since": "yesterday"}),
        ("refresh_interval has to be a whole number from 1, not 0", {"refresh_interval": 0}),
    ],
)
def test_settings_that_cannot_be(read, problem, settings):
    """A setting that cannot be is refused with what it should look like."""
    with pytest.raises(ConfigError, match=problem):
        read(**settings)


def test_secrets_are_not_shown(told):
    """Nothing shows the API token, not even the settings themselves."""
    from falcohost_okta import config

    assert "s3cret" not in repr(config.parse({"organization": "example", "api_token": "s3cret"}))


LATE = """
import sys
from falcohost.events import Plan
from falcohost.host.confine.confinement import import_lazy
from falcohost.host.packed import is_packed
from falcohost_okta.source import make

source = make(dict(argument.split("=", 1) for argument in sys.argv[1:]))
source.open(Plan(source="okta"), None)
import_lazy()
before = set(sys.modules)
next(event.key for batch in source.batches() for event in batch.events)
source.close()
print(sorted(name for name in set(sys.modules) - before if not is_packed(name)))
"""


def test_nothing_is_imported_late(organization, app):
    """Modules are imported or packed while that is still allowed: their folder may be readable by root alone."""
    organization.add()
    settings = {"organization": "example", "url": organization.server.url} | app
    arguments = [f"{name}={value}" for name, value in settings.items()]
    done = subprocess.run([sys.executable, "-c", LATE, *arguments], capture_output=True, text=True, timeout=PATIENCE)

    assert ("[]\n", "") == (done.stdout, done.stderr)


def doctor(settings):
    """Return what the doctor says."""
    (spec,) = plugin.falcohost_sources(settings)
    return list(spec.check(settings))


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (None, None),
        ("the API token is not valid, was revoked", Reply(401)),
        ("the API token's user may not read the System Log; a Read-only Administrator may", Reply(403)),
        ("there is no such organization; check organization or url", Reply(404)),
        (
            "answers 400 Bad Request: the server says 'since: must be   a date'",
            Reply(
                400,
                b'{"errorSummary":"Api validation","errorCauses":[{"errorSummary":"since: must be \\u0007 a date"}]}',
            ),
        ),
        ("answers 400 Bad Request: the server does not accept the request", Reply(400, b'{"errorSummary":7}')),
        ("cannot be read: not declared as JSON", Reply(200, b"<html>", {"Content-Type": "text/html"})),
    ],
)
def test_doctor(organization, problem, answer):
    """The doctor asks once and says what is wrong."""
    organization.mishaps = [answer] if answer else []
    ((what, found),) = doctor(
        {"organization": "example", "url": organization.server.url, "api_token": "00a-secret-token"}
    )

    assert "Okta's API can be queried" == what
    assert found is None if problem is None else problem in found


def test_doctor_without_an_answer(organization):
    """A name that is unknown, an organization that is not set and a token that is missing are told apart."""
    unknown = {"url": "https://nobody.invalid", "api_token": "x"}

    assert "the name nobody.invalid is unknown" in doctor(unknown)[0][1]
    assert "set organization to the name of your Okta organization" in doctor({"api_token": "x"})[0][1]
    assert "the API token is missing" in doctor({"organization": "example"})[0][1]
    assert [] == doctor({})


@pytest.mark.parametrize("settings", [{}, {"client_id": "0oa1"}])
def test_a_start_without_a_secret(tmp_path, settings):
    """What is configured and has no secret stops the start, as other wrong settings do; syscall alone is not enough."""
    block = {"name": "okta", "init_config": {"organization": "example", **settings}}
    config = {"load_plugins": ["okta"], "plugins": [block], "engine": {"kind": "nodriver"}, "log_syslog": False}
    (tmp_path / "falco.yaml").write_text(json.dumps(config))
    environment = {"FALCOHOST_STATE_DIR": str(tmp_path / "state"), "PATH": os.environ["PATH"]}
    done = run_cli("-c", "falco.yaml", "--dry-run", folder=tmp_path, environment=environment)

    assert 1 == done.returncode
    assert "falcohost would not start:" in done.stderr
    assert "is missing: set init_config." in done.stderr.partition("would not start:")[2]
