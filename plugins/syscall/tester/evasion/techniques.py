"""What the evasions do, and which rules see them: the table that docs/evasion.md is made of and the tests are held to.

A technique's name is the tester's command. Expected are all rules that fire for it, and no others: where a change makes
one more technique seen, the test fails until it is said here.
"""

from __future__ import annotations

from evasion.techniques_files import READING, WRITING
from evasion.techniques_programs import CONNECTING, SERVERS, STARTING
from evasion.techniques_rights import ESCAPING, INJECTING, RISING

GROUPS = (READING, WRITING, STARTING, SERVERS, CONNECTING, RISING, ESCAPING, INJECTING)
