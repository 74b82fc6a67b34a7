"""``falcohost run``: runs the agent in the foreground and prints alerts. Options replace a configuration file."""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from falcohost.cli import complete, start
from falcohost.cli.flags import Flags
from falcohost.cli.seconds import Seconds
from falcohost.errors import ConfigError
from falcohost.host.environment import restore
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.outputs.stdout import STDERR

if TYPE_CHECKING:
    from falcohost.host.config.for_plugins import ForPlugins

#: What a source reads, and whether it goes on; files that are given take the place of this.
_WHERE = ("open_params", "program", "follow")
#: How captures of system calls are called.
_CAPTURES = (".scap", ".scap.gz")
#: Our plugins by the numbers that Falco's registry gives to those for which they stand.
_PLUGINS = {1: "k8saudit", 2: "cloudtrail", 7: "okta", 8: "github", 9: "k8saudit"}


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
@click.option(
    "--json", "as_json", is_flag=True, help="Print alerts as JSON, one per line; and last, on stderr, the summary."
)
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
@click.option("--from", "begin", metavar="TIME", help="Of a capture, leave out events before this time.")
@click.option("--to", "end", metavar="TIME", help="Of a capture, leave out events behind this time.")
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
    begin: str | None,
    end: str | None,
    dry_run: bool,
    files: tuple[str, ...],
) -> None:
    """Monitor this host and print alerts until Ctrl-C; or search FILEs with the rules of one source.

    Without FILEs this runs the agent, with alerts on the terminal. With FILEs, --source names the source or its plugin,
    and alerts are printed but not stored. A FILE may also be an address such as s3://BUCKET/PREFIX. A FILE that ends in
    .scap, or begins as such, is a capture of Falco or sysdig and needs no --source, whether it has system calls or what
    Falco's plugins have read; --from and --to take times such as 2026-11-28T08:14:00, or +90s for the time after its
    first event.

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
    starts = functools.partial(_start, as_json=as_json)
    if not files:
        if begin or end:
            raise ConfigError("--from and --to are for captures (.scap)")
        starts(wanted, _with_brief_log)
        return
    times = {"from": begin, "to": end}
    with tempfile.TemporaryDirectory(prefix="falcohost-") as state:
        source = (wanted.enable_source or (DEFAULT_SOURCE,))[0]
        if source == DEFAULT_SOURCE and any(map(_is_capture, files)):
            starts(wanted, lambda flags: _replaying(files, times, _with_brief_log(flags), state), once=True)
        elif any(times.values()):
            raise ConfigError("--from and --to are for captures (.scap)")
        else:
            starts(wanted, lambda flags: _looking_through(files, _with_brief_log(flags), state), once=True)


def _start(flags: Flags, prepared: Callable[[Flags], Flags], *, as_json: bool, once: bool = False) -> None:
    """Run the agent, or check a start."""
    if flags.dry_run:
        from falcohost.cli import configured, telling

        restore()
        flags = prepared(flags)
        telling.tell(flags, configured.configure(flags))
    else:
        progress = once and sys.stderr.isatty()
        start.start(flags, prepared, once=once, progress=progress, summary=STDERR, json_summary=as_json)


def _with_brief_log(flags: Flags) -> Flags:
    """Return *flags* with a log of notices and worse, unless a level or details are asked for."""
    if flags.verbose or "log_level" in flags.configuration().document.root.entries:
        return flags
    return replace(flags, options=(*flags.options, "log_level=notice"))


def _replaying(files: Sequence[str], times: Mapping[str, str | None], flags: Flags, state: str) -> Flags:
    """Return *flags* changed so that the source of system calls reads the one capture in *files*."""
    if len(files) != 1:
        raise ConfigError("a capture is read alone; name one file")
    if not Path(files[0]).is_file():
        raise ConfigError(f"{files[0]} is no file that can be read twice; write it to one, or use 'falcohost inspect'")
    if (plugin := _plugin_of(files[0])) is not None:
        if any(times.values()):
            raise ConfigError(f"--from and --to are for captures of system calls; this one has events of '{plugin}'")
        return _looking_through(files, replace(flags, enable_source=(plugin,)), state)
    settings = {"kind": "replay", "replay.capture_file": str(Path(files[0]).absolute())}
    settings |= {f"replay.{name}": told for name, told in times.items() if told is not None}
    options = (*(f"engine.{key}={told}" for key, told in settings.items()), f"falcohost.state_dir={state}")
    return replace(flags, options=(*flags.options, *options), enable_source=(DEFAULT_SOURCE,))


def _is_capture(file: str) -> bool:
    """Return whether a file is called as captures are, or begins as one."""
    from falcohost.jsonlog.blocks import is_capture

    return file.endswith(_CAPTURES) or (not _is_address(file) and Path(file).is_file() and is_capture(file))


def _plugin_of(file: str) -> str | None:
    """Return the plugin that reads the events in a capture, if those are of one of Falco's plugins."""
    from falcohost.jsonlog.blocks import plugin_in

    number = plugin_in(file)
    if number is not None and number not in _PLUGINS:
        raise ConfigError(f"{file} has events of the plugin with the number {number}; --source names what reads them")
    return None if number is None else _PLUGINS[number]


