"""The environment of processes that the agent starts."""

import pytest

from falcohost import environment
from falcohost.environment import for_programs, let_programs_have, selected

VARIABLES = {"PATH": "/bin", "LC_ALL": "C", "AWS_PROFILE": "p", "https_proxy": "p", "TOKEN": "t"}


@pytest.fixture(autouse=True)
def as_before():
    """Have programs get no more than others afterwards."""
    yield
    let_programs_have(())


def test_variables_are_selected_by_name():
    """A star stands for any characters; a name alone for no other."""
    assert {"AWS_PROFILE": "p", "https_proxy": "p"} == selected(VARIABLES, ("AWS_*", *environment.PROXIES))
    assert {"TOKEN": "t"} == selected(VARIABLES, ("TOKEN",))
    assert {} == selected(VARIABLES, ("TOK", "token"))


def test_programs_get_what_every_process_has(monkeypatch):
    """They get more only if that is said."""
    monkeypatch.setattr("os.environ", VARIABLES)

    assert {"PATH": "/bin", "LC_ALL": "C"} == for_programs()
    let_programs_have(["T*"])
    assert {"PATH": "/bin", "LC_ALL": "C", "TOKEN": "t"} == for_programs()
