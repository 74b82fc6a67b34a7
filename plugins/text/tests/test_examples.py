"""The example rules: each fires on its recorded or made lines, and not on the harmless ones beside them."""

from pathlib import Path

import pytest

import falcohost_text.plugin
from falcohost.testing import rules_fired

EXAMPLES = Path(__file__).parent.parent / "examples"

AUTH = "Nov 27 17:50:31 vm "
WEB = '192.0.2.1 - - [27/Nov/2026:17:50:20 +0000] "GET {} HTTP/1.1" {} 153 "-" "curl"'

#: For each rule lines that fire it, and lines that fire nothing.
LINES = {
    "SSH login failed": (
        "auth",
        ["sshd[1]: Failed password for invalid user eve from 192.0.2.1 port 22 ssh2",
         "sshd-session[1]: message repeated 2 times: [ Failed password for root from 192.0.2.1 port 22 ssh2]"],
        ["sshd[1]: Connection closed by 192.0.2.1 port 22 [preauth]", "other[1]: Failed password for x from y port 1"],
    ),
    "SSH login as root": (
        "auth",
        ["sshd[1]: Accepted password for root from 192.0.2.1 port 22 ssh2"],
        ["sshd[1]: Accepted password for rooty from 192.0.2.1 port 22 ssh2"],
    ),
    "Sudo refused": (
        "auth",
        ["sudo:   eve : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id",
         "sudo:   eve : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id"],
        ["sudo:   eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id"],
    ),
    "Sudo message with two meanings": (
        "auth",
        ["sudo:   eve : PWD=/x ; USER=bob ; COMMAND=/bin/true ; USER=root ; COMMAND=/bin/sh",
         "sudo:   eve : user NOT in sudoers ; PWD=/x ; COMMAND=/bin/id ; USER=root ; COMMAND=/bin/sh"],
        ["sudo:   eve : TTY=pts/0 ; PWD=/x;USER=bob ; USER=root ; COMMAND=/bin/id ;"],
    ),
    "Shell through sudo": (
        "auth",
        ["sudo:   eve : TTY=pts/0 ; PWD=/home/eve ; USER=root ; COMMAND=/bin/bash",
         "sudo:   eve : PWD=/ ; USER=root ; ENV=A=1 ; COMMAND=/usr/bin/sh -c 'x ; y'"],
        ["sudo:   eve : TTY=pts/0 ; PWD=/bin/bash ; USER=root ; COMMAND=/bin/ls /bin/bash",
         "sudo:   eve : TTY=pts/0 ; PWD=/ ; USER=bob ; COMMAND=/bin/bash"],
    ),
    "Path traversal": (
        "web",
        [WEB.format(url, 404) for url in ("/../etc/passwd", "/a/%2e%2e/b", "/%252e%252e/b", "/a/..", "/a\\x2F../b")],
        [WEB.format(url, 404) for url in ("/a..b/c", "/..a/b", "/a?b=../c", "/...")],
    ),
    "Path traversal that was answered": ("web", [WEB.format("/../etc/passwd", 200)], [WEB.format("/etc/passwd", 200)]),
}  # fmt: skip


def test_every_rule_has_lines():
    """Each rule of the examples is among the tested ones."""
    rules = [line for file in sorted(EXAMPLES.iterdir()) for line in file.read_text().splitlines()]

    assert sorted(LINES) == sorted(line.removeprefix("- rule: ") for line in rules if line.startswith("- rule: "))


@pytest.mark.parametrize("rule", LINES)
def test_rules(tmp_path, rule):
    """The rule fires on each of its lines, alone, and no rule on those beside them."""
    name, bad, good = LINES[rule]
    lines = [*bad, *good]
    (tmp_path / "log").write_text("".join(f"{AUTH if name == 'auth' else ''}{line}\n" for line in lines))
    entry = {"name": name, "open_params": str(tmp_path / "log"), "format": "auth" if name == "auth" else "nginx"}

    fired = rules_fired(falcohost_text.plugin, name, [EXAMPLES / f"{name}_rules.yaml"], {"sources": [entry]})

    assert fired == [[rule]] * len(bad) + [[]] * len(good)
