"""``falcohost completion``: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    bash: eval "$(falcohost completion bash)". zsh: the same with zsh. fish: falcohost completion fish | source.
    """
    from falcohost.cli.app import cli

    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(cli, {}, "falcohost", "_FALCOHOST_COMPLETE").source())
