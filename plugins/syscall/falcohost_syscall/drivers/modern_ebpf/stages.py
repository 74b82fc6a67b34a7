"""Fills the probe's program arrays: which of its programs is which stage of an event.

The object file does not say it, so that programs that no rule needs can be left out (:mod:`.parts`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Set
from typing import Final

from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.records import record

#: By program array: the programs by place. What is left out (while costs are measured) is put there by the probe.
STAGES: Final[Mapping[str, Mapping[int, str]]] = {
    "stages": {
        record.STAGE_OBJECTS: "gather_objects",
        record.STAGE_MEMORY: "gather_memory",
        record.STAGE_PROCESS: "gather_process",
        record.STAGE_ANCESTORS: "gather_ancestors",
        record.STAGE_TELL: "tell_call",
        record.STAGE_SUBMIT: "submit_call",
        record.STAGE_MESSAGES: "submit_messages",
        record.STAGE_NAMES: "next_name",
        record.STAGE_ARGUMENTS: "gather_arguments",
        record.STAGE_PRESENT: "gather_present",
        record.STAGE_UNWANTED: "folder_unwanted",
        record.STAGE_WANTED: "folder_wanted",
    },
    "exec_stages": {
        record.EXEC_WANTED: "exec_wanted",
        record.EXEC_ANCESTORS: "exec_ancestors",
        record.EXEC_SUBMIT: "submit_exec",
        record.EXEC_NAMES: "next_exe_name",
    },
    "exit_stages": {
        record.EXIT_WANTED: "exit_wanted",
        record.EXIT_SUBMIT: "submit_exit",
    },
}
_U32: Final = struct.Struct("=I")


def fill(probe: Object) -> None:
    """Put the programs of the loaded *probe* into its arrays."""
    for array, place, name in places(probe.loaded()):
        probe.update(probe.map_fd(array), _U32.pack(place), _U32.pack(probe.program_fd(name)))


def places(programs: Set[str]) -> Iterator[tuple[str, int, str]]:
    """Yield which of these *programs* are stages: the array, the place in it, and the program."""
    for array, found in STAGES.items():
        for place, name in found.items():
            if name in programs:
                yield array, place, name
