"""What the loader of a source does between its looks."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from falcohost.host import loader
from falcohost.host.loader import PAUSE, run_loader


@pytest.fixture
def released(monkeypatch):
    """Return how many looks there were each time when memory was given back."""
    return []


def run(monkeypatch, released, pauses):
    """Run a loader that wants to look again after these *pauses*, one after the other, until none is left."""
    source = Mock(spec=("open", "hand_up", "look", "outdated", "pause"))
    source.look.return_value, source.outdated.return_value = (), False
    left = iter(pauses)
    type(source).pause = property(lambda self: next(left))
    uplink = Mock()
    uplink.wait.return_value = ()
    given = SimpleNamespace(asked=b"", patterns=False, only_log=True)
    task = SimpleNamespace(load=lambda: source, capabilities=frozenset())
    for name, value in {
        "unseal_for_loader": lambda data: given,
        "make_load_task": lambda *_: task,
        "needs_of": lambda found: frozenset(),
        "job_of": lambda needs: "",
        "wire": Mock(),
        "release": lambda: released.append(source.look.call_count),
    }.items():
        monkeypatch.setattr(loader, name, value)
    for name in ("limit_environment", "share_arena", "load_no_re2", "confine", "Confinement", "settle", "log"):
        monkeypatch.setattr(loader, name, Mock())
    with pytest.raises(StopIteration):
        run_loader(0, uplink, 1, None)
    return [call.args[0] for call in uplink.wait.call_args_list]


def test_memory_is_given_back_when_a_start_is_over(monkeypatch, released):
    """A loader that has looked again soon, as it does until all is loaded, gives back what that took, once."""
    pauses = [0.02, 0, 0, PAUSE, PAUSE]

    assert pauses == run(monkeypatch, released, pauses)
    assert [3] == released


def test_a_loader_that_has_nothing_left_to_do(monkeypatch, released):
    """One that never hurries gives back nothing more than before."""
    run(monkeypatch, released, [PAUSE, PAUSE])

    assert [] == released
