"""The plugin's settings, and what its process may do because of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from falcohost import ConfigError
from falcohost_k8smeta import plugin
from falcohost_k8smeta.config import HOST, NODE, PORT, names_collector, parse


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Return what sets variables; at first there are none."""
    for name in (HOST, PORT, *NODE):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_in_a_pod(environment):
    """Kubernetes tells a pod where the API server is; the manifest tells it the node."""
    environment(HOST, "10.96.0.1")
    environment(PORT, "6443")
    environment("FALCO_K8S_NODE_NAME", "node-1")
    found = parse({})

    assert ("10.96.0.1:6443", "node-1") == (found.address, found.node)
    assert ("/var/run/secrets/kubernetes.io/serviceaccount",) == found.files


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://kube.example", "kube.example:443"),
        ("https://10.0.0.1:6443/", "10.0.0.1:6443"),
        ("https://[fd00::1]:6443", "[fd00::1]:6443"),
    ],
)
def test_addresses(given, address):
    """An address may have a port; that of IPv6 has brackets."""
    assert address == parse({"apiServer": given}).address


@pytest.mark.parametrize(
    "settings",
    [
        {"apiServer": "http://kube.example"},
        {"apiServer": "kube.example:443"},
        {"apiServer": "https://kube.example:0"},
        {"apiServer": "https://kube.example:70000"},
        {"apiServer": "https://kube.example/path"},
        {"apiServer": 5},
        {"nodeName": "a&watch=1"},
        {"nodeName": "../x"},
        {"tokenFile": "token"},
    ],
)
def test_what_is_refused(settings):
    """Without TLS nobody is asked; a node's name cannot change the request."""
    with pytest.raises(ConfigError, match="k8smeta"):
        parse(settings)


def test_falcos_settings(caplog):
    """Those of Falco's plugin are accepted, and it is said that no collector is asked."""
    falcos = {
        "collectorHostname": "c",
        "collectorPort": 45000,
        "nodeName": "n",
        "verbosity": "info",
        "hostProc": "/host",
    }
    assert "n" == parse(falcos).node
    assert names_collector(falcos)
    assert not names_collector({"nodeName": "n"})
    (spec,) = plugin.falcohost_lookups(falcos)
    spec.make({**falcos, "helpers": {}}).close()

    assert "not a collector" in caplog.text


def test_what_the_process_may_do():
    """It connects to one address and reads one folder; it keeps a capability only for a token of root's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        token, authority = Path(folder, "token"), Path(folder, "ca.crt")
        token.touch(0o644)
        authority.touch(0o644)
        settings = {"apiServer": "https://10.0.0.1", "tokenFile": str(token), "caFile": str(authority), "nodeName": "n"}

        def helper():
            (spec,) = plugin.falcohost_lookups(settings)
            return spec.helper

        assert {"CAP_DAC_READ_SEARCH"} == helper().capabilities  # the folder is root's alone
        Path(folder).chmod(0o755)
        assert (frozenset(), (folder,), ("10.0.0.1:443",)) == (
            helper().capabilities,
            helper().files,
            helper().connects,
        )
        token.chmod(0o600)
        assert {"CAP_DAC_READ_SEARCH"} == helper().capabilities


def test_no_token_no_process(tmp_path):
    """Where there is no token, the process is not started; when it comes, it is."""
    (spec,) = plugin.falcohost_lookups({"tokenFile": str(tmp_path / "token")})
    assert not spec.helper.is_of_use

    (tmp_path / "token").touch()
    assert spec.helper.is_of_use
