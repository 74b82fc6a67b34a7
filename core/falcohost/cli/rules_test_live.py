"""Tests with a command: runs it under a live source, and compares the rules that fire with what the test expects."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from falcohost.cli.flags import Flags
from falcohost.cli.large_buffers import with_large_buffers
from falcohost.errors import ConfigError, FalcohostError
from falcohost.events import Event
from falcohost.host.loading import configured_plugins
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.ruletests.cases import Case
from falcohost.ruletests.live import Seen, run_live
from falcohost.ruletests.runner import Runner
from falcohost.ruletests.verdicts import Difference, Verdict, at, differences


def run_command(flags: Flags, runner: Runner, case: Case) -> Verdict:
    """Run the command of *case*, in the folder of its file."""
    verdict, begun = Verdict(case.name, case.spot.file.name), time.monotonic()
    try:
        runner.source_of(case)
        _, seen = live(flags, runner, case.command, Path(case.spot.file.name).parent)
        verdict.fired = [list(one.fired) for one in seen]
        verdict.differences += differences(case, [frozenset(one.fired) for one in seen])
        if any(one.fields or one.output is not None for one in case.expected):
            raise ConfigError("fields and outputs are not compared in tests with a command; record it (--record)")
    except (FalcohostError, OSError) as error:
        verdict.differences.append(Difference(str(error), where=at(case.spot)))
    verdict.seconds = time.monotonic() - begun
    return verdict


def live(
    flags: Flags,
    runner: Runner,
    command: tuple[str, ...],
    folder: Path,
    closeness: Callable[[Sequence[Event]], Sequence[str]] | None = None,
) -> tuple[int, list[Seen]]:
    """Run *command* as the configuration has the source of system calls observed.

    :param closeness: as for :func:`~falcohost.ruletests.live.run_live`.
    :raises ConfigError: this user may not observe, or something else prevents it.
    """
    if os.geteuid() != 0:
        raise ConfigError("a command is observed by the probe, which only root may load: run it with sudo")
    plugins = configured_plugins(flags.configuration())
    plugin = next(one for one in plugins.loaded if any(spec.name == DEFAULT_SOURCE for spec in one.sources))
    return run_live(runner, with_large_buffers(plugin.settings), command, folder, closeness)
