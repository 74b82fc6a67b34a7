"""Loading files from disk."""

import pytest

from falcohost.errors import RulesError
from falcohost.rules.loader import load_rules, read_file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path, encoding):
    """Files are in UTF-8 or UTF-16, with a mark at the start or without."""
    path = tmp_path / "rules.yaml"
    path.write_text("- list: é\n", encoding=encoding)

    assert "- list: é\n" == read_file(str(path)).text


def test_bytes_that_are_no_text(tmp_path, catalogs):
    """Bytes that are not UTF-8 do not stop the loader."""
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"- list: \xff\xfe\x80\n  items: []\n")

    assert load_rules([read_file(str(path))], catalogs).ok


def test_missing_file(tmp_path):
    """A file that is not there is named."""
    with pytest.raises(RulesError, match=r"Could not open file .*nope\.yaml for reading: No such file or directory"):
        read_file(str(tmp_path / "nope.yaml"))


def test_folder(tmp_path):
    """A folder is no rules file."""
    with pytest.raises(RulesError, match="Is a directory"):
        read_file(str(tmp_path))


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n", "[]\n", "- \n"])
def test_files_without_rules(load, text):
    """A file without anything in it is a good file without rules."""
    outcome = load(text)

    assert (True, ()) == (outcome.ok, outcome.ruleset.rules)


def test_order(load, rule):
    """Rules are in the order of their first definition over all files."""
    outcome = load(rule(name="b"), rule(name="a") + rule(name="b", output="new"))

    assert ["b", "a"] == [found.name for found in outcome.ruleset.rules]


def test_refused_files_do_not_stop_the_others(load, rule):
    """All files are loaded, so that all errors are told at once."""
    outcome = load("- 5\n", rule(), "- 6\n")

    assert [False, True, False] == [result.ok for result in outcome.results]
