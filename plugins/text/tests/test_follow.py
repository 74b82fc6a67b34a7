"""A text log that grows and is rotated."""

from falcohost import Plan
from falcohost_text.config import read_sources
from falcohost_text.source import source_spec


def test_rotation(tmp_path):
    """Every line is read once, over renaming, and a line that is written in two parts is one."""
    log = tmp_path / "log"
    log.write_bytes(b"{1}\n[2")
    (config,) = read_sources({"open_params": str(log), "follow": True})
    source = source_spec(config).make({})
    source.open(Plan(source="text"), None)
    steps = [lambda: None, lambda: _append(log, b"] {x}"), lambda: _append(log, b" y\n3\n"), lambda: _rotate(log)]
    lines, keys, idle = [], set(), 0
    for batch in source.batches():
        found = list(batch.events)
        lines += [event.line for event in found]
        keys |= {event.key for event in found}
        idle = 0 if found else idle + 1
        if len(lines) == 5:
            break
        if idle == 2 and steps:
            steps.pop(0)()
            idle = 0
    source.close()

    assert lines == ["{1}", "[2] {x} y", "3", "4", "5"]
    assert len(keys) == 5


def _append(log, data):
    with log.open("ab") as file:
        file.write(data)


def _rotate(log):
    _append(log, b"4\n")
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"5\n")
