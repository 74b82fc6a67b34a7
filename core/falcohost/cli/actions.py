"""``falcohost actions``: what is bound to which rules, what was done lately, and the switch that stops all of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.wanted import STATE_DIR
from falcohost.errors import ConfigError, StateError

if TYPE_CHECKING:
    from falcohost.host.config.response import ActionConfig, ResponseConfig
    from falcohost.host.response.binding import Bound
    from falcohost.store.history import StoredAlert

#: The rule of alerts about actions, and how many of them are shown.
_RULE = "Falcohost internal: action"
_LATELY = 10

_EXAMPLE = """\b
Examples:
  falcohost actions
  falcohost actions stop
  falcohost actions thaw /kubepods/pod1/abc
"""


@click.group(name="actions", invoke_without_command=True, epilog=_EXAMPLE)
@click.option("--last", type=click.IntRange(0, 10_000), default=_LATELY, help="How many of the last are printed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@STATE_DIR
@click.pass_context
def command(ctx: click.Context, last: int, as_json: bool, state_dir: str | None) -> None:
    """Print which rules cause which actions, and what was done lately.

    The configuration decides what is bound (actions). Nothing is done unless it enables actions, and its mode is act.
    """
    if ctx.invoked_subcommand is not None:
        return
    flags: Flags = ctx.obj
    from falcohost.host.response.state import Switch

    response, bound = _bound(flags)
    directory = _directory(flags, state_dir)
    stopped, done = Switch(directory).stopped, _lately(directory, last)
    if as_json:
        from falcohost.cli.jsonline import pretty_json

        click.echo(pretty_json(_json(response, bound, done, stopped=stopped)))
        return
    for line in _lines(response, bound, done, stopped=stopped):
        click.echo(line)


@command.command(name="stop")
@STATE_DIR
@click.pass_obj
def stop(flags: Flags, state_dir: str | None) -> None:
    """Stop all actions at once, until they are resumed; also those of agents that start later."""
    _turn(flags, state_dir, stopped=True)


@command.command(name="resume")
@STATE_DIR
@click.pass_obj
def resume(flags: Flags, state_dir: str | None) -> None:
    """Take actions again."""
    _turn(flags, state_dir, stopped=False)


@command.command(name="thaw")
@click.argument("cgroups", nargs=-1, metavar="[CGROUP]...", shell_complete=complete.frozen)
@click.option("--all", "every", is_flag=True, help="All that are frozen.")
def thaw(cgroups: tuple[str, ...], every: bool) -> None:
    """Let the processes in CGROUPs go on that an action has frozen. A CGROUP is a path, as the alert has it."""
    from falcohost.engine.texts import printable
    from falcohost.host.response.cgroups import frozen, mount, thaw

    root = mount()
    if root is None:
        raise StateError("there are no cgroups of version 2")
    if not cgroups and not every:
        raise ConfigError("name the cgroups, or give --all")
    for path in frozen(root) if every else cgroups:
        try:
            thaw(root, path)
        except OSError as error:
            raise StateError(f"the cgroup {path} cannot be thawed: {error.strerror or error}") from error
        click.echo(f"{printable(path)} is thawed.")


def _turn(flags: Flags, state_dir: str | None, *, stopped: bool) -> None:
    from falcohost.host.connection import Connection, NotRunning
    from falcohost.host.response.state import turn

    directory = _directory(flags, state_dir)
    what = "stopped" if stopped else "resumed"
    try:
        with contextlib.closing(Connection(directory)) as connection:
            problem = connection.turn_actions(stopped=stopped)
    except NotRunning:
        try:
            turn(directory, stopped=stopped)
        except OSError as error:
            raise StateError(f"{directory}: {error.strerror}") from error
        click.echo(f"No agent is running; for the next one, all actions are {what}.")
        return
    if problem:
        raise StateError(problem)
    click.echo(f"All actions are {what}.")


def _directory(flags: Flags, state_dir: str | None) -> Path:
    from falcohost.store.directory import state_directory

    return state_directory(state_dir or flags.configuration().state.directory)


def _bound(flags: Flags) -> tuple[ResponseConfig, Bound]:
    """Return the actions, and what is bound, as an agent with these *flags* has it.

    :raises FalcohostError: the configuration, the rules or a binding is wrong.
    """
    from falcohost.cli.configured import load_rules
    from falcohost.host.loading import configured_plugins
    from falcohost.host.response.binding import bound_actions, check_actions

    config = flags.configuration()
    plugins = configured_plugins(config)
    loaded, _ = load_rules(flags, config, plugins)
    if config.response.enabled:
        check_actions(config.response, plugins)
    return config.response, bound_actions(config.response, loaded.ruleset, plugins.sources())


def _lately(directory: Path, last: int) -> list[StoredAlert]:
    from falcohost.store.history import History, Wanted

    try:
        with contextlib.closing(History(directory)) as history:
            return list(history.numbered(Wanted(rule=_RULE), last=last)) if last else []
    except (StateError, OSError):
        return []


def _lines(response: ResponseConfig, bound: Bound, done: list[StoredAlert], *, stopped: bool) -> Iterator[str]:
    from falcohost.engine.texts import printable
    from falcohost.engine.times import local_time

    if not response.enabled:
        yield "Actions are off: actions.enabled is not set."
    elif stopped:
        yield click.style("All actions are stopped; 'falcohost actions resume' resumes them.", fg="yellow")
    elif not response.acts:
        yield "Actions are only observed: actions.mode is not act."
    for name, action in response.actions.items():
        yield f"{click.style(name, bold=True)}: {_described(action)}"
        for source, rules in bound.items():
            for rule, names in rules.items():
                if name in names:
                    yield f"  {click.style(printable(rule), fg='cyan')} ({printable(source)})"
    if done:
        yield ""
    for one in done:
        yield f"{local_time(one.alert.time, date=True, fraction=False)} {printable(one.alert.message)}"


def _described(action: ActionConfig) -> str:
    block = action.block
    if action.kind == "kill":
        return f"sends {block['signal']} to the {block['scope']}"
    more = {"stop": "freezes the container", "program": "runs a program", "http": "posts the alert"}
    return more.get(action.kind, f"of the type {action.kind}")


def _json(response: ResponseConfig, bound: Bound, done: list[StoredAlert], *, stopped: bool) -> dict[str, object]:
    from falcohost.engine.times import rfc3339

    rules = [
        {"rule": rule, "source": source, "actions": list(names)}
        for source, found in bound.items()
        for rule, names in found.items()
    ]
    return {
        "enabled": response.enabled,
        "mode": "act" if response.acts else "observe",
        "stopped": stopped,
        "actions": [
            {"name": name, "type": one.kind, "does": _described(one)} for name, one in response.actions.items()
        ],
        "rules": rules,
        "last": [{"time": rfc3339(one.alert.time), **one.alert.fields, "text": one.alert.message} for one in done],
    }
