"""Where alerts go: one file per output, and the channel that brings them there."""

from __future__ import annotations

from collections.abc import Callable

from falcohost.alert import Alert
from falcohost.hookspecs import OutputSpec
from falcohost.outputs.file import FileOutput
from falcohost.outputs.stdout import StdoutOutput


def built_in(encode: Callable[[Alert], bytes]) -> dict[str, OutputSpec]:
    """Return falcohost's own outputs by name. *encode* returns an alert's line, without its end."""
    specs = (
        OutputSpec(
            name="stdout", description="Writes a line per alert to stdout.", make=lambda _: StdoutOutput(encode)
        ),
        OutputSpec(
            name="file",
            description="Appends a line per alert to a file.",
            make=lambda block: FileOutput(str(block["filename"]), bool(block["keep_alive"]), encode),
        ),
    )
    return {spec.name: spec for spec in specs}
