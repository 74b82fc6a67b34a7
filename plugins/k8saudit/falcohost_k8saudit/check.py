"""Checks for ``falcohost doctor`` whether the source can read what its settings name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falcohost import FalcohostError
from falcohost.jsonlog import files_check
from falcohost.poll import poll_problem
from falcohost_k8saudit.cloudwatch import LogEvents
from falcohost_k8saudit.config import NAME, read_config
from falcohost_k8saudit.log_group import is_in_cloudwatch
from falcohost_k8saudit.source import make_source


def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield each check with its problem, or None if it passed."""
    if not is_in_cloudwatch(settings):
        yield from files_check(make_source)(settings)
        return
    try:
        group = read_config(settings).group
        problem = None if group is None else poll_problem(LogEvents(group, NAME))
    except FalcohostError as error:
        problem = str(error)
    yield "events can be read from CloudWatch Logs", problem
