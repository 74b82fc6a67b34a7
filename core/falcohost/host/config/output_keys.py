"""The keys of outputs: Falco's blocks, and outputs by name."""

from __future__ import annotations

from typing import Final

from falcohost.outputs.formats import FORMATS
from falcohost.outputs.redaction_settings import ENVIRONMENTS
from falcohost.outputs.syslog_address import FACILITIES
from falcohost.specs import ConfigKey

#: The block of standard output, which is used if there is no other output.
STDOUT: Final = "stdout_output"


def _common(block: str, does: str) -> tuple[ConfigKey, ...]:
    """Return the keys that each of Falco's blocks has; *does*: what the output does."""
    return (
        _enabled(block, does),
        ConfigKey(
            key=f"{block}.format",
            type=str,
            default="",
            shown_default="what `json_output` says",
            choices=FORMATS,
            help="the form of alerts ([outputs.md](outputs.md#formats))",
        ),
        ConfigKey(
            key=f"{block}.redact",
            type=bool,
            shown_default="what `falcohost.redact.all` says",
            help="replaces secrets ([outputs.md](outputs.md#redaction))",
        ),
    )


def _enabled(block: str, does: str) -> ConfigKey:
    if block == STDOUT:
        return ConfigKey(key=f"{block}.enabled", type=bool, shown_default="true if no output is configured", help=does)
    return ConfigKey(key=f"{block}.enabled", type=bool, default=False, help=does)


def _keep_alive(block: str, what: str) -> ConfigKey:
    return ConfigKey(key=f"{block}.keep_alive", type=bool, default=False, help=what)


def _file(key: str, what: str, default: str = "") -> ConfigKey:
    """Return a key that names a file, or nothing."""
    return ConfigKey(key=key, type=str, default=default, help=what)


OUTPUTS: Final = (
    *_common(STDOUT, "writes alerts to standard output"),
    *_common("file_output", "writes alerts to a file"),
    ConfigKey(key="file_output.filename", type=str, help="path of the file"),
    _keep_alive(
        "file_output", "keeps the file open between alerts; it is reopened at SIGUSR1, and when it was moved or removed"
    ),
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
    *_common("syslog_output", "sends alerts to syslog"),
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
    _file(
        "syslog_output.ca_cert",
        "file of the certificates that the server's has to be signed by; empty: those that the system trusts",
    ),
    _file("syslog_output.client_cert", "file of a certificate to show to it"),
    _file("syslog_output.client_key", "file of its key; empty: it is in the file of the certificate"),
    *_common("http_output", "posts alerts to a URL"),
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
    _keep_alive("http_output", "uses a connection again"),
    ConfigKey(key="http_output.compress_uploads", type=bool, default=False, help="compresses with gzip"),
    ConfigKey(key="http_output.echo", type=bool, default=False, help="prints answers to standard output"),
    ConfigKey(
        key="http_output.secret", type=str, default="", secret=True, help="key of the signature (`docs/outputs.md`)"
    ),
    ConfigKey(key="http_output.secret_file", type=str, default="", help="file with the key of the signature"),
    ConfigKey(key="http_output.insecure", type=bool, default=False, help="trusts any certificate"),
    _file(
        "http_output.ca_cert",
        "file of certificates to trust; without this and the next two, those that the system trusts",
    ),
    _file("http_output.ca_bundle", "another such file"),
    _file("http_output.ca_path", "folder of certificates to trust"),
    ConfigKey(key="http_output.mtls", type=bool, default=False, help="shows a certificate to the receiver"),
    _file("http_output.client_cert", "file of the certificate that is shown", "/etc/ssl/certs/client.crt"),
    _file("http_output.client_key", "file of its key", "/etc/ssl/certs/client.key"),
    *_common("program_output", "writes alerts to a program"),
    ConfigKey(key="program_output.program", type=str, help="the command, for the shell"),
    _keep_alive("program_output", "one process reads all alerts; otherwise each alert has a run of its own"),
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
        key="falcohost.redact.store",
        type=bool,
        default=False,
        help="replaces secrets before alerts are stored, so that neither the store nor an output has them; silences, "
        "limits and subscribers see alerts without them, too",
    ),
    ConfigKey(
        key="falcohost.redact.patterns",
        type=list,
        help="further regular expressions of secrets (RE2); the first group of each is the secret, or else the match",
    ),
    ConfigKey(
        key="falcohost.redact.fields",
        type=list,
        shown_default=f"`[{', '.join(ENVIRONMENTS)}]`",
        help="patterns of names of fields whose values are replaced; `*` stands for any text, and a name without a "
        "number also for the name with one (`evt.arg[1]`)",
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
