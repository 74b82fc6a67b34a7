"""Runs a check on random cases. Hypothesis seeds them: each run has others, and a failure says which seed it had."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def for_random_cases(count: int, check: Callable[[Random], None]) -> None:
    """Call *check* so often, each time with another source of random numbers."""

    # A case is a seed, and a seed has no simpler ones; nor is any kept, since what it makes changes with the code.
    @settings(max_examples=count, phases=[Phase.generate], database=None, suppress_health_check=[*HealthCheck])
    @given(st.randoms(use_true_random=True))
    def case(random: Random) -> None:
        check(random)

    case()
