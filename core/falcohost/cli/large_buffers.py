"""Buffers for commands that show or record what this host does: for a while, rather memory than losses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

#: For the time of a command: 32 MiB for calls, half as much for processes.
_BUFFERS: Final = 6
#: Of drivers with a buffer for each processor, its size is this at most, and that at least, as without a command.
_MOST_OF_EACH, _LEAST_OF_EACH = 6, 4
#: Most bytes of these buffers together, and most of the machine's memory.
_MOST: Final = 512 << 20
_PART: Final = 16


def with_large_buffers(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *settings* with buffers that hold what a busy machine does in a second, unless they give a size."""
    engine = settings.get("engine") or {}
    sizes = {"modern_ebpf": _BUFFERS, "ebpf": of_each(os.cpu_count() or 1, _memory())}
    larger = {name: _with_size(engine.get(name) or {}, size) for name, size in sizes.items()}
    return {**settings, "engine": {**engine, **larger}}


def _with_size(block: Any, size: int) -> Any:
    if not isinstance(block, Mapping) or block.get("buf_size_preset") is not None:
        return block
    return {**block, "buf_size_preset": size}


def of_each(processors: int, memory: int) -> int:
    """Return the size of the buffer of each of so many *processors*, as ``buf_size_preset``, with *memory* in bytes."""
    most = min(_MOST, memory // _PART)
    fits = (size for size in range(_MOST_OF_EACH, _LEAST_OF_EACH, -1) if processors << 19 + size <= most)
    return next(fits, _LEAST_OF_EACH)


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
