"""``falcohost rules``: explains rules and shows their cost, with the engine that the agent runs."""

from __future__ import annotations

import importlib

import click

#: Subcommands: the module below :mod:`falcohost.cli`, and the line in the help.
_COMMANDS = {
    "attack": ("rules_attack", "Say which techniques of MITRE ATT&CK the rules cover."),
    "backtest": ("rules_backtest", "Count how often rules would have fired on alerts, logs and captures."),
    "diff": ("rules_diff", "Say which rules mean something else than before."),
    "explain": ("rules_explain", "Explain a rule, and why it fires for an event or not."),
    "lint": ("rules_lint", "Find mistakes in rules: what is unused, never true, too wide or easily bypassed."),
    "test": ("rules_test", "Run the tests of rules, and show which conditions they cover."),
    "stats": ("rules_stats", "Count rules by event type; find slow, shadowed and unused ones."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"falcohost.cli.{_COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # click's own would import every command for its line of help.
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(name="rules", cls=_Commands, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Inspect rules files: what a rule means, why it fires, what rules cost."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
