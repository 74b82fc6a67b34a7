"""``--support``: prints the information for a bug report as JSON, without secrets."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable

from falcohost.cli.jsonline import json_line
from falcohost.host import version
from falcohost.host.config import Config
from falcohost.host.config.tree import Mapping, Sequence, Tree
from falcohost.rules.places import RulesFile

_SECRET = re.compile(
    r"token|secret|passw|credential|api_?key|private|^key$|_key$|open_params|url$|\bprogram$|\bheaders\b", re.IGNORECASE
)

HIDDEN = "(hidden)"


def support(config: Config, files: Iterable[RulesFile], secret: Collection[str]) -> str:
    """Return versions, the machine, the command line, the configuration and the rules as JSON.

    :param secret: configuration keys of plugins whose values are never shown.
    """
    machine = os.uname()
    return json_line(
        {
            "cmdline": " ".join(hidden_options(sys.argv, secret)),
            "config": json_line(without_secrets(config.document.root, secret)),
            "engine_info": version.as_json(),
            "rules_files": [{"name": file.name, "variants": [{"content": file.text}]} for file in files],
            "system_info": {
                "machine": machine.machine,
                "nodename": machine.nodename,
                "release": machine.release,
                "sysname": machine.sysname,
                "version": machine.version,
            },
            "version": version.falcohost_version(),
        }
    )


def without_secrets(tree: Tree, secret: Collection[str], path: str = "") -> object:
    """Return *tree* as data, with environment variables unexpanded, and secrets hidden: *secret* and suspect keys."""
    if path in secret or path.endswith(".headers"):
        return HIDDEN
    if isinstance(tree, Mapping):
        below = f"{path}." if path else ""
        return {name: without_secrets(value, secret, below + name) for name, value in tree.entries.items()}
    if isinstance(tree, Sequence):
        return [without_secrets(item, secret, path) for item in tree.items]
    return HIDDEN if _SECRET.search(path.rpartition(".")[2]) and tree.raw else tree.raw


def hidden_options(arguments: Iterable[str], secret: Collection[str]) -> list[str]:
    """Return *arguments* with the values of ``key=value`` hidden if the key is in *secret* or looks like a secret."""
    shown = []
    for argument in arguments:
        option, equals, _ = argument.removeprefix("--option=").partition("=")
        hidden = _SECRET.search(option) or option.removeprefix("-o").strip() in secret
        shown.append(f"{argument[: argument.index(option)]}{option}={HIDDEN}" if equals and hidden else argument)
    return shown
