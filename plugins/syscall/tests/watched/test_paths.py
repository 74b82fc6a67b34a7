"""Which files are watched by inode, as rules and the configuration say."""

from __future__ import annotations

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.typecheck import check
from falcohost.errors import ConfigError
from falcohost.events import Plan
from falcohost.lang.parser import parse
from falcohost_syscall.drivers.modern_ebpf import config
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.watched.paths import watched_paths

CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))


def plan(condition: str) -> Plan:
    """Return the plan of a rule."""
    return Plan("syscall", condition=check(parse(condition), CATALOG).expr)


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        ("fd.name = /a", {"/a"}),
        ("evt.type = openat and (fd.name in (/a, /b) or fs.path.name = /c) and not proc.name = x", {"/a", "/b", "/c"}),
        ("fd.name != /a or not fd.name in (/b, /c)", set()),
        ("not (proc.name = x or not fd.name = /a)", {"/a"}),
        ("fd.name startswith /a or fd.directory = /b or fd.name glob /c* or fd.nameraw = /d", set()),
        ("tolower(fd.name) = /a or fd.name = val(fd.nameraw)", set()),
        ("fd.name in (a, /)", {"/"}),
        (f"fd.name in (/{'a' * 253}, /{'b' * 254})", {f"/{'a' * 253}", f"/{'b' * 254}"}),
    ],
)
def test_paths_of_rules(condition, paths):
    """Those with which a rule compares a whole name in order to fire."""
    assert paths == watched_paths(["rules"], plan(condition))


@pytest.mark.parametrize(
    ("setting", "paths"),
    [([], set()), (["/b"], {"/b"}), (["/b", "rules"], {"/a", "/b"})],
)
def test_paths_of_the_configuration(setting, paths):
    """The configuration adds paths, or says that rules do not count."""
    assert paths == watched_paths(setting, plan("fd.name = /a"))


def test_everything_is_wanted():
    """Where nothing is known of the rules, they name no file."""
    assert set() == watched_paths(["rules"], Plan("syscall"))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("rules", r"expected a list such as \[rules, /etc/shadow\], not 'rules'"),
        (["etc/shadow"], "expected rules or an absolute path of at most 255 bytes, not 'etc/shadow'"),
        (["/" + "a" * 255], "expected rules or an absolute path of at most 255 bytes, not '/a"),
        ([7], "expected rules or an absolute path of at most 255 bytes, not 7"),
    ],
)
def test_wrong_settings(value, message):
    """A path that cannot be watched is reported."""
    with pytest.raises(ConfigError, match=rf"falcohost\.watch_inodes: {message}"):
        config.parse({"falcohost": {"watch_inodes": value}})
