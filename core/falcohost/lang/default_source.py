"""The event source of a rule that does not name one; the rule language fixes it.

Falco has this source's fields built in and gets those of other sources from plugins, with different error messages, so
some messages depend on this name.
"""

from typing import Final

DEFAULT_SOURCE: Final = "syscall"
