"""The event source of a rule that names none, which the rule language fixes.

Falco has the fields of this source built in and those of others in plugins, and says different things about them; so
messages are worded by this name as well.
"""

from typing import Final

DEFAULT_SOURCE: Final = "syscall"
