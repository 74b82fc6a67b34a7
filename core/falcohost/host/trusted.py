"""Refuses files that other users could change: the configuration and rules files.

The state directory and the cache are checked where they are opened; an agent also runs without them.

A configuration file that others may write to could also say that it is to be trusted. So ``falcohost.trust_files`` in a
file does not count for configuration files; on the command line it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from falcohost.errors import ConfigError
from falcohost.host.config import Config
from falcohost.host.config.document import INCLUDE
from falcohost.trust import distrust

#: What switches the check off, in a file and on the command line.
_IN_A_FILE = "set falcohost.trust_files: true"
_AS_OPTION = "start with -o falcohost.trust_files=true"


def check_configuration(config: Config) -> None:
    """Check the files of *config*.

    :raises ConfigError: other users could change one.
    """
    _refuse(configuration_problems(config))


def check_rules(config: Config, files: Iterable[str], named: Iterable[str]) -> None:
    """Check the rules *files*, and what is *named* for them, which may be folders.

    :raises ConfigError: other users could change one.
    """
    _refuse(rules_problems(config, files, named))


def configuration_problems(config: Config) -> Iterator[str]:
    """Yield why files of the configuration are not to be trusted."""
    if config.trust.configuration:
        return
    for file in config.document.files:
        yield from _problems("the configuration file", file, _AS_OPTION)
    for folder in filter(_is_folder, config.document.stamps):
        yield from _problems(f"the folder in {INCLUDE}", folder, _AS_OPTION, listed=True)


def rules_problems(config: Config, files: Iterable[str], named: Iterable[str]) -> Iterator[str]:
    """Yield why the rules *files*, or folders among *named*, are not to be trusted."""
    if config.trust.files:
        return
    for file in files:
        yield from _problems("the rules file", file, _IN_A_FILE)
    for folder in filter(_is_folder, named):
        yield from _problems("the folder of rules", folder, _IN_A_FILE, listed=True)


def _problems(what: str, path: str | Path, instead: str, *, listed: bool = False) -> Iterator[str]:
    reason = distrust(path, listed=listed)
    if reason is not None:
        yield f"{what} {path} is refused, since other users could change it: {reason}, or {instead}"


def _is_folder(path: str) -> bool:
    return Path(path).is_dir()


def _refuse(problems: Iterable[str]) -> None:
    if found := list(dict.fromkeys(problems)):
        raise ConfigError("\n".join(found))
