"""``falcohost store parked`` and ``resend``: what outputs have refused for good; deliveries again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import click

from falcohost.alert import Alert
from falcohost.cli.jsonline import json_line
from falcohost.engine.texts import printable
from falcohost.errors import ConfigError, OutputError
from falcohost.host.config import Config
from falcohost.host.confine.programs import programs_of
from falcohost.host.confine.users import Users
from falcohost.host.enabled_subscribers import alert_format, enabled_outputs, make_output, make_redactor
from falcohost.host.loading import plugin_names
from falcohost.host.plugins import load_plugins
from falcohost.outputs.lines import encode_text
from falcohost.programs import programs_run
from falcohost.store.history import History, Wanted
from falcohost.store.parked import Parked, ParkedAlerts
from falcohost.subscriber import MOST_TAKEN
from falcohost.subscribers.taker import ToOutput


def show_parked(directory: Path, output: str, *, as_json: bool) -> None:
    """Print what is parked, of all outputs or of one."""
    with contextlib.closing(ParkedAlerts(directory)) as parked:
        found = parked.read(output)
    for one in found:
        line = encode_text(one.alert).decode("utf-8", "replace")
        if as_json:
            row = {
                "output": one.output,
                "reason": one.reason,
                "id": one.alert.id,
                "rule": one.alert.rule,
                "alert": line,
            }
            click.echo(json_line(row))
        else:
            name, reason = click.style(printable(one.output), fg="cyan"), printable(one.reason)
            click.echo(f"{name}: {line}\n  refused: {click.style(reason, fg='yellow')}")
    if not found and not as_json:
        click.echo("Nothing is parked.")


def resend_parked(directory: Path, config: Config, name: str) -> str:
    """Deliver what is parked for the output *name*; return what came of it, in words.

    :raises OutputError: the output does not take alerts now.
    """
    with contextlib.closing(ParkedAlerts(directory)) as parked, _output(config, name) as output:
        found = parked.read(name)
        sent = 0
        for some in _pieces(found):
            refused = _deliver(output, [one.alert for one in some], sent)
            gone = [one for index, one in enumerate(some) if index not in refused]
            parked.remove(gone)
            sent += len(gone)
    left = len(found) - sent
    return f"{_were(sent, 'parked alert')} delivered" + (f", {left:,} refused again." if left else ".")


def resend_since(directory: Path, config: Config, name: str, since: int) -> str:
    """Deliver all stored alerts since a time to the output *name*, but for silenced ones; return the result in words.

    :raises OutputError: the output does not take alerts now.
    """
    sent = left = 0
    with contextlib.closing(History(directory)) as history, _output(config, name) as output:
        alerts = filter(config.outputs.enabled[name].selection.wants, history.alerts(Wanted(since, held=False)))
        while some := list(islice(alerts, MOST_TAKEN)):
            refused = _deliver(output, some, sent)
            sent, left = sent + len(some) - len(refused), left + len(refused)
    return f"{_were(sent, 'alert')} delivered" + (f", {left:,} refused." if left else ".")


@contextlib.contextmanager
def _output(config: Config, name: str) -> Iterator[ToOutput]:
    """Yield the output *name* of the configuration, which gets its alerts as it gets them from the agent.

    :raises ConfigError: it is not enabled there.
    """
    plugins = load_plugins(plugin_names(config), config.for_plugins)
    enabled = enabled_outputs(config.outputs, plugins.outputs())
    if name not in enabled:
        there = f"there are {', '.join(enabled)}" if enabled else "there is none"
        hint = "-c FILE before the command names the agent's configuration"
        raise ConfigError(f"no output '{name}' is enabled in the configuration; {there} ({hint})")
    # The users that the agent's programs have, unless it runs and has them.
    with programs_run(programs_of("outputs", Users(config.uids, config.state.directory))):
        output = make_output(enabled[name], config.outputs.enabled[name].block, alert_format(name, config))
        own = config.outputs.enabled[name]
        taker = ToOutput(output, own.selection, make_redactor(config.outputs.redaction).all if own.redact else None)
        try:
            yield taker
        finally:
            output.close()


def _deliver(output: ToOutput, alerts: Sequence[Alert], sent: int) -> frozenset[int]:
    """Deliver *alerts*; return the indexes of those that are refused for good."""
    try:
        return frozenset(output.take(0, list(alerts)).refused)
    except OutputError as error:
        raise OutputError(f"{error}; {sent:,} alerts were delivered before, try again later") from error


def _were(count: int, what: str) -> str:
    return f"{count:,} {what}" + (" was" if count == 1 else "s were")


def _pieces(found: Sequence[Parked]) -> Iterator[Sequence[Parked]]:
    for begin in range(0, len(found), MOST_TAKEN):
        yield found[begin : begin + MOST_TAKEN]
