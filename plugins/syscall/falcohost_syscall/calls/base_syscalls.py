"""Falco's ``base_syscalls``: settings that add calls to those that rules ask for, or remove some.

Falco needs base calls to keep its tables of processes and descriptors correct. falcohost asks the kernel instead, and
always collects what the process table needs. So a name in ``custom_set`` adds nothing, and ``repair`` is always on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from falcohost import ConfigError, Plan
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME, CALLS, EVENT_NAMES, NOT_BY_DEFAULT

#: Event types of which Falco knows the name alone.
_BARE: Final = frozenset(row.name for row in CALLS if row.generic)
#: Event types that occur very often, whatever programs do, with what that means.
COSTLY: Final = dict.fromkeys(
    ("page_fault", "switch"), "occurs many thousand times a second, and each time a filter is run for it"
)
_OFTEN: Final = frozenset(COSTLY)

_log = logging.getLogger("falcohost.syscall")


@dataclass(frozen=True, slots=True)
class BaseSyscalls:
    """The settings in ``base_syscalls``.

    :ivar all: rules that name no event type get all types of calls, including the most frequent ones.
    :ivar never: event types that no rule gets (``!name`` in ``custom_set``).
    """

    all: bool = False
    never: frozenset[str] = frozenset()

    def choose(self, plan: Plan) -> Plan:
        """Return *plan* with the event types that these settings allow."""
        if not self.all and not self.never:
            return plan
        every = plan.event_types is None and self.all
        types = frozenset(BY_NAME) - _OFTEN if every else event_types(plan)
        return replace(plan, event_types=types - self.never)

    def remarks(self, plan: Plan) -> Iterator[str]:
        """Yield what people should know of *plan*: which event types it does not get."""
        if plan.event_types is None and not self.all:
            left = NOT_BY_DEFAULT - self.never
            yield (
                f"Rules that name no event type see {len(BY_NAME) - len(left)} of {len(BY_NAME)} types. Frequent ones, "
                f"such as read, write, close and mmap, and {len(_BARE - self.never)} of which Falco knows the name "
                "alone are collected for rules that name them, or with base_syscalls.all: true."
            )


def parse(block: Any) -> BaseSyscalls:
    """Return the settings in *block*.

    :raises ConfigError: a value has the wrong type.
    """
    if block is None:
        return BaseSyscalls()
    if not isinstance(block, Mapping):
        raise ConfigError("base_syscalls: expected a mapping with keys such as custom_set.")
    names, every = block.get("custom_set") or [], block.get("all", False)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError("base_syscalls.custom_set: expected a list of names of system calls.")
    if not isinstance(every, bool):
        raise ConfigError(f"base_syscalls.all: expected true or false, not {every!r}.")
    unknown = [name for name in names if name.removeprefix("!") not in EVENT_NAMES]
    if unknown:
        _log.warning("base_syscalls.custom_set: there is no system call %s", ", ".join(unknown))
    return BaseSyscalls(every, frozenset(name[1:] for name in names if name.startswith("!")))
