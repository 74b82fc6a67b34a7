"""``falcohost completion``: prints the script that lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash: eval "$(falcohost completion bash)"
    zsh:  eval "$(falcohost completion zsh)"
    fish: falcohost completion fish | source
    """  # noqa: D301  # \b keeps click from joining the lines
    from falcohost.cli.app import cli

    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(cli, {}, "falcohost", "_FALCOHOST_COMPLETE").source())
