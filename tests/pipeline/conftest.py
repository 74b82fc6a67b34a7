"""Lets the tests of the pipeline import what they share: ``assets``, a source with a lookup; ``folded``, for floods."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
