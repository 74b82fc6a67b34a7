"""The keys of outputs: Falco's blocks, and outputs by name."""

from __future__ import annotations

from typing import Final

from falcohost.outputs.formats import FORMATS
from falcohost.outputs.syslog_address import FACILITIES
from falcohost.specs import ConfigKey


def _redact(block: str) -> ConfigKey:
    return ConfigKey(
        key=f"{block}.redact",
        type=bool,
        shown_default="what `falcohost.redact.all` says",
        help="replaces secrets ([outputs.md](outputs.md#redaction))",
    )


def _format(block: str) -> ConfigKey:
    return ConfigKey(
        key=f"{block}.format",
        type=str,
        default="",
        shown_default="what `json_output` says",
        choices=FORMATS,
        help="the form of alerts ([outputs.md](outputs.md#formats))",
    )


OUTPUTS: Final = (
    ConfigKey(
        key="stdout_output.enabled",
        type=bool,
        shown_default="true if no output is configured",
        help="writes alerts to standard output",
    ),
    _format("stdout_output"),
    _redact("stdout_output"),
    ConfigKey(key="file_output.enabled", type=bool, default=False, help="writes alerts to a file"),
    ConfigKey(key="file_output.filename", type=str, help="path of the file"),
    ConfigKey(
        key="file_output.keep_alive",
        type=bool,
        default=False,
        help="keeps the file open between alerts; it is reopened at SIGUSR1, and when it was moved or removed",
    ),
    _format("file_output"),
    _redact("file_output"),
    ConfigKey(
        key="file_output.max_size_mb",
        type=float,
        default=0.0,
        help="a file that has so many MiB is renamed, and a new one begins; 0: it is never too large",
    ),
    ConfigKey(
        key="file_output.max_age_hours",
        type=float,
        default=0.0,
        help="a file has alerts of one period of so many hours, counted from midnight UTC; 0: of any time",
    ),
    ConfigKey(key="file_output.max_files", type=int, default=10, help="how many renamed files are kept"),
    ConfigKey(key="file_output.compress", type=bool, default=False, help="compresses renamed files with gzip"),
    ConfigKey(key="syslog_output.enabled", type=bool, default=False, help="sends alerts to syslog"),
    _format("syslog_output"),
    _redact("syslog_output"),
    ConfigKey(
        key="syslog_output.address",
        type=str,
        default="",
        help="a server, as `udp://HOST:514`, `tcp://HOST:514` or `tls://HOST:6514`; empty: the syslog of this machine",
    ),
    ConfigKey(
        key="syslog_output.facility",
        type=str,
        default="user",
        choices=tuple(FACILITIES),
        help="the facility of the messages",
    ),
    ConfigKey(
        key="syslog_output.ca_cert",
        type=str,
        default="",
        help="file of the certificates that the server's has to be signed by; empty: those that the system trusts",
    ),
    ConfigKey(key="syslog_output.client_cert", type=str, default="", help="file of a certificate to show to it"),
    ConfigKey(
        key="syslog_output.client_key",
        type=str,
        default="",
        help="file of its key; empty: it is in the file of the certificate",
    ),
    ConfigKey(key="http_output.enabled", type=bool, default=False, help="posts alerts to a URL"),
    _format("http_output"),
    _redact("http_output"),
    ConfigKey(key="http_output.url", type=str, help="the URL, with `https` or `http`"),
    ConfigKey(
        key="http_output.batch",
        type=int,
        default=0,
        help="most alerts in one request, at most 1000: a JSON array, or lines of text; 0: each alert alone",
    ),
    ConfigKey(
        key="http_output.concurrency",
        type=int,
        default=1,
        help="most requests at once, at most 32; with more than one, alerts may arrive in another order",
    ),
    ConfigKey(
        key="http_output.headers", type=dict, secret=True, shown_default="none", help="more headers, by their names"
    ),
    ConfigKey(key="http_output.user_agent", type=str, default="falcohost", help="the header `User-Agent`"),
    ConfigKey(key="http_output.keep_alive", type=bool, default=False, help="uses a connection again"),
    ConfigKey(key="http_output.compress_uploads", type=bool, default=False, help="compresses with gzip"),
    ConfigKey(key="http_output.echo", type=bool, default=False, help="prints answers to standard output"),
    ConfigKey(
        key="http_output.secret", type=str, default="", secret=True, help="key of the signature (`docs/outputs.md`)"
    ),
    ConfigKey(key="http_output.secret_file", type=str, default="", help="file with the key of the signature"),
    ConfigKey(key="http_output.insecure", type=bool, default=False, help="trusts any certificate"),
    ConfigKey(
        key="http_output.ca_cert",
        type=str,
        default="",
        help="file of certificates to trust; without this and the next two, those that the system trusts",
    ),
    ConfigKey(key="http_output.ca_bundle", type=str, default="", help="another such file"),
    ConfigKey(key="http_output.ca_path", type=str, default="", help="folder of certificates to trust"),
    ConfigKey(key="http_output.mtls", type=bool, default=False, help="shows a certificate to the receiver"),
    ConfigKey(
        key="http_output.client_cert",
        type=str,
        default="/etc/ssl/certs/client.crt",
        help="file of the certificate that is shown",
    ),
    ConfigKey(key="http_output.client_key", type=str, default="/etc/ssl/certs/client.key", help="file of its key"),
    ConfigKey(key="program_output.enabled", type=bool, default=False, help="writes alerts to a program"),
    _format("program_output"),
    _redact("program_output"),
    ConfigKey(key="program_output.program", type=str, help="the command, for the shell"),
    ConfigKey(
        key="program_output.keep_alive",
        type=bool,
        default=False,
        help="one process reads all alerts; otherwise each alert has a run of its own",
    ),
    ConfigKey(
        key="program_output.user", type=str, default="", help="the user that it runs as; empty: one that nobody else is"
    ),
    ConfigKey(
        key="program_output.timeout",
        type=float,
        default=30.0,
        help="seconds for which it may read nothing, or a run may last, before it is killed",
    ),
    ConfigKey(
        key="falcohost.redact.all",
        type=bool,
        default=False,
        help="replaces secrets in the alerts of Falco's outputs, too; those in `outputs` do it anyway",
    ),
    ConfigKey(
        key="falcohost.redact.patterns",
        type=list,
        help="further regular expressions of secrets (RE2); the first group of each is the secret, or else the match",
    ),
    ConfigKey(
        key="falcohost.redact.fields",
        type=list,
        shown_default="`[proc.env]`",
        help="patterns of names of fields whose values are replaced; `*` stands for any text",
    ),
    ConfigKey(
        key="falcohost.redact.built_in", type=bool, default=True, help="falcohost's own patterns of secrets count"
    ),
    ConfigKey(
        key="outputs",
        type=dict,
        shown_default="none",
        help="more outputs, by names of your own, each with its `type`, its alerts and its settings "
        "([outputs.md](outputs.md#several-outputs-of-a-kind))",
    ),
    ConfigKey(
        key="buffered_outputs",
        type=bool,
        default=False,
        help="gathers lines before writing; `-U` writes each line immediately",
    ),
    ConfigKey(
        key="output_timeout",
        type=int,
        default=2000,
        help="milliseconds after which a blocked output is reported",
    ),
)
