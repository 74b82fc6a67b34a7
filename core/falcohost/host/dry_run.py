"""A dry run: checks what a start of the agent checks, in one process, and prints what it would do."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator

from falcohost.engine.buffers import show_as_base64
from falcohost.engine.texts import printable
from falcohost.errors import ConfigError
from falcohost.host.agent_options import AgentOptions
from falcohost.host.assigning import Assigning
from falcohost.host.checks import STATE, Finding, start_findings
from falcohost.host.given import Configured
from falcohost.host.plugins import Plugins
from falcohost.host.response.data import ActionsData
from falcohost.log import log


def check_agent(given: Configured, plugins: Plugins, options: AgentOptions) -> None:
    """Check what a start checks, and print that it would succeed.

    :raises FalcohostError: it would fail.
    """
    _check_code(plugins)
    show_as_base64(given.config.alerts.base64)
    assigning = Assigning(given, plugins, options)
    assigning.outputs()
    assigning.workers()
    _report_checks(start_findings(given.config, plugins, given.ruleset, options), assigning)


def _check_code(plugins: Plugins) -> None:
    """Check that all code is there that an agent begins with.

    :raises ConfigError: it is not.
    """
    modules = {module for source in plugins.sources().values() for module in source.modules}
    for module in ("falcohost.host.agent", *sorted(modules)):
        try:
            importlib.import_module(module)
        except (ImportError, SyntaxError) as error:
            raise ConfigError(f"falcohost is not installed as it has to be: {module}: {error}") from error


def _report_checks(findings: Iterable[Finding], assigning: Assigning) -> None:
    """Print that a start would succeed, and log what it would warn of.

    :raises ConfigError: it would fail.
    """
    wrong = [finding for finding in findings if finding.problem is not None]
    for finding in wrong:
        if not finding.stops:
            log.warning("%s: %s", finding.source, finding.problem)
    if stopping := [f"{finding.source}: {finding.problem}" for finding in wrong if finding.stops]:
        raise ConfigError("\n".join(["falcohost would not start:", *stopping]))
    sources = assigning.sources
    count = assigning.count()
    rules = f"{count} rule{'' if count == 1 else 's'}"
    problem = next((finding.problem for finding in wrong if finding.source == STATE), None)
    where = "" if problem is None else f", and keep its state in memory only, since {problem}"
    if sources:
        print(f"falcohost would start, with {rules} for {', '.join(sources)}{where}.")
    else:
        print(f"falcohost would start, but open no source: all that are needed are switched off{where}.")
    if assigning.response is not None:
        print("\n".join(_bound(assigning.response.actions)))


def _bound(actions: ActionsData) -> Iterator[str]:
    """Yield which rules would cause which actions."""
    yield "It would act on these rules:" if actions.acts else "It would observe, and not act on, these rules:"
    for source, rules in actions.bound.items():
        yield from (f"  {printable(rule)} ({source}): {', '.join(names)}" for rule, names in rules.items())
    if not actions.bound:
        yield "  none: actions are bound to no rule that is used"
