"""A fake AWS for tests of sources that read from it: moto's server, which speaks the protocols over real sockets."""

from __future__ import annotations

import functools
import logging
import urllib.request
from typing import Any

from falcohost.testing.agent import Json

REGION = "eu-central-1"


class Aws:
    """A server in a thread of this process, with one account in one region.

    :ivar url: its URL.
    :ivar settings: the settings with which a source connects to it.
    """

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        _read_models_once()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self.settings: Json = {"endpoint_url": self.url, "region": REGION}

    def client(self, service: str, key: str = "testing", secret: str = "testing") -> Any:
        """Return a boto3 client for *service*."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    def reset(self) -> None:
        """Remove all resources, and allow everything to everybody."""
        self._post("reset", "")
        self.enforce(1 << 60)

    def enforce(self, after: int = 0) -> None:
        """Apply IAM's policies to all requests that come *after* this number of requests."""
        self._post("reset-auth", str(after))

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def _post(self, what: str, body: str) -> None:
        address = f"{self.url}/moto-api/{what}"
        request = urllib.request.Request(address, body.encode(), {"Content-Type": "text/plain"}, method="POST")
        urllib.request.urlopen(request).close()


def _read_models_once() -> None:
    """Let botocore read its descriptions of services once in this process, not for each session."""
    from botocore.loaders import JSONFileLoader

    loader = JSONFileLoader()
    read = functools.cache(loader.load_file)
    JSONFileLoader.load_file = lambda self, path: read(path)
