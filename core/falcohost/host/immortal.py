"""Makes what exists before the first fork immortal, so that forks go on sharing its memory.

An object has a count of who refers to it. Whoever looks at an object changes the count, and thereby copies the page for
its process: that is most of what forks of Python have for themselves. Since Python 3.12 objects may be immortal: their
count stays as it is (PEP 683). Python has no function that makes one, but it is nothing else than a value of the count.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import compress, repeat
from operator import is_
from types import CodeType
from typing import Final

#: The count of an immortal object, and where it is: the lower half of the first word of an object (object.h).
_IMMORTAL: Final = 0xFFFF_FFFF
_SIZE: Final = 4
#: The words of a process's memory: addresses have 47 bits or up to 57 on x86-64, 48 or up to 52 on arm64.
_ALL: Final = (1 << 57) // _SIZE


def _counts() -> memoryview:
    """Return all words of this process's memory by their number: a call for each object would take longer."""
    return memoryview((ctypes.c_uint32 * _ALL).from_address(0)).cast("B").cast("I")


def make_immortal() -> int:
    """Make all objects that now exist immortal, if this Python has that; return how many these are.

    They will never be freed. To be called by who is about to fork for the first time, before :func:`gc.freeze`.
    """
    if not is_possible():
        return 0
    counts, made = _counts(), 0
    objects: list[object] = gc.get_objects()
    while objects:
        new = []
        # What is so already is done, or refers to nothing else. A set of all would leave holes where it was.
        for one in compress(objects, map(_IMMORTAL.__gt__, map(sys.getrefcount, objects))):
            place = id(one) // _SIZE
            if counts[place] != _IMMORTAL:
                counts[place] = _IMMORTAL
                new.append(one)
        made += len(new)
        # A text remembers its hash, once somebody asks for it.
        deque(map(hash, compress(new, map(is_, map(type, new), repeat(str)))), maxlen=0)
        objects = [*gc.get_referents(*new), *_parts_of_code(new)]
    return made


def freeze_immortal() -> None:
    """Make all objects that now exist immortal, and leave them out the next time."""
    make_immortal()
    gc.freeze()


def _parts_of_code(objects: Iterable[object]) -> Iterator[object]:
    """Yield what code objects among these refer to, which the garbage collector does not know."""
    for one in objects:
        if isinstance(one, CodeType):
            yield from (one.co_consts, one.co_names, one.co_name, one.co_qualname, one.co_filename)
            yield from (one.co_linetable, one.co_exceptiontable)


def is_possible() -> bool:
    """Return whether objects are as expected here, and their counts stay once they are immortal."""
    layout = sys.maxsize > 1 << 32 and sys.byteorder == "little" and "t" not in sys.abiflags
    if sys.implementation.name != "cpython" or sys.version_info < (3, 12) or not layout or hasattr(sys, "getobjects"):
        return False
    sample = object()
    count = ctypes.c_uint32.from_address(id(sample))
    before = count.value
    count.value = _IMMORTAL
    references = [sample] * 3
    stays = count.value == _IMMORTAL
    del references
    if stays and count.value == _IMMORTAL:
        return True
    count.value = before
    return False
