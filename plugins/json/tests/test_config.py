"""The configuration of JSON sources: valid settings, and mistakes in them."""

import pytest

from falcohost import FalcohostError
from falcohost.program import Program
from falcohost_json.config import read_sources


def test_the_block_itself():
    """A block that opens something is the source json."""
    (one,) = read_sources({"open_params": ["/a", "/b"], "time": "at"})

    assert (one.log.source, one.log.time, one.open_params) == ("json", "at", ["/a", "/b"])
    assert one.description == "JSON records of /a, /b."


def test_no_sources():
    """Falco's block of this plugin, which names no sources, is fine."""
    assert read_sources({}) == []
    assert read_sources({"init_config": ""}) == []


def test_sources():
    """Each entry is a source with its own path of the time."""
    one, two = read_sources(
        {
            "sources": [
                {"name": "one", "open_params": "/var/log/one", "time": 'a["b.c"]', "records": "events"},
                {"name": "two", "open_params": "/var/log/two", "description": "What two did."},
            ]
        }
    )

    assert (one.log.source, one.log.plugin, one.log.time, one.log.wrappers) == ("one", "json", 'a["b.c"]', ("events",))
    assert one.open_params == "/var/log/one"
    assert one.description == "JSON records of /var/log/one."
    assert (two.log.time, two.log.wrappers, two.description) == (None, (), "What two did.")


def test_programs():
    """A program is a list of words, or a text for the shell."""
    one, two = read_sources(
        {
            "sources": [
                {"name": "one", "program": ["tail", "-f", "/x"]},
                {"name": "two", "program": "a | b", "restart": "always"},
            ]
        }
    )

    assert (one.program, one.description) == (Program(("tail", "-f", "/x")), "JSON records of tail -f /x.")
    assert (two.program, two.description) == (Program(("/bin/sh", "-c", "a | b"), True), "JSON records of a | b.")


@pytest.mark.parametrize(
    ("sources", "text"),
    [
        ("one", "is not a list"),
        (["one"], "is not a mapping"),
        ([{"open_params": "x"}], "has no name"),
        ([{"name": "one"}], "'one' has neither open_params nor program"),
        ([{"name": "one", "open_params": "x", "program": "y"}], "'one' has both open_params and program"),
        ([{"name": "one", "program": ["x", 1]}], "a text for the shell, or a list of words"),
        ([{"name": "one", "program": "x", "restart": "never"}], "use one of: on failure, always"),
        ([{"name": "one", "program": "x", "groups": "adm"}], "groups is not a list of names of groups"),
        ([{"name": "one", "program": "x", "user": "root"}], "user is not the name of a user other than root"),
        ([{"name": "one", "program": "x", "user": 5}], "user is not the name of a user other than root"),
        ([{"name": "two words", "open_params": "x"}], "the name is not valid; use letters"),
        ([{"name": "one", "open_params": "x", "time": "a..b"}], "is not a JSON path"),
        (
            [{"name": "syscall", "open_params": "x"}, {"name": "syscall", "open_params": "x"}],
            "two sources have the name",
        ),
    ],
)
def test_mistakes_are_told(sources, text):
    """A mistake is told with the source that it is in."""
    with pytest.raises(FalcohostError, match=text):
        read_sources({"sources": sources})
