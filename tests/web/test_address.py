"""Where is listened: Falco's open_params."""

import pytest

from falcohost.errors import SourceError
from falcohost.web import is_address, read_address


@pytest.mark.parametrize(
    ("open_params", "shown", "loopback"),
    [
        ("http://127.0.0.1:9765/k8s-audit", "http://127.0.0.1:9765/k8s-audit", True),
        ("http://:9765/k8s-audit", "http://127.0.0.1:9765/k8s-audit", True),
        ("https://0.0.0.0:9765", "https://0.0.0.0:9765/", False),
        ("HTTPS://[::1]:9/a/b", "https://[::1]:9/a/b", True),
        ("http://[::]:9/", "http://[::]:9/", False),
        ("http://localhost:9/", "http://localhost:9/", True),
        ("http://example.org:9/", "http://example.org:9/", False),
    ],
)
def test_addresses(open_params, shown, loopback):
    """Scheme, host, port and path are taken as Falco takes them; no host is this machine's."""
    address = read_address(open_params, "tester")

    assert (shown, loopback) == (str(address), address.is_loopback)
    assert is_address(open_params)


@pytest.mark.parametrize(
    ("open_params", "text"),
    [
        ("http://127.0.0.1/k8s-audit", "has no port"),
        ("http://127.0.0.1:99999/", "is not an address"),
        ("http://127.0.0.1:x/", "is not an address"),
        ("http://user:secret@127.0.0.1:9/", "has to be http[s]://host:port/path"),
        ("http://127.0.0.1:9/?a=b", "has to be http[s]://host:port/path"),
    ],
)
def test_mistakes_are_told(open_params, text):
    """An invalid address is reported in a sentence."""
    with pytest.raises(SourceError) as raised:
        read_address(open_params, "tester")

    assert text in str(raised.value)


@pytest.mark.parametrize("open_params", ["/var/log/http", "file:///x", "http", "https:/x", ""])
def test_what_is_read_is_no_address(open_params):
    """Files and folders are no addresses."""
    assert not is_address(open_params)
