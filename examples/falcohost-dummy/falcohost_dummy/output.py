"""An output that writes each alert to a file, after a mark."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from falcohost import Alert, AlertFormat, OutputError
from falcohost.appending import open_appending


class MarkedFile:
    """Appends ``<mark> <rule>: <message>``, one line for each alert."""

    def __init__(self, path: Path, mark: str) -> None:
        self._path = path
        self._mark = mark

    @classmethod
    def from_config(cls, config: Mapping[str, Any], form: AlertFormat) -> MarkedFile:
        """Make one from the block ``dummy_output``: ``filename`` (has to be there) and ``mark`` (default ``!!!``)."""
        filename = config.get("filename")
        if not filename:
            raise OutputError("dummy_output has no filename: say which file to write to.")
        return cls(Path(str(filename)), str(config.get("mark", "!!!")))

    @staticmethod
    def files(config: Mapping[str, Any]) -> list[str]:
        """Return the file, which falcohost opens: this output itself has no rights while it delivers."""
        return [str(config.get("filename", ""))]

    def deliver(self, alerts: list[Alert]) -> None:
        """Append the alerts, and have them in the file when this returns."""
        try:
            with os.fdopen(open_appending(self._path), "a", encoding="utf-8") as file:
                file.writelines(f"{self._mark} {alert.rule}: {alert.message}\n" for alert in alerts)
        except OSError as error:
            raise OutputError(f"dummy_output cannot write to {self._path}: {error.strerror}.") from error

    def reopen(self) -> None:
        """Do nothing: the file is opened for every delivery."""

    def close(self) -> None:
        """Do nothing: the file is closed after every delivery."""
