"""What Falco is configured with, beside which benches measure: one plugin, and no source of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def settings(
    rules: Path, plugins: str, plugin: Mapping[str, object], output: Mapping[str, object]
) -> dict[str, object]:
    """Return the keys of ``falco.yaml``.

    :param plugins: the folder with ``libNAME.so`` of each plugin.
    :param plugin: how the plugin is configured that brings events, with its *name*.
    :param output: the only output of alerts, which are JSON.
    """
    name = plugin["name"]
    return {
        "engine": {"kind": "nodriver"},
        "rules_files": [str(rules)],
        "plugins": [
            {"library_path": f"{plugins}/lib{name}.so", **plugin},
            {"name": "json", "library_path": f"{plugins}/libjson.so"},
        ],
        "load_plugins": [name, "json"],
        "stdout_output": {"enabled": False},
        "syslog_output": {"enabled": False},
        "log_syslog": False,
        "webserver": {"enabled": False},
        "json_output": True,
        **output,
    }
