"""What rules ask for is worked out once for the same rules, and never taken from where others could have written it."""

import os

import pytest

from falcohost.hookspecs import SourceSpec
from falcohost.host.kept_asked import KeptAsked
from falcohost.host.plugins import PluginData

OURS = PluginData("ours", "falcohost_ours.plugin", "ours", "1", b"{}")


class Counting:
    """A source whose accounts may change; counts how often it is asked."""

    def __init__(self):
        self.accounts, self.asked = ["root"], 0

    def ask(self):
        """Return what nobody has got before."""
        self.asked += 1
        return f"answer {self.asked}".encode()

    @property
    def spec(self):
        """The source as the plugin offers it."""
        return SourceSpec(name="s", description="A source.", make=dict, asked_with=lambda settings: [*self.accounts])


@pytest.fixture
def source():
    """Return the source."""
    return Counting()


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Return the folder of a plugin's package."""
    package = tmp_path / "path" / "falcohost_ours"
    (package / "deep").mkdir(parents=True)
    for file in (package / "__init__.py", package / "plugin.py", package / "deep" / "code.py"):
        file.write_text("")
    monkeypatch.syspath_prepend(package.parent)
    return package


@pytest.fixture
def cache(tmp_path, plugin):
    """Return the folder of the cache."""
    return tmp_path / "cache"


def asked(cache, source, *, version="1", plugins=(OURS,), rules=b"rules", spec=None):
    """Return what a new process is answered."""
    return KeptAsked(cache, version).asked(spec or source.spec, {}, plugins, rules, source.ask)


def test_the_same_is_asked_once(cache, source):
    """A second start with the same rules gets what the first has worked out."""
    first = asked(cache, source)

    assert b"answer 1" == first == asked(cache, source)
    assert 1 == source.asked


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"rules": b"other"},
        {"plugins": (PluginData("ours", OURS.entry, "ours", "2", b"{}"),)},
        {"plugins": (PluginData("ours", OURS.entry, "ours", "1", b'{"a": 1}'),)},
        {"plugins": (OURS, PluginData("lookup", "falcohost_ours.lookup", "ours", "1", b"{}"))},
    ],
)
def test_what_it_depends_on_is_another_answer(cache, source, change):
    """Another version, other rules, settings or plugins are asked anew."""
    asked(cache, source)

    assert b"answer 2" == asked(cache, source, **change)


def test_accounts_are_what_the_plugin_says(cache, source):
    """What the plugin says that its answer depends on changes the answer."""
    asked(cache, source)
    source.accounts.append("new")

    assert b"answer 2" == asked(cache, source)


def test_changed_code_is_asked_anew(cache, source, plugin):
    """Code that changes without a new version, as while somebody works on it, is noticed."""
    asked(cache, source)
    os.utime(plugin / "deep" / "code.py", ns=(1, 1))

    assert b"answer 2" == asked(cache, source)


def test_what_changes_meanwhile_is_not_kept(cache, source):
    """An answer is not kept under what it depended on a moment ago."""

    def ask():
        source.accounts.append("new")
        return source.ask()

    KeptAsked(cache, "1").asked(source.spec, {}, [OURS], b"rules", ask)
    source.accounts.pop()

    assert b"answer 2" == asked(cache, source)


@pytest.mark.parametrize("spec", [{}, {"asked_with": lambda settings: None}])
def test_without_knowing_on_what_it_depends_nothing_is_kept(cache, source, spec):
    """A source that does not say on what its answers depend is always asked."""
    spec = SourceSpec(name="s", description="A source.", make=dict, **spec)
    asked(cache, source, spec=spec)

    assert b"answer 2" == asked(cache, source, spec=spec)
    assert not cache.exists()


def test_without_a_cache_nothing_is_kept(source):
    """With the cache switched off the source is always asked."""
    asked(None, source)

    assert b"answer 2" == asked(None, source)


def entry(cache):
    """Return the only file in the cache."""
    (found,) = cache.iterdir()
    return found


@pytest.mark.parametrize("place", [0, 30, 60, -1])
def test_a_damaged_answer_is_not_taken(cache, source, place):
    """One changed byte anywhere, and it is worked out again."""
    asked(cache, source)
    data = bytearray(entry(cache).read_bytes())
    data[place] ^= 1
    entry(cache).write_bytes(data)

    assert b"answer 2" == asked(cache, source)
    assert b"answer 2" == asked(cache, source)


def test_an_answer_under_another_name_is_not_taken(cache, source):
    """A whole answer that was moved in place of another one is not taken for it."""
    asked(cache, source)
    first = entry(cache)
    asked(cache, source, rules=b"all that others do")
    (second,) = set(cache.iterdir()) - {first}
    second.rename(first)

    assert b"answer 3" == asked(cache, source)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["entry", "folder"])
def test_what_others_could_write_is_not_taken(cache, source, what):
    """An answer of another user, or in another user's folder, would decide what the kernel leaves out."""
    asked(cache, source)
    os.chown(entry(cache) if what == "entry" else cache, 65534, 65534)

    assert b"answer 2" == asked(cache, source)
    assert b"answer 3" == asked(cache, source) or what == "entry"
