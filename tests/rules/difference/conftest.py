"""Lets these tests import the random conditions and events of the tests of the engine."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "engine"))
