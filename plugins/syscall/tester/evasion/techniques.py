"""The table of all evasions and the rules that detect them; docs/evasion.md is generated from it, and tests check it.

A technique's name is the tester's command. Its row lists exactly the rules that fire for it: when a change makes
another rule fire, the test fails until the row names it.
"""

from __future__ import annotations

from evasion.techniques_files import READING, WRITING
from evasion.techniques_programs import CONNECTING, SERVERS, STARTING
from evasion.techniques_rights import ESCAPING, INJECTING, RISING

GROUPS = (READING, WRITING, STARTING, SERVERS, CONNECTING, RISING, ESCAPING, INJECTING)
