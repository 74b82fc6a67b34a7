"""Loads the programs of an object in two threads, so that the kernel checks a program on each of two processors.

libbpf loads one program of an object after the other. So the file is opened three times: for its maps, for the programs
that its program arrays have from the beginning, and for the others. These share the maps.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from falcohost_syscall.kernel.libbpf import LibbpfError, Library, Object
from falcohost_syscall.kernel.object_file import ARRAYS, TYPES, in_arrays, without


def are_of_use() -> bool:
    """Return whether this process has two processors."""
    return len(os.sched_getaffinity(0)) > 1


def load(
    library: Library,
    image: bytes,
    prepare: Callable[[Object], None],
    *,
    codes: bool = False,
) -> Object:
    """Load an object, which *prepare* sets up; return it.

    :param codes: keep the programs' instructions.
    :raises LibbpfError: the kernel refused it, for a reason that only loading it as a whole tells.
    :raises UnreadableError: *image* is damaged.
    """
    first = in_arrays(image)  # which takes as long as the rest
    rest = without(image, ARRAYS)
    with library.unheard():
        found = _opened(library, without(rest, TYPES), prepare, lambda name: False)
        halves: list[Object] = []
        try:
            found.load()
            halves.append(_opened(library, image, prepare, first.__contains__))
            halves.append(_opened(library, rest, prepare, lambda name: name not in first))
            for half in halves:
                half.share(found)
            _load(halves)
            for half in halves:
                half.take_over(codes=codes)
                found.join(half)
        except BaseException:
            for one in (*halves, found):
                one.close()
            raise
    return found


def _opened(library: Library, image: bytes, prepare: Callable[[Object], None], chosen: Callable[[str], bool]) -> Object:
    found = Object(library, image)
    try:
        prepare(found)
        found.choose(chosen)
    except BaseException:
        found.close()
        raise
    return found


def _load(halves: list[Object]) -> None:
    """Load all *halves* at the same time.

    :raises LibbpfError: the kernel refused one.
    """
    failed: list[LibbpfError] = []

    def load(half: Object) -> None:
        try:
            half.hand_over()
        except LibbpfError as error:
            failed.append(error)

    threads = [threading.Thread(target=load, args=(half,)) for half in halves[1:]]
    for thread in threads:
        thread.start()
    load(halves[0])
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
