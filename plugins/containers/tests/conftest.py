"""Has the modules beside these tests found, and those beside the tests of the syscall source, which start runtimes."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "syscall/tests")]
