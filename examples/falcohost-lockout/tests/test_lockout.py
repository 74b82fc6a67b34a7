"""The action locks whom an alert is about, says what it did, and says why it did nothing."""

import msgspec
import pytest

import falcohost_lockout
from falcohost import UserSubject
from falcohost.action import ActionError
from falcohost.testing import HttpServer, PluginContract, Reply, alert
from falcohost_lockout import Lockout


class TestPlugin(PluginContract):
    """Its hooks are sound."""

    plugin = falcohost_lockout


def about(*names):
    """Return an alert about users."""
    subjects = tuple(UserSubject("okta.user", name) for name in names)
    return msgspec.structs.replace(alert("a"), subjects=subjects)


@pytest.fixture
def provider():
    """Return a provider that knows one user."""
    server = HttpServer(lambda request: Reply(200 if "anna" in request.path else 404))
    yield server
    server.close()


def test_locks(provider):
    """The account is locked with one request, and what is returned says so."""
    action = Lockout(provider.url)

    assert "has locked anna/x" == action.act(about("anna/x", "bert"))
    assert [("POST", "/users/anna%2Fx/lock")] == [(one.method, one.path) for one in provider.requests]


@pytest.mark.parametrize("names", [(), ("bert",), ("spared",)])
def test_locks_nobody(provider, names):
    """Without a user, with one whom the provider does not know, or who is spared, it says that nothing was done."""
    with pytest.raises(ActionError, match=r"no user|not locked|is spared"):
        Lockout(provider.url, ["spared"]).act(about(*names))


@pytest.mark.parametrize("settings", [{}, {"url": 7}, {"url": "ftp://x"}])
def test_says_what_is_missing(settings):
    """Settings without an address are refused in a sentence."""
    with pytest.raises(ActionError, match="lockout: url has to be"):
        Lockout.from_config(settings)
