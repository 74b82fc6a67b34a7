"""Says why the programs were not loaded, in few lines of the many that compiler and verifier write.

The compiler's errors come first. The verifier writes each instruction that it follows, and the state of registers; its
reason is the last thing that it says before it counts instructions, and is among these lines.
"""

from __future__ import annotations

import re
from typing import Final

#: What a compiler's error has, after file, line and column.
_COMPILER: Final = re.compile(r":\d+: (?:fatal )?error: ")
_INSTRUCTION: Final = re.compile(r"\d+: \([0-9a-f]{2}\) ")
#: What the verifier of one kernel or another writes besides its reason, what BCC adds, and the compiler's warnings.
_DETAIL: Final = re.compile(
    r"\d+: |; |(frame\d+: ?)?R\d+(_\w+)?=|from \d+ to |regs=|mark_precise|last_idx |first_idx |parent |"
    r"(cur|old) state:|caller:|callee:|func#\d+ |processed \d+ insns|verification time |stack depth |"
    r"bpf: Failed to load program|HINT: |"
    r"\S+:\d+:\d+: (warning|note): |\d* *\| |\d+ warnings? generated|In file included from "
)
_MOST_ERRORS: Final = 3
_LAST_LINES: Final = 12


def reason(said: str) -> str:
    """Return why the programs were refused, of what compiler and verifier have *said*, on one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if _COMPILER.search(line)]
    if errors:
        return " | ".join(errors[:_MOST_ERRORS])
    last = next((at for at in reversed(range(len(lines))) if not _DETAIL.match(lines[at])), None)
    if last is None:
        return " | ".join(lines[-_LAST_LINES:])
    instruction = next((line for line in reversed(lines[:last]) if _INSTRUCTION.match(line)), "")
    return f"{lines[last]} | {instruction}" if instruction else lines[last]
