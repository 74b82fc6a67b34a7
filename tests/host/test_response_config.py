"""The block actions: what it may have, and what is said of what it may not."""

import pytest

from falcohost.engine.ruleset import BoundAction, Rule, Ruleset
from falcohost.errors import ConfigError
from falcohost.host.config import load_config
from falcohost.host.config.response import PROTECTED
from falcohost.host.response.binding import bound_actions

BLOCK = """
actions:
  enabled: true
  define:
    zap: {type: kill, signal: term, scope: tree}
    tell: {type: http, url: "https://soc.example/hook", headers: {X-Key: abc}}
  bind:
    - rules: [Shell]
      actions: [zap]
    - tags: [web]
      actions: [tell]
"""


@pytest.fixture
def read(tmp_path):
    """Return a function that returns the configuration of actions in a file."""

    def read(text, *options):
        (tmp_path / "falco.yaml").write_text(text)
        return load_config(str(tmp_path / "falco.yaml"), options).response

    return read


def rule(name, *, tags=(), actions=(), source="syscall"):
    """Return a rule, with what matters here."""
    return Rule(
        name=name, source=source, priority=5, tags=tags, description="", condition=None, output=None, event_types=None,
        actions=actions,
    )  # fmt: skip


def test_off(read):
    """Without the block nothing is bound, and it is not acted."""
    response = read("json_output: true\n")

    assert (False, False, {}, PROTECTED) == (
        response.enabled, response.acts, dict(response.actions), response.protected.programs,
    )  # fmt: skip
    assert {} == bound_actions(read(BLOCK.replace("true", "false")), Ruleset((rule("Shell"),)), ["syscall"])


def test_what_is_read(read):
    """Signals have their full names, and only told is what is not switched on twice."""
    response = read(BLOCK)

    assert (True, False, 60) == (response.enabled, response.acts, response.per_minute)
    assert {"signal": "SIGTERM", "scope": "tree"} == response.actions["zap"].block
    assert "https://soc.example/hook" == response.actions["tell"].block["url"]
    assert read(BLOCK, "actions.mode=act").acts


def test_what_is_bound(read):
    """Rules have the actions that are bound to them or to their tags, and those that they ask for themselves."""
    rules = Ruleset(
        (
            rule("Shell", tags=("web",)),
            rule("Own", actions=(BoundAction("zap", "r.yaml:1:2"),)),
            rule("None"),
            rule("Elsewhere", source="okta", tags=("web",)),
        )
    )

    assert {"syscall": {"Shell": ("zap", "tell"), "Own": ("zap",)}} == bound_actions(read(BLOCK), rules, ["syscall"])


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (("type: kill", "type: kil"), "", ""),
        (("signal: term", "signal: SIGNAL"), "5:31", "has to be the name of a signal"),
        (("scope: tree", "scope: all"), "5:44", "has to be one of process, tree, cgroup"),
        (("scope: tree", "scop: tree"), "5:43", "did you mean scope?"),
        (("actions: [zap]", "actions: [zip]"), "9:17", "there is no action 'zip'; did you mean 'zap'?"),
        (("actions: [zap]", "actions: []"), "9:16", "has to name the actions"),
        (("- rules: [Shell]", "- rules: []"), "8:14", "or tags has to say"),
        (("- tags: [web]", "- tag: [web]"), "10:12", "is not a key of a binding"),
        (("https://soc", "ftp://soc"), "6:29", "has to be like https://"),
        (("zap: {", "Zap: {"), "5:10", "is no name of an action"),
        (("enabled: true", "enabled: true\n  mode: kill"), "4:9", "has to be observe or act, not 'kill'"),
        (("enabled: true", "enabled: true\n  max_per_minute: 0"), "4:19", "has to be 1 or more"),
        (("enabled: true", "enabled: true\n  protected: [sshd]"), "4:14", "paths that begin with /"),
        (("enabled: true", "enabled: true\n  protected_namespaces: [x]"), "4:25", "inodes of pid namespaces"),
        (("enabled: true", "enabled: true\n  protected_cgroups: [/a/..]"), "4:22", "have no .."),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_mistakes(read, change, place, said):
    """Each says where it is, and what would mend it."""
    text = BLOCK.replace(*change)
    if not said:
        assert "kil" == read(text).actions["zap"].kind  # perhaps a plugin's
        return
    with pytest.raises(ConfigError) as raised:
        read(text)

    assert f"falco.yaml:{place}: " in str(raised.value)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([rule("Shell1", tags=("web",))], "falco.yaml:8:15: there is no rule 'Shell'; did you mean 'Shell1'?"),
        ([rule("Shell", tags=("webs",))], "falco.yaml:10:14: there is no tag 'web'; did you mean 'webs'?"),
        (
            [rule("Shell", tags=("web",), actions=(BoundAction("zaps", "r.yaml:7:3"),))],
            "r.yaml:7:3: there is no action 'zaps'; did you mean 'zap'?",
        ),
    ],
    ids=["rule", "tag", "action"],
)
def test_what_there_is_not(read, rules, said):
    """A rule, a tag or an action that there is not is an error with its place."""
    with pytest.raises(ConfigError) as raised:
        bound_actions(read(BLOCK), Ruleset(tuple(rules)), ["syscall"])

    assert said in str(raised.value)
