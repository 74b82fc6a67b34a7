"""Buffers for commands that show or record what this host does: for a while, rather memory than losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: For the time of a command: 32 MiB for calls, half as much for processes.
_BUFFERS: Final = 6


def with_large_buffers(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *settings* with buffers that hold what a busy machine does in a second, unless they give a size."""
    engine = settings.get("engine") or {}
    probe = engine.get("modern_ebpf") or {}
    size = probe.get("buf_size_preset")
    return {
        **settings,
        "engine": {**engine, "modern_ebpf": {**probe, "buf_size_preset": _BUFFERS if size is None else size}},
    }
