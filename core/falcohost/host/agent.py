"""The agent: rules, sources and outputs put together, run by the supervisor, and told of at the end."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from falcohost.engine.alerts import AlertMaker
from falcohost.engine.buffers import show_as_base64
from falcohost.engine.event_fields import hostname
from falcohost.engine.ruleset import Ruleset
from falcohost.errors import ConfigError, FalcohostError
from falcohost.host.child import Child
from falcohost.host.config import Config
from falcohost.host.drops import DropMonitor
from falcohost.host.enabled_outputs import enabled_outputs, open_channels
from falcohost.host.plugins import Plugins
from falcohost.host.progress import Progress
from falcohost.host.restart import age, restart
from falcohost.host.settings import SYSCALL
from falcohost.host.sources import make_tasks, select_sources, without_driver
from falcohost.host.summary import Summary
from falcohost.host.supervisor import Outcome, Supervisor
from falcohost.host.watch import Watch
from falcohost.log import log
from falcohost.outputs.lines import ShortWrite, write_all
from falcohost.outputs.stdout import STDOUT
from falcohost.store.store import open_store

if TYPE_CHECKING:
    from falcohost.host.reload import NewRules


class PidfileError(ConfigError):
    """The pidfile cannot be written, for which Falco has a status of its own."""

    exit_status = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """What the command line says of a run."""

    enable_sources: tuple[str, ...] = ()
    disable_sources: tuple[str, ...] = ()
    seconds: float = 0
    unbuffered: bool = False
    verbose: bool = False
    dry_run: bool = False
    pidfile: str | None = None
    progress: bool = False


@dataclass(frozen=True, slots=True)
class Configured:
    """What the configuration and the rules files say.

    :ivar files: the files themselves, and the folders that were named, whose change is watched for.
    """

    config: Config
    ruleset: Ruleset
    files: tuple[str, ...]


def run_agent(given: Configured, plugins: Plugins, options: AgentOptions, load: Callable[[], Configured]) -> None:
    """Run until the sources have ended or a signal comes; then print the summary.

    :param load: reads configuration and rules anew.
    :raises FalcohostError: it cannot be started, or failed.
    """
    config, ruleset = given.config, given.ruleset
    specs = enabled_outputs(config.outputs, config.alerts, plugins.outputs())
    maker = AlertMaker(hostname(), iso8601=config.alerts.iso_8601)
    show_as_base64(config.alerts.base64)
    sources = _chosen_sources(config, plugins, ruleset, options)
    tasks = make_tasks(sources, config, plugins, ruleset, maker)
    if options.dry_run:
        return
    store = open_store(config.state.directory, config.state.limits)
    channels = open_channels(specs, config.outputs, store, unbuffered=options.unbuffered)
    if options.pidfile is not None:
        _write_pidfile(options.pidfile)
    summary = Summary([rule.name for rule in ruleset.rules])
    counts = {name: len(ruleset.enabled(name)) for name in sources}
    progress = Progress(shown=options.progress)
    supervisor = Supervisor(
        tasks,
        channels,
        store,
        summary,
        config.drops,
        maker,
        output_timeout=config.outputs.timeout,
        seconds=options.seconds,
        on_ready=lambda ready: _log_ready(ready, sum(counts[name] for name in ready)),
        reload=lambda: _new_rules(config, load(), plugins, sources, options, maker),
        watch=Watch(given.files if config.rules.watched else ()),
        on_turn=progress.show,
    )
    _settle()
    outcome = supervisor.run()
    progress.erase()
    store.close()
    _report(supervisor, summary, verbose=options.verbose, patience=config.outputs.timeout)
    if outcome is Outcome.FAILED:
        raise FalcohostError(supervisor.error)
    if outcome is Outcome.RESTART:
        restart()


def _chosen_sources(config: Config, plugins: Plugins, ruleset: Ruleset, options: AgentOptions) -> list[str]:
    known = list(plugins.sources())
    log.info("Loaded event sources: %s", ", ".join(known))
    selected = select_sources(known, options.enable_sources, options.disable_sources)
    log.info("Enabled event sources: %s", ", ".join(selected))
    needed = _needed(selected, ruleset, options)
    if not needed:
        log.warning("No rule is enabled for %s: nothing will be detected", ", ".join(selected))
        needed = selected
    for name in selected:
        if name not in needed:
            log.info("Event source '%s' is not opened: no rule of it is enabled", name)
    return without_driver(needed, config)


def _needed(selected: Sequence[str], ruleset: Ruleset, options: AgentOptions) -> list[str]:
    return [name for name in selected if ruleset.enabled(name) or name in options.enable_sources]


def _new_rules(
    old: Config, new: Configured, plugins: Plugins, sources: list[str], options: AgentOptions, maker: AlertMaker
) -> NewRules | None:
    """Return the rules to go over to; None where more than rules is new, so that only a restart will do."""
    from falcohost.host.reload import NewRules, encode_rules, only_rules_differ  # most runs never need it

    selected = select_sources(list(plugins.sources()), options.enable_sources, options.disable_sources)
    needed = [name for name in _needed(selected, new.ruleset, options) if name != SYSCALL or name in sources]
    if not only_rules_differ(old, new.config) or not set(needed) <= set(sources):
        return None
    tasks = make_tasks(sources, new.config, plugins, new.ruleset, maker)
    return NewRules(
        dict(zip(sources, tasks, strict=True)),
        {name: encode_rules(new.ruleset, name) for name in sources},
        not new.config.rules.match_all,
        [rule.name for rule in new.ruleset.rules],
        new.files if new.config.rules.watched else (),
    )


def _write_pidfile(path: str) -> None:
    try:
        Path(path).write_text(str(os.getpid()))
    except OSError as error:
        raise PidfileError(f"Could not write pid to pidfile {path}: {error.strerror}") from error


def _settle() -> None:
    """Give back the memory that loading took, and leave what stays alone, so that workers share its pages."""
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc only
    gc.freeze()


def _log_ready(ready: Sequence[str], rules: int) -> None:
    if ready:
        log.info("Ready after %.2f s: %s open, %d rules", age(), ", ".join(ready), rules)


def _report(supervisor: Supervisor, summary: Summary, *, verbose: bool, patience: float) -> None:
    """Print what Falco prints at the end; stdout may be gone or blocked."""
    with contextlib.suppress(BrokenPipeError):
        for child in supervisor.children:
            _report_source(child, supervisor.drops, verbose=verbose)
        sys.stderr.flush()
    with contextlib.suppress(ShortWrite):
        if select.select([], [STDOUT], [], patience)[1]:
            write_all(STDOUT, summary.text().encode("utf-8", "replace"))
        else:
            log.error("stdout is blocked, so there is no summary on it")


def _report_source(child: Child, drops: DropMonitor, *, verbose: bool) -> None:
    totals = child.totals
    lines = []
    if verbose and child.is_syscall:
        lines += [f"Driver Events:{totals.received + totals.lost}", f"Driver Drops:{totals.lost}"]
    if verbose:
        rate = totals.passed / child.seconds if child.seconds else 0.0
        elapsed = f"Elapsed time: {child.seconds:.3f}, Captured Events: {totals.passed}, {rate:.2f} eps"
        lines.append(f"({child.name}) {elapsed}")
    if child.is_syscall:
        lines += [
            "Syscall event drop monitoring:",
            f"   - event drop detected: {drops.occurrences} occurrences",
            f"   - num times actions taken: {drops.taken}",
        ]
    for line in lines:
        print(line, file=sys.stderr)