def _looking_through(files: Sequence[str], flags: Flags, state: str) -> Flags:
    """Return *flags* changed so that the one source that they name reads *files*."""
    if len(flags.enable_source) != 1:
        raise ConfigError("--source has to name the one source that reads these files")
    where = [file if _is_address(file) else str(Path(file).absolute()) for file in files]
    plugin, source, settings = _reading(flags.enable_source[0], where, flags.configuration().for_plugins)
    opened = settings.pop("open_params", [])
    block = json.dumps({"name": plugin, "init_config": settings, "open_params": opened}, default=str)
    # A dollar sign in a path does not begin a variable.
    options = (f"plugins[]={block.replace('${', '$${')}", f"load_plugins[]={plugin}", f"falcohost.state_dir={state}")
    return replace(flags, options=(*flags.options, *options), enable_source=(source,))


def _reading(name: str, files: list[str], told: ForPlugins) -> tuple[str, str, dict[str, Any]]:
    """Return a plugin, its source that reads *files*, and its settings for that.

    :param name: the plugin, or the source; a source may be one that the configuration *told* defines.
    :raises ConfigError: there is no such plugin or source, or it does not read files.
    """
    from falcohost.host.plugins import installed, load_all, load_plugins

    owners = [name] if name in installed() else [
        plugin.name
        for plugin in load_all(told, strict=False).loaded
        if name in (spec.name for spec in plugin.sources)
    ]  # fmt: skip
    if not owners:
        raise ConfigError(f"there is no source and no plugin called '{name}'; 'falcohost plugins' lists them")
    plugin = owners[0]
    settings = _settings_for(told.blocks.get(plugin, {}), name, files)
    plugins = load_plugins([plugin], structs.replace(told, blocks={**told.blocks, plugin: settings}))
    if plugin in plugins.left_out:
        raise ConfigError(plugins.left_out[plugin])
    (owner,) = (one for one in plugins.loaded if one.name == plugin)
    offered = [spec.name for spec in owner.sources if spec.reads_files]
    if not offered:
        raise ConfigError(f"the plugin '{plugin}' has no source that reads files")
    return plugin, name if name in offered else offered[0], settings


def _settings_for(block: Mapping[str, Any], name: str, files: list[str]) -> dict[str, Any]:
    """Return a plugin's settings in *block*, changed so that the source *name* reads *files* once.

    A source of its own is in the list ``sources``; otherwise the block itself is the source.
    """
    sources = block.get("sources")
    entries = [entry for entry in sources if isinstance(entry, Mapping)] if isinstance(sources, list) else []
    if name not in (entry.get("name") for entry in entries):
        return _once(block, files)
    others = {key: value for key, value in block.items() if key not in _WHERE}
    return others | {"sources": [_once(entry, files) for entry in entries if entry.get("name") == name]}


def _once(settings: Mapping[str, Any], files: list[str]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in _WHERE} | {"open_params": files}
