"""The versions: of falcohost, of the engine, and of the Falco release that falcohost is compatible with."""

from __future__ import annotations

import os

from falcohost.rules.versions import ENGINE_VERSION

#: The Falco release whose rule language, configuration and output falcohost implements.
FALCO_VERSION = "0.44.1"


def falcohost_version() -> str:
    """Return falcohost's own version."""
    from importlib.metadata import PackageNotFoundError, version  # large, and the supervisor hardly needs it

    try:
        return version("falcohost")
    except PackageNotFoundError:
        return "0+unknown"


def banner() -> str:
    """Return the first line of the log."""
    return f"Falcohost version: {falcohost_version()} ({os.uname().machine})"


def as_text() -> str:
    """Return what ``--version`` prints."""
    return (
        f"Falcohost version: {falcohost_version()}\n"
        f"Falco version: {FALCO_VERSION} (rules, configuration and output are those of this release)\n"
        f"Engine:        {ENGINE_VERSION}"
    )


def as_json() -> dict[str, object]:
    """Return Falco's JSON object; entries that only Falco has (libs, driver, plugin API) are empty."""
    return {
        "default_driver_version": "",
        "driver_api_version": "",
        "driver_schema_version": "",
        "engine_version": str(ENGINE_VERSION.minor),
        "engine_version_semver": str(ENGINE_VERSION),
        "falco_version": FALCO_VERSION,
        "falcohost_version": falcohost_version(),
        "libs_version": "",
        "plugin_api_version": "",
    }
