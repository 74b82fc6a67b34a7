"""Falco's list of repositories: their webhooks are found or made, their deliveries taken; and what doctor says."""

from __future__ import annotations

import json
import socket

import pytest

from falcohost.errors import AddressTaken, SourceError
from falcohost.poll import PollError
from falcohost.testing.ports import Port
from falcohost.testing.server import Reply
from falcohost_github.api import GithubApi
from falcohost_github.check import check
from falcohost_github.config import parse
from falcohost_github.hooks import Hooks, derived_secret
from falcohost_github.source import make

TOKEN = "ghp_of_the_tests"
URL = "https://falco.example.com/github"
HOOK = {"id": 42, "type": "Repository", "name": "web", "active": True, "events": ["*"], "config": {"url": URL}}
OTHER = HOOK | {"id": 41, "config": {"url": "https://ci.example.com"}}


@pytest.fixture
def see_to(hub):
    """Return a function that sees to webhooks, and returns those that are known then."""
    api = GithubApi(hub.url, TOKEN, "github")
    api.open()

    def see_to(*repositories, is_derived=False):
        known = []
        hooks = Hooks(api, repositories, URL, b"secret", is_derived=is_derived)
        try:
            hooks.see_to(known.append)
        except PollError as error:
            return known, str(error)
        return known, ""

    yield see_to
    api.close()


def sent(hub):
    """Return what was sent: method, path and body."""
    return [(one.method, one.path, json.loads(one.body)) for one in hub.server.requests if one.method != "GET"]


CONFIG = {"url": URL, "content_type": "json", "insecure_ssl": "0", "secret": "secret"}


def test_found(hub, see_to):
    """A webhook that calls the address is left as it is, but told the secret that nobody has set."""
    hub.about["/repos/octo-org/app/hooks"] = [OTHER, HOOK]
    hub.about["/repos/octo-org/app/hooks/42/config"] = {}

    assert (["repos/octo-org/app/hooks/42"], "") == see_to("octo-org/app")
    assert [] == sent(hub)
    see_to("octo-org/app", is_derived=True)
    assert [("PATCH", "/repos/octo-org/app/hooks/42/config", CONFIG)] == sent(hub)


def test_made(hub, see_to):
    """Where no webhook calls the address, one is made, of all events, signed."""
    hub.faults.extend([Reply(200, json.dumps([OTHER]).encode()), Reply(201, json.dumps(HOOK).encode())])

    assert (["repos/octo-org/app/hooks/42"], "") == see_to("octo-org/app")
    wanted = {"name": "web", "active": True, "events": ["*"], "config": CONFIG}
    assert [("POST", "/repos/octo-org/app/hooks", wanted)] == sent(hub)


def test_refused(hub, see_to):
    """A refusal by GitHub for one repository is reported, and the other repositories are handled."""
    hub.about["/repos/octo-org/lib/hooks"] = [HOOK]

    known, failure = see_to("octo-org/app", "octo-org/lib")
    assert ["repos/octo-org/lib/hooks/42"] == known
    assert "the webhook of octo-org/app: 127.0.0.1 answers 404" in failure
    assert "'Webhooks: read'" in failure


def test_all(hub, see_to):
    """``*`` is every repository that the token's user administers, without archived ones."""
    admin = {"permissions": {"admin": True}, "archived": False}
    hub.about["/user/repos"] = [
        {"full_name": "octo-org/app"} | admin,
        {"full_name": "octo-org/old"} | admin | {"archived": True},
        {"full_name": "octo-org/theirs", "permissions": {"admin": False}},
    ]
    hub.about["/repos/octo-org/app/hooks"] = [HOOK]

    assert (["repos/octo-org/app/hooks/42"], "") == see_to("*")


@pytest.mark.parametrize(
    ("open_params", "init_config", "address", "repositories"),
    [
        ("a/b", {}, "https://0.0.0.0:443/github", ("a/b",)),
        ("a/b, c/d.e", {"useHTTPs": False}, "http://0.0.0.0:80/github", ("a/b", "c/d.e")),
        ("*", {"listen": "http://127.0.0.1:8080/x"}, "http://127.0.0.1:8080/x", ("*",)),
        ("http://127.0.0.1:1/", {}, "http://127.0.0.1:1/", ()),
        ("/var/log", {}, "", ()),
        ("", {}, "", ()),
    ],
)
def test_what_is_opened(tmp_path, open_params, init_config, address, repositories):
    """Falco's lists of repositories, addresses and files are told apart."""
    given = {"open_params": open_params, "websocketServerURL": URL, "secretsDir": str(tmp_path), **init_config}
    config = parse(given, {})

    assert (address, repositories) == (config.address, config.repositories)


