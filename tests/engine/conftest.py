"""Lets the tests of the engine import what they share: ``world`` (a source made for them) and ``interpreter``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
