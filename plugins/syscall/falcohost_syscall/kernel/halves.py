"""Loads the programs of an object in two threads, so that the kernel checks a program on each of two processors.

libbpf loads one program of an object after the other. So the file is opened three times: for its maps, and for two
halves of its programs, which share the maps. Programs that were left out can be added later in the same way. Where the
programs were kept (:mod:`.kept_programs`), only the maps are libbpf's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING, TypeAlias

from falcohost_syscall.kernel.at_once import at_once
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.object_file import TYPES, without

if TYPE_CHECKING:
    from falcohost_syscall.kernel.kept_programs import KeptPrograms

#: Returns which of a file's programs are to be loaded, in groups that are loaded at the same time.
Split: TypeAlias = Callable[[Set[str]], Sequence[Set[str]]]


def are_of_use() -> bool:
    """Return whether this process has two processors."""
    return len(os.sched_getaffinity(0)) > 1


def load(
    library: Library,
    image: bytes,
    prepare: Callable[[Object], None],
    split: Split,
    *,
    codes: bool = False,
    kept: KeptPrograms | None = None,
) -> Object:
    """Load an object, which *prepare* sets up; return it.

    :param split: called once the maps are made.
    :param codes: keep the programs' instructions.
    :param kept: where programs may be that libbpf has loaded before. With it those that it loads have instructions.
    :raises LibbpfError: the kernel refused it, for a reason that only loading it as a whole tells.
    :raises UnreadableError: *image* is damaged.
    """
    with library.unheard():
        found, names = _opened(library, without(image, TYPES), prepare, frozenset())
        try:
            found.load()
            groups = split(names)
            if kept is None or not kept.load(found, groups, codes=codes):
                _add(found, image, prepare, groups, codes or kept is not None)
        except BaseException:
            found.close()
            raise
    return found


def add(
    found: Object, image: bytes, prepare: Callable[[Object], None], groups: Sequence[Set[str]], *, codes: bool = False
) -> None:
    """Load more programs of the object *found*, which *image* is the file of and *prepare* has set up.

    :param groups: the programs; those of different groups are loaded at the same time.
    :raises LibbpfError: the kernel refused one, so that none is loaded.
    """
    _add(found, image, prepare, groups, codes)


def _add(
    found: Object, image: bytes, prepare: Callable[[Object], None], groups: Sequence[Set[str]], codes: bool
) -> None:
    opened: list[Object] = []
    try:
        for group in groups:
            one, _ = _opened(found.library, image, prepare, group)
            opened.append(one)
            one.share(found)
        at_once([one.hand_over for one in opened])
        for one in opened:
            one.take_over(codes=codes)
        for one in opened:
            found.join(one)
    finally:
        for one in opened:
            one.close()


def _opened(
    library: Library, image: bytes, prepare: Callable[[Object], None], chosen: Set[str]
) -> tuple[Object, Set[str]]:
    """Return the opened file, of which only the programs *chosen* are to be loaded, and those that could be."""
    found = Object(library, image)
    try:
        prepare(found)
        enabled = found.enabled()
        for name in enabled - chosen:
            found.leave_out(name)
        return found, enabled
    except BaseException:
        found.close()
        raise
