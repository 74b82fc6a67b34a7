"""Reads the blocks of falcohost's own outputs: values of the right types, and files and addresses that can be meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from falcohost.host.config.reader import Reader
from falcohost.outputs.http_settings import FILES
from falcohost.outputs.syslog_address import FACILITIES, read_address

#: Most alerts in one request.
MOST_BATCH: Final = 1000

#: Most requests at once.
MOST_AT_ONCE: Final = 32

#: Most MiB, and most hours, of a file.
LARGEST_FILE: Final = 1_000_000

#: Longest time that a program may have, in seconds.
LONGEST_TIMEOUT: Final = 3600

# RFC 9110, 5.1 and 5.5.
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def file_block(section: Reader) -> Mapping[str, Any]:
    """Return the block of ``file_output``.

    :raises ConfigError: there is no filename, or a number makes no sense.
    """
    if not section.text("filename"):
        raise section.error("filename", "has to be set if the file output is enabled")
    numbers = {name: section.number(name) for name in ("max_size_mb", "max_age_hours")}
    for name, value in numbers.items():
        if not 0 <= value <= LARGEST_FILE:
            raise section.error(name, f"has to be from 0 to {LARGEST_FILE:,}, not {value:g}")
    return {
        "filename": section.text("filename"),
        "keep_alive": section.boolean("keep_alive"),
        **numbers,
        "max_files": section.integer("max_files", at_least=1),
        "compress": section.boolean("compress"),
    }


def syslog_block(section: Reader) -> Mapping[str, Any]:
    """Return the block of ``syslog_output``.

    :raises ConfigError: a value makes no sense.
    """
    try:
        address = read_address(section.text("address"))
    except ValueError as error:
        raise section.error("address", str(error)) from None
    found = {name: section.text(name) for name in ("address", "ca_cert", "client_cert", "client_key")}
    for name in ("ca_cert", "client_cert", "client_key"):
        if found[name] and (address is None or address.kind != "tls"):
            raise section.error(name, "needs an address that begins with tls://")
    if found["client_key"] and not found["client_cert"]:
        raise section.error("client_key", "needs client_cert")
    unknown = "Unknown facility {}; it has to be one of " + ", ".join(FACILITIES)
    return found | {"facility": section.choice("facility", unknown)}


def http_block(section: Reader) -> Mapping[str, Any]:
    """Return the block of ``http_output``.

    :raises ConfigError: a value makes no sense.
    """
    url = section.text("url")
    if url.startswith('"') and url.endswith('"'):  # as Falco does: who sets it from the environment quotes it twice
        url = url[1:-1]
    if (problem := _url_problem(url)) is not None:
        raise section.error("url", problem)
    batch = section.integer("batch")
    if batch > MOST_BATCH:
        raise section.error("batch", f"has to be at most {MOST_BATCH}, not {batch}")
    concurrency = section.integer("concurrency", at_least=1)
    if concurrency > MOST_AT_ONCE:
        raise section.error("concurrency", f"has to be at most {MOST_AT_ONCE}, not {concurrency}")
    if section.text("secret") and section.text("secret_file"):
        raise section.error("secret_file", "cannot be set together with secret")
    headers = section.section("headers")
    given = {name: headers.text(name) for name in headers.names()}
    for name, value in given.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise headers.error(name, "is no header: its name or its value has characters that are not allowed")
    texts = ("user_agent", "secret", "secret_file", *FILES)
    switches = ("insecure", "mtls", "echo", "compress_uploads", "keep_alive")
    return {
        "url": url,
        "batch": batch,
        "concurrency": concurrency,
        "headers": given,
        **{name: section.text(name) for name in texts},
        **{name: section.boolean(name) for name in switches},
    }


def program_block(section: Reader) -> Mapping[str, Any]:
    """Return the block of ``program_output``.

    :raises ConfigError: a value makes no sense.
    """
    if not section.text("program").strip():
        raise section.error("program", "has to be set if the program output is enabled")
    if section.text("user") in ("root", "0"):
        raise section.error("user", "has to be a user other than root")
    timeout = section.number("timeout")
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise section.error("timeout", f"has to be more than 0 and at most {LONGEST_TIMEOUT} seconds, not {timeout:g}")
    return {
        "program": section.text("program"),
        "keep_alive": section.boolean("keep_alive"),
        "user": section.text("user"),
        "timeout": timeout,
        "called": section.path,
    }


def _url_problem(url: str) -> str | None:
    if not url:
        return "has to be set if the http output is enabled"
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return None
    except ValueError:
        pass
    return f"has to be like https://HOST:PORT/PATH, not '{url}'"


#: What reads the block of each of these outputs.
BLOCKS: Final[Mapping[str, Callable[[Reader], Mapping[str, Any]]]] = {
    "stdout": lambda section: {"enabled": True},
    "file": file_block,
    "syslog": syslog_block,
    "http": http_block,
    "program": program_block,
}
