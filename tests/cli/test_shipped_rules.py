"""Rules that come with falcohost, together with files of the user that append to them."""

from __future__ import annotations

import json

import pytest

NAME = "GitHub scanning switched off"
MINE = f"""
- rule: {NAME}
  exceptions:
    - name: mine
      fields: github.user
      values: [somebody]
  override: {{exceptions: append}}
- rule: Mine
  desc: Mine.
  condition: github.type = push
  output: mine
  priority: NOTICE
  source: github
"""
GITHUB = ("-o", "load_plugins[]=github", "-o", "json_output=true")
SHIPPED = ("-o", "falcohost.shipped_rules=true")


@pytest.fixture
def described(falcohost, tmp_path):
    """Return a function that returns the rules that are loaded with these arguments, by name."""
    (tmp_path / "mine.yaml").write_text(MINE)

    def described(*arguments):
        done = falcohost(*GITHUB, *arguments, "-L")
        assert done.returncode == 0, done.stderr
        return {rule["info"]["name"]: rule for rule in json.loads(done.stdout)["rules"]}

    return described


@pytest.mark.parametrize("given", [("-r", "mine.yaml"), ("-o", "rules_files[]=mine.yaml")])
def test_before_ones_own(described, given):
    """The shipped rules are loaded first, so that those of the user can append to them."""
    alone, both = described(), described(*given, *SHIPPED)

    assert {*alone, "Mine"} == {*both}
    assert "mine" in both[NAME]["details"]["exception_names"]
    assert "mine" not in alone[NAME]["details"]["exception_names"]


def test_not_without_the_key(falcohost, tmp_path):
    """Without the key only the user's files are loaded, and there is nothing to append to."""
    (tmp_path / "mine.yaml").write_text(MINE)
    done = falcohost(*GITHUB, "-r", "mine.yaml", "-L")

    assert done.returncode == 1
    assert NAME in done.stderr


def test_listed_twice(described, root):
    """A shipped file that the user lists, too, keeps its place in the user's list."""
    files = sorted((root / "plugins/github/falcohost_github/rules").glob("*.yaml"))
    listed = [argument for file in files for argument in ("-r", str(file))]

    assert described().keys() == described(*listed, *SHIPPED).keys()
