"""Which falcohost this is, and which Falco's rules and configuration it understands."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

from falcohost.rules.versions import ENGINE_VERSION

#: The release of Falco whose language, configuration and output falcohost has.
FALCO_VERSION = "0.44.1"


def falcohost_version() -> str:
    """Return falcohost's own version."""
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
    """Return the object that Falco has for it; what only Falco has (libs, driver, plugin API) is empty."""
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
