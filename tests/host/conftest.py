"""Fixtures for the tests of the host: a configuration written to a file, and the message when one is refused."""

import pytest

from falcohost import ConfigError
from falcohost.host.config import load_config


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(text: str, name: str = "falco.yaml") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def error_of():
    """Return a function that returns the text of the error that loading raises."""

    def error_of(path: str, *options: str) -> str:
        with pytest.raises(ConfigError) as caught:
            load_config(path, options)
        return str(caught.value)

    return error_of