def test_a_folder_that_is_called_like_a_repository(tmp_path, monkeypatch):
    """Existing webhooks are read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log" / "github").mkdir(parents=True)
    config = parse({"open_params": "log/github"}, {})

    assert ("log/github", ()) == (config.files, config.repositories)


def test_without_what_falcos_form_needs(tmp_path, monkeypatch):
    """Without a token, or an address to call, it is said what is missing."""
    monkeypatch.delenv("GITHUB_PLUGIN_TOKEN", raising=False)
    given = {"open_params": "octo-org/app", "secretsDir": str(tmp_path)}

    with pytest.raises(SourceError, match=r"needs a token; put one into .*/github.token or the environment"):
        make(given | {"websocketServerURL": URL})
    monkeypatch.setenv("GITHUB_PLUGIN_TOKEN", TOKEN)
    with pytest.raises(SourceError, match=r"set init_config.websocketServerURL"):
        make(given)


def test_the_secret_that_nobody_has_set():
    """It is the same after a restart, another for another token, and not the token."""
    assert derived_secret("a", URL) == derived_secret("a", URL)
    assert derived_secret("a", URL) != derived_secret("b", URL)
    assert 64 == len(derived_secret("a", URL))


def test_whole_agent(hooked, hub):
    """With Falco's block a webhook is made, and what it delivers, and has missed, is taken."""
    made = HOOK | {"config": CONFIG}
    hub.about["/repos/octo-org/app/hooks/42/config"] = {}
    hub.about["/repos/octo-org/app/hooks"] = [made]
    repository = {"full_name": "octo-org/app"}
    served = hooked(hub=hub, open_params="octo-org/app", websocketServerURL=URL)
    assert 200 == served.post({"n": 1, "repository": repository}, "star")
    hub.missed({"n": 2, "repository": repository}, "star")
    assert 0 == served.agent.stop()
    served.begin()

    assert ["1 star -", "2 star -"] == sorted(served.wait_until_stored(2))


@pytest.fixture
def doctor(hub, tmp_path, monkeypatch):
    """Return a function that asks doctor, with an address that can be had."""
    monkeypatch.setenv("GITHUB_PLUGIN_TOKEN", TOKEN)
    hub.about["/rate_limit"] = {}
    port = Port()
    address = f"http://127.0.0.1:{port.number}/"
    given = {"secretsDir": str(tmp_path), "apiURL": hub.url, "websocketServerURL": URL, "listen": address}
    yield lambda **settings: [problem for _, problem in check(given | settings)]
    port.close()


def test_doctor(hub, doctor):
    """Nothing is wrong where everything is there."""
    hub.about["/repos/octo-org/app/hooks"] = [HOOK]

    assert [None] * 4 == doctor(open_params="octo-org/app", auditLog="octo-org")
    assert [] == doctor()


def test_doctor_and_webhooks(hub, doctor):
    """A webhook that is missing, or switched off, or may not be seen, is told."""
    hub.about["/repos/octo-org/app/hooks"] = [OTHER]
    hub.about["/repos/octo-org/lib/hooks"] = [HOOK | {"active": False}]

    _, missing, off, hidden, _ = doctor(open_params="octo-org/app,octo-org/lib,octo-org/no")
    assert f"no webhook calls {URL}; falcohost creates it when it starts" in missing
    assert "tick 'Active'" in off
    assert "404 Not Found" in hidden
    assert "'Webhooks: read'" in hidden


def test_doctor_and_a_wrong_token(hub, doctor, monkeypatch):
    """A token that GitHub does not take is told, once."""
    monkeypatch.setenv("GITHUB_PLUGIN_TOKEN", "another")

    (token, opened) = doctor(open_params="octo-org/app", auditLog="octo-org")
    assert opened is None
    assert "the token is wrong, was revoked or has expired; create a new one" in token


def test_doctor_and_a_port_that_is_taken(hub, doctor):
    """A port that somebody has is told."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(AddressTaken, match="another program uses the port"),
    ):
        doctor(open_params=f"http://127.0.0.1:{server.getsockname()[1]}/")


def test_doctor_and_no_token(doctor, monkeypatch):
    """Where a token is needed and there is none, it is told where to put it."""
    monkeypatch.delenv("GITHUB_PLUGIN_TOKEN")

    (problem,) = doctor(auditLog="octo-org")
    assert "put one into" in problem
