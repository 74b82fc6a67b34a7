"""Fixtures for the tests of the host: configurations in files, messages of refused ones, and room for many files."""

import resource

import pytest

from falcohost import ConfigError
from falcohost.host.config import load_config
from falcohost.host.open_files import WANTED


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


@pytest.fixture
def many_files():
    """Let this process have as many files open as an agent wants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < WANTED:
        pytest.skip(f"no more than {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, WANTED) if soft != -1 else soft, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
