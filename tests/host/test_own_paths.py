"""Which files count as the agent's own: where outputs write alerts, but no devices."""

import json
from pathlib import Path

import pytest

from falcohost.host.config import load_config
from falcohost.host.own_paths import ABOVE, OUTPUTS, own_lists
from falcohost.host.plugins import load_plugins


@pytest.fixture
def lists(tmp_path):
    """Return a function that returns the lists for a file of alerts."""

    def lists(filename: str) -> dict[str, tuple[str, ...]]:
        file = tmp_path / "falco.yaml"
        file.write_text(json.dumps({"file_output": {"enabled": True, "filename": filename}}))
        return own_lists(load_config(str(file)), load_plugins([]), ())

    return lists


@pytest.mark.parametrize("filename", ["/srv/alerts.json", "/dev/shm/alerts.json", "/dev/shm/falcohost/alerts.json"])
def test_a_file_of_alerts(lists, filename):
    """Also one in shared memory, which is no device although it is below /dev."""
    assert lists(filename)[OUTPUTS] == (filename,)
    assert str(Path(filename).parent) in lists(filename)[ABOVE]


@pytest.mark.parametrize("filename", ["/dev/null", "/dev/tty1", "/proc/self/fd/1000000"])
def test_a_device(lists, filename):
    """Everybody opens these."""
    assert lists(filename)[OUTPUTS] == ()
