"""falcohost's own outputs, one file each."""

from __future__ import annotations

import importlib
from typing import Any

from falcohost.hookspecs import OutputSpec
from falcohost.outputs.file import FileOutput, file_problem, rotation_of
from falcohost.outputs.lines import form_for_bodies
from falcohost.outputs.stdout import make_stdout


def _late(name: str) -> Any:
    """Import the module *name* of an output: where it is not configured, nobody should pay for its memory."""
    return importlib.import_module(f"falcohost.outputs.{name}")


#: The outputs by name.
BUILT_IN = {
    spec.name: spec
    for spec in (
        OutputSpec(
            name="stdout",
            description="Writes a line per alert to stdout.",
            make=lambda _, form: make_stdout(form),
        ),
        OutputSpec(
            name="file",
            description="Appends a line per alert to a file.",
            make=lambda block, form: FileOutput(
                str(block["filename"]),
                bool(block["keep_alive"]),
                form.line,
                rotation_of(block),
                form=form_for_bodies(form),
            ),
            check=lambda block: file_problem(str(block["filename"])),
            files=lambda block: [str(block["filename"])],
        ),
        OutputSpec(
            name="http",
            description="Posts alerts to a URL.",
            make=lambda block, form: _late("http").make_output(block, form),
            check=lambda block: _late("http").problem(block),
            connects=lambda block: _late("http_settings").http_addresses(block),
        ),
        OutputSpec(
            name="program",
            description="Writes a line per alert to the input of a program, which runs without privileges.",
            make=lambda block, form: _late("program").ProgramOutput(block, form),
            check=lambda block: _late("program").program_problem(block),
        ),
        OutputSpec(
            name="syslog",
            description="Sends a message per alert to this machine's syslog, or to a server over UDP, TCP or TLS.",
            make=lambda block, form: _late("syslog").make_syslog(block, form),
            check=lambda block: _late("syslog").syslog_problem(block),
            connects=lambda block: _late("syslog_address").syslog_addresses(block),
        ),
    )
}
