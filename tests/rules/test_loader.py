"""Loading files from disk."""

import pytest

from falcohost.errors import RulesError
from falcohost.rules.loader import load_rules, read_file


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_encodings(tmp_path, encoding, mark):
    """Files are in UTF-8, UTF-16 or UTF-32, with a mark at the start or without."""
    path = tmp_path / "rules.yaml"
    path.write_bytes(f"{mark}- list: é\n".encode(encoding))

    assert "- list: é\n" == read_file(str(path)).text


@pytest.mark.parametrize("content", [b"", b"\n", b"\0", b"\xff", b"\xff\xfe", b"\xfe\xff-", b"a\0\0"])
def test_short_files(tmp_path, content):
    """A file that ends within a mark or a character is read all the same."""
    path = tmp_path / "rules.yaml"
    path.write_bytes(content)

    assert len(content) >= len(read_file(str(path)).text)


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
