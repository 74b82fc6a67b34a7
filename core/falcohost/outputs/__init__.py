"""falcohost's own outputs, one file each."""

from __future__ import annotations

from falcohost.hookspecs import OutputSpec
from falcohost.outputs.file import FileOutput, file_problem
from falcohost.outputs.stdout import make_stdout
from falcohost.outputs.syslog import make_syslog, syslog_problem

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
            make=lambda block, form: FileOutput(str(block["filename"]), bool(block["keep_alive"]), form.line),
            check=lambda block: file_problem(str(block["filename"])),
            files=lambda block: [str(block["filename"])],
        ),
        OutputSpec(
            name="syslog",
            description="Sends a message per alert to this machine's syslog, or to a server over UDP, TCP or TLS.",
            make=make_syslog,
            check=syslog_problem,
        ),
    )
}
