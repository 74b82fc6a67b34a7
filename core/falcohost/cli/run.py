"""``falcohost run``: runs the agent in the foreground and prints alerts. Options replace a configuration file."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from falcohost.cli import complete, start
from falcohost.cli.flags import Flags
from falcohost.cli.seconds import Seconds
from falcohost.errors import ConfigError
from falcohost.outputs.stdout import STDERR


class _FileOrAddress(click.Path):
    """An existing file, or an address ``scheme://…`` that the source understands."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return *value*."""
        return value if _is_address(value) else super().convert(value, param, ctx)


def _is_address(file: str) -> bool:
    return "://" in file


@click.command(name="run")
@click.option("-r", "--rules", multiple=True, metavar="PATH", help="Rules file or folder, instead of those configured.")
@click.option(
    "-s",
    "--source",
    "sources",
    multiple=True,
    metavar="NAME",
    shell_complete=complete.sources,
    help="Open only this event source.",
)
@click.option("--json", "as_json", is_flag=True, help="Print alerts as JSON, one per line.")
@click.option(
    "-t", "--seconds", type=Seconds(min=0, min_open=True), metavar="SECONDS", help="Stop after this many seconds."
)
@click.option("-c", "--config", metavar="PATH", help="Configuration file.")
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VAL",
    shell_complete=complete.keys,
    help="Set a configuration key.",
)
@click.option("--dry-run", is_flag=True, help="Check all that a start checks, but process no events.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=_FileOrAddress(exists=True))
@click.pass_obj
def command(
    flags: Flags,
    rules: tuple[str, ...],
    sources: tuple[str, ...],
    as_json: bool,
    seconds: float | None,
    config: str | None,
    options: tuple[str, ...],
    dry_run: bool,
    files: tuple[str, ...],
) -> None:
    """Monitor this host and print alerts until Ctrl-C; or search FILEs with the rules of one source.

    Without FILEs this runs the agent, with alerts on the terminal. With FILEs, --source names the source or its plugin,
    and alerts are printed but not stored. A FILE may also be an address such as s3://BUCKET/PREFIX.

    The log has notices, warnings and errors; -o log_level=info adds what was loaded.
    """
    wanted = replace(
        flags,
        config=config or flags.config,
        options=(*flags.options, "stdout_output.enabled=true", *(["json_output=true"] if as_json else []), *options),
        rules=rules or flags.rules,
        enable_source=sources or flags.enable_source,
        seconds=seconds or flags.seconds,
        unbuffered=True,
        dry_run=dry_run or flags.dry_run,
    )
    wanted = _with_brief_log(wanted)
    if not files:
        start.start(wanted, start.configure(wanted), summary=STDERR)
        return
    with tempfile.TemporaryDirectory(prefix="falcohost-") as state:
        wanted = _looking_through(files, wanted, state)
        start.start(wanted, start.configure(wanted), progress=sys.stderr.isatty(), summary=STDERR)


def _with_brief_log(flags: Flags) -> Flags:
    """Return *flags* with a log of notices and worse, unless a level or details are asked for."""
    if flags.verbose or "log_level" in flags.configuration().document.root.entries:
        return flags
    return replace(flags, options=(*flags.options, "log_level=notice"))


def _looking_through(files: Sequence[str], flags: Flags, state: str) -> Flags:
    """Return *flags* changed so that the one source that they name reads *files*."""
    if len(flags.enable_source) != 1:
        raise ConfigError("--source has to name the one source that reads these files")
    plugin, source = _plugin_and_source(flags.enable_source[0], files)
    where = [file if _is_address(file) else str(Path(file).absolute()) for file in files]
    block = json.dumps({"name": plugin, "open_params": where})
    # A dollar sign in a path does not begin a variable.
    options = (f"plugins[]={block.replace('${', '$${')}", f"load_plugins[]={plugin}", f"falcohost.state_dir={state}")
    return replace(flags, options=(*flags.options, *options), enable_source=(source,))


def _plugin_and_source(name: str, files: Sequence[str]) -> tuple[str, str]:
    """Return the plugin called *name*, or the plugin of the source called *name*, and its source for *files*.

    :raises ConfigError: there is no such plugin or source, or it does not read files.
    """
    from falcohost.host.config.for_plugins import ForPlugins
    from falcohost.host.plugins import installed, load_all, load_plugins

    owners = [name] if name in installed() else [
        plugin.name for plugin in load_all().loaded if name in (spec.name for spec in plugin.sources)
    ]  # fmt: skip
    if not owners:
        raise ConfigError(f"there is no source and no plugin called '{name}'; 'falcohost plugins' lists them")
    plugins = load_plugins(owners, ForPlugins({owners[0]: {"open_params": list(files)}}))
    if owners[0] in plugins.left_out:
        raise ConfigError(plugins.left_out[owners[0]])
    (owner,) = (plugin for plugin in plugins.loaded if plugin.name == owners[0])
    offered = [spec.name for spec in owner.sources if spec.reads_files]
    if not offered:
        raise ConfigError(f"the plugin '{owners[0]}' has no source that reads files")
    return owners[0], name if name in offered else offered[0]
