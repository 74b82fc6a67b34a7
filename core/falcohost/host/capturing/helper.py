"""The process that writes captures, as a helper of the worker that records them."""

from __future__ import annotations

from falcohost.helpers import HelperSpec
from falcohost.host.capturing.folder import folder_of
from falcohost.host.capturing.messages import NAME
from falcohost.host.config.capture import CaptureConfig
from falcohost.needs import WRITE


def helper(config: CaptureConfig) -> HelperSpec:
    """Return the process that writes captures."""
    folder = str(folder_of(config.prefix).resolve())
    return HelperSpec(
        name=NAME,
        serve="falcohost.host.capturing.keeper:serve",
        opens="falcohost.host.capturing.keeper:prepare",
        capabilities=frozenset({"CAP_DAC_OVERRIDE", "CAP_CHOWN"}),
        calls=frozenset({WRITE}),
        files=(folder,),
        writes=(folder,),
        settings={
            "prefix": config.prefix,
            "file": config.file_size,
            "files": config.files,
            "total": config.total,
            "free": config.free,
        },
    )
