"""How the output ``http`` posts: Falco's keys of ``http_output`` and our own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from msgspec import Struct

from falcohost.errors import OutputError
from falcohost.regular import SMALL, read_regular

#: The keys that name files.
FILES: Final = ("ca_cert", "ca_bundle", "ca_path", "client_cert", "client_key")

USER_AGENT: Final = "falcohost"


class HttpSettings(Struct, frozen=True, kw_only=True):
    """The settings.

    :ivar shown: how messages call the receiver: without its path, which may be a secret.
    :ivar headers: more headers.
    :ivar batch: most alerts in one request, which is an array then; 0: each is posted alone, as by Falco.
    :ivar concurrency: most requests at once.
    :ivar secret: the key of the signature; empty: there is none.
    :ivar trusts: files and folders of certificates to trust; empty: those of the system.
    """

    url: str
    shown: str
    content_type: str
    user_agent: str
    headers: Mapping[str, str]
    batch: int
    concurrency: int
    compress: bool
    keep_alive: bool
    echo: bool
    secret: bytes
    insecure: bool
    trusts: tuple[str, ...]
    mtls: bool
    client_cert: str
    client_key: str

    @classmethod
    def of(cls, block: Mapping[str, Any], *, json: bool) -> Self:
        """Return the settings in a *block* that was checked (:mod:`falcohost.host.config.output_blocks`).

        :raises OutputError: the file with the secret cannot be read.
        """
        url = str(block["url"])
        parts = urlsplit(url)
        return cls(
            url=url,
            shown=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            content_type="application/json" if json else "text/plain; charset=utf-8",
            user_agent=str(block["user_agent"]) or USER_AGENT,
            headers={str(name): str(value) for name, value in block["headers"].items()},
            batch=int(block["batch"]),
            concurrency=int(block["concurrency"]),
            compress=bool(block["compress_uploads"]),
            keep_alive=bool(block["keep_alive"]),
            echo=bool(block["echo"]),
            secret=_secret(str(block["secret"]), str(block["secret_file"])),
            insecure=bool(block["insecure"]),
            trusts=tuple(str(block[name]) for name in ("ca_cert", "ca_bundle", "ca_path") if block[name]),
            mtls=bool(block["mtls"]),
            client_cert=str(block["client_cert"]),
            client_key=str(block["client_key"]),
        )


def _secret(given: str, file: str) -> bytes:
    if not file:
        return given.strip().encode()
    try:
        secret = read_regular(Path(file), SMALL).strip()
    except OSError as error:
        raise OutputError(f"the secret of http_output cannot be read from {file}: {error.strerror}") from error
    if not secret:
        raise OutputError(f"the secret of http_output cannot be read from {file}: the file is empty")
    return secret


def http_addresses(block: Mapping[str, Any]) -> list[str]:
    """Return what the output with this block connects to."""
    parts = urlsplit(str(block["url"]))
    return [f"{parts.hostname}:{port_of(block['url'])}"]


def port_of(url: str) -> int:
    """Return the port of *url*, which was checked."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
