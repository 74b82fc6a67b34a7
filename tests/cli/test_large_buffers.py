"""Commands that show or record what a host does have larger buffers, unless the configuration says otherwise."""

from __future__ import annotations

import pytest

from falcohost.cli import large_buffers
from falcohost.cli.large_buffers import of_each, with_large_buffers

GIB = 1 << 30


def test_drivers_have_larger_buffers(monkeypatch):
    """The probe's and those of ebpf are larger than an agent's; other settings stay."""
    monkeypatch.setattr(large_buffers.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(large_buffers, "_memory", lambda: 4 * GIB)
    made = with_large_buffers({"engine": {"kind": "ebpf", "ebpf": {"drop_failed_exit": True}}, "other": 1})

    assert made == {
        "engine": {
            "kind": "ebpf",
            "modern_ebpf": {"buf_size_preset": 6},
            "ebpf": {"drop_failed_exit": True, "buf_size_preset": 6},
        },
        "other": 1,
    }


def test_a_size_that_was_given_stays():
    """What the configuration says is kept, also a smaller size."""
    given = {"engine": {"ebpf": {"buf_size_preset": 1}, "modern_ebpf": {"buf_size_preset": 2}}}

    assert given == with_large_buffers(given)


@pytest.mark.parametrize(
    ("processors", "memory", "size"),
    [(1, GIB, 6), (2, GIB, 6), (4, GIB, 5), (8, GIB, 4), (16, 64 * GIB, 6), (32, 64 * GIB, 5), (256, 64 * GIB, 4)],
)
def test_all_together_are_bounded(processors, memory, size):
    """Many processors, or little memory, have smaller buffers, but none smaller than an agent's."""
    assert size == of_each(processors, memory)
