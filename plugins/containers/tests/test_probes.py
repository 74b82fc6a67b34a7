"""Which commands are a health check or a probe."""

import json

import pytest

from falcohost_containers.probes import command, is_part
from falcohost_containers.runtimes.applied import probes


@pytest.mark.parametrize(
    ("check", "entered", "part"),
    [
        (("curl", "-f", "http://x"), ("curl", "-f", "http://x"), True),
        (("curl", "-f", "http://x"), ("curl", "-f", "http://y"), False),
        (("curl", "-f", "http://x"), ("curl", "-f", "http://x", "-o", "/bin/sh"), False),
        ((), (), False),
        (("sh", "-c", "curl -fs http://x:80/?a; true && curl -f http://x:80/"), ("curl", "-f", "http://x:80/"), False),
        (("sh", "-c", "true && curl -f http://x:80/"), ("curl", "-f", "http://x:80/"), True),
        (("sh", "-c", "cat /a"), ("sh", "-c", "cat /a"), True),
        (("sh", "-c", "cat /a"), ("cat", "/a"), True),
        (("sh", "-c", "cat /a"), ("cat", "/b"), False),
        (("sh", "-c", "exec cat '/a b' >/dev/null 2>&1"), ("cat", "/a b"), True),
        (("sh", "-c", "test -e /x && cat /a"), ("cat", "/a"), True),
        (("sh", "-c", "test -e /x && cat /a"), ("test", "-e", "/x"), False),
        (("sh", "-c", "cat $FILE"), ("cat", "$FILE"), False),
        (("sh", "-c", "cat '/a"), ("cat", "/a"), False),
        (("sh", "-c", "true;"), (), False),
        (("/bin/sh", "-c", "cat /a"), ("sh", "-c", "cat /a"), True),
        (("/bin/bash", "-c", "cat /a"), ("sh", "-c", "cat /a"), False),
        (("sh", "-x", "cat /a"), ("cat", "/a"), False),
        (("sh", "-c", "cat /a"), None, False),
    ],
)
def test_what_is_part(check, entered, part):
    """Word for word, or what a shell replaces itself by; with what a shell would expand, only the shell is."""
    assert part is is_part(check, entered)


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ([], ()),
        (["NONE"], ()),
        (["CMD"], ()),
        (["CMD", "cat", "/a"], ("cat", "/a")),
        (["CMD-SHELL", "cat /a"], ("/bin/sh", "-c", "cat /a")),
    ],
)
def test_commands(test, words):
    """Docker's description is made into the words of the process."""
    assert words == command(test)


@pytest.mark.parametrize(
    "applied",
    [
        "",
        "5",
        "[" * 100_000,
        json.dumps({"kind": "Deployment", "spec": {"containers": [{"name": "web"}]}}),
        json.dumps({"kind": "Pod", "spec": {"containers": [{"name": "other"}]}}),
        json.dumps({"kind": "Pod", "spec": {"containers": {"name": "web"}}}),
    ],
)
def test_what_is_not_known(applied):
    """Annotations that say nothing of the container say nothing of its probes."""
    assert (None, None) == probes({"kubectl.kubernetes.io/last-applied-configuration": applied}, "web")
    assert (None, None) == probes({}, "web")
