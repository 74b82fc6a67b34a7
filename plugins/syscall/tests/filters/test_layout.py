"""The memory that filters read, as the loaded probe has it."""

from __future__ import annotations

from pathlib import Path

from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.facts import layout
from falcohost_syscall.records import record


def test_scratch_of_the_probe(bpf):
    """The loaded probe's scratch memory has the size that filters are made for."""
    with Probe() as probe:
        info = Path(f"/proc/self/fdinfo/{probe.map_fd('scratches')}").read_text()

    size = record.SIZES["scratch"]
    assert f"value_size:\t{-(-size // 8) * 8}\n" in info


def test_texts_are_behind_each_other():
    """The views of a file and of processes lie behind each other, as filters count them."""
    assert [4 * place for place in range(len(layout.FILE_NAMES))] == list(record.PLACES["file_names"].values())
    assert layout.MEMBERS["pids"] - layout.MEMBERS["process"] == 4 * layout.PROCESS_VIEWS
    assert layout.MEMBERS["local"] - layout.MEMBERS["views"] == 4 * len(layout.VIEWS)
