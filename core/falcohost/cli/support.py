"""``--support``: what a bug report needs, as JSON. Secrets stay out of it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

from falcohost.cli.jsonline import json_line
from falcohost.host import version
from falcohost.host.config import Config
from falcohost.host.config.tree import Mapping, Sequence, Tree
from falcohost.rules.places import RulesFile

_SECRET = re.compile(r"token|secret|passw|credential|api_?key|private|^key$|_key$|open_params|url$", re.IGNORECASE)

HIDDEN = "(hidden)"


def support(config: Config, files: Iterable[RulesFile]) -> str:
    """Return the JSON: versions, the machine, the command line, the configuration and the rules."""
    machine = os.uname()
    return json_line(
        {
            "cmdline": " ".join(hidden_options(sys.argv)),
            "config": json_line(without_secrets(config.document.root)),
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


def without_secrets(tree: Tree, key: str = "") -> object:
    """Return *tree* as data; environment variables by their names, and nothing below keys that sound like secrets."""
    if isinstance(tree, Mapping):
        return {name: without_secrets(value, name) for name, value in tree.entries.items()}
    if isinstance(tree, Sequence):
        return [without_secrets(item, key) for item in tree.items]
    return HIDDEN if _SECRET.search(key) and tree.raw else tree.raw


def hidden_options(arguments: Iterable[str]) -> list[str]:
    """Return *arguments* with the values of ``key=value`` hidden where the key sounds like a secret."""
    shown = []
    for argument in arguments:
        key, equals, _ = argument.partition("=")
        shown.append(f"{key}={HIDDEN}" if equals and _SECRET.search(key) else argument)
    return shown
