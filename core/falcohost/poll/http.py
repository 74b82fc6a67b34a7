"""An HTTP client for pollers: bounded in size and time; every error is a sentence that says how to fix it.

urllib3 and other slow imports are loaded only when a client is opened. Redirects are not followed, because they would
send the secret to another server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from falcohost.connecting import addresses
from falcohost.errors import SourceError
from falcohost.installing import how_to_install
from falcohost.jsonlog.blocks import read_blocks
from falcohost.jsonlog.inputs import MIB
from falcohost.jsonlog.refusals import TOO_LARGE, Refused
from falcohost.poll.answer import Answer, HttpError, Unreadable
from falcohost.poll.page import PollError
from falcohost.poll.reasons import reason
from falcohost.regular import BUNDLE, require_regular

if TYPE_CHECKING:
    import ssl

    import urllib3

#: Bytes that are read from an error answer.
_ENOUGH = 64 << 10

#: Connections that are kept per server, so that several threads can send requests.
_KEPT = 4

#: A body in chunks may take so many times its size, or else its connection is lost.
_CHUNKED = 2

NO_JSON_TYPE = "not declared as JSON"

#: Explains an error answer and how to fix it; None: no special explanation.
Explain = Callable[[Answer], str | None]

_REMARKS: Mapping[int, str] = {
    401: "the secret is not valid, or no longer",
    403: "the secret does not permit this",
    404: "nothing exists at this address",
    429: "too many requests",
}


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Sizes in bytes, times in seconds.

    :ivar body: size of an answer's body, both compressed and decompressed. What comes before it may have a MiB.
    :ivar connect_time: time to connect.
    :ivar pause: longest silence of a server.
    :ivar body_time: time to receive an answer's body; with all that comes before it, :attr:`pause` more.
    """

    body: int = 64 * MIB
    connect_time: float = 10.0
    pause: float = 30.0
    body_time: float = 300.0


class HttpClient:
    """Sends requests for the plugin *plugin*, whose extra installs urllib3.

    :param ca: file with the certificates of trusted authorities; None: those of the system.
    :param explain: explains error answers.
    :param json: an answer has to be JSON.
    """

    def __init__(
        self,
        plugin: str,
        *,
        ca: Path | None = None,
        explain: Explain = lambda answer: None,
        limits: HttpLimits | None = None,
        json: bool = True,
    ) -> None:
        self._plugin = plugin
        self._ca = ca
        self._explain = explain
        self._limits = limits or HttpLimits()
        self._json = json
        self._trust: ssl.SSLContext | None = None
        self._pools: dict[str, urllib3.PoolManager] = {}

    def open(self) -> None:
        """Import urllib3 and read the certificates.

        :raises SourceError: urllib3 is missing, or the certificates cannot be read.
        """
        import ssl
        import urllib.request  # noqa: F401

        from falcohost.trusted import client_context

        try:
            import urllib3  # noqa: F401

            import falcohost.http_bounds  # noqa: F401
        except ModuleNotFoundError as error:
            mend = how_to_install(self._plugin)
            raise SourceError(f"{self._plugin}: HTTP requests need {error.name}; install it with {mend}") from error
        try:
            if self._ca is not None:
                require_regular(self._ca, BUNDLE)
            self._trust = client_context(self._ca)
        except OSError as error:
            why = "there are none in it" if isinstance(error, ssl.SSLError) else error.strerror
            raise SourceError(f"{self._plugin}: the certificates in {self._ca} cannot be read: {why}") from error

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Fetch *url*, which must be JSON, unless the client takes anything.

        :raises HttpError: the server answers with an error status.
        :raises Unreadable: the answer is not JSON, or cannot be read.
        :raises PollError: there is no answer.
        """
        return self.request("GET", url, headers, None)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post *body*; otherwise like :meth:`get`."""
        return self.request("POST", url, headers, body)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send a request with any *method*; otherwise like :meth:`get`."""
        import urllib3
        import urllib3.exceptions

        host = urlsplit(url).hostname or url
        limits = self._limits
        shown = {
            "Accept": "application/json" if self._json else "*/*",
            "Accept-Encoding": "gzip",
            "User-Agent": "falcohost",
            **headers,
        }
        try:
            response = self._pool(url).request(
                method,
                url,
                body=body,
                headers=shown,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=limits.connect_time, read=limits.pause),
            )
            with closing(response):
                answer = self._read(host, response)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise PollError(reason(host, error)) from error
        if 200 <= answer.status < 300:
            return answer
        raise HttpError(host, answer, self._explain(answer) or _remark(answer))

    @staticmethod
    def connects(url: str) -> tuple[str, ...]:
        """Return the addresses to which requests to the server of *url* connect: its own, and those of proxies."""
        return addresses(url)

    def close(self) -> None:
        """Close idle connections."""
        for pool in list(self._pools.values()):
            pool.clear()

    def _read(self, host: str, response: urllib3.BaseHTTPResponse) -> Answer:
        """Read the answer; of an error answer, only the first part of the body."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status, headers, b"")
        is_good = 200 <= response.status < 300
        if is_good and self._json and not _is_json(headers.get("content-type", "")):
            raise Unreadable(host, answer, NO_JSON_TYPE)
        most = self._limits.body if is_good else _ENOUGH
        end = time.monotonic() + self._limits.body_time

        def read(size: int) -> bytes:
            if time.monotonic() > end:
                raise TimeoutError
            data: bytes = response.read1(size, decode_content=False)  # read() would wait for so many
            return data

        body = bytearray()
        try:
            for block in read_blocks(read):
                body += block
                if len(body) > most:
                    raise Refused(TOO_LARGE)
        except Refused as refused:
            if is_good:
                raise Unreadable(host, answer, str(refused)) from None
            del body[most:]
        else:
            response.release_conn()
        return Answer(response.status, headers, bytes(body))

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Return the connection pool for *url*, through the proxy from the environment if there is one."""
        from urllib.request import getproxies, proxy_bypass

        import urllib3

        from falcohost.http_bounds import Bounds, bound

        address = urlsplit(url)
        proxies = getproxies()
        proxy = proxies.get(address.scheme) or proxies.get("all") or ""
        if proxy and proxy_bypass(address.netloc):
            proxy = ""
        if proxy not in self._pools:
            pool = (
                _proxied(proxy, self._trust) if proxy else urllib3.PoolManager(maxsize=_KEPT, ssl_context=self._trust)
            )
            limits = self._limits
            bound(pool, Bounds(limits.pause + limits.body_time, _CHUNKED * limits.body + MIB))
            self._pools[proxy] = pool
        return self._pools[proxy]


def _proxied(proxy: str, trust: ssl.SSLContext | None) -> urllib3.PoolManager:
    import urllib3

    address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if address.scheme not in ("http", "https"):
        raise PollError(f"the proxy in the environment has to be http:// or https://, not {address.scheme}://")
    login = f"{unquote(address.username)}:{unquote(address.password or '')}" if address.username else None
    where = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
    shown = urllib3.make_headers(proxy_basic_auth=login)
    return urllib3.ProxyManager(where, proxy_headers=shown, ssl_context=trust, proxy_ssl_context=trust)


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _remark(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return "it redirects to another address, and redirects are not followed; set the final address"
    return _REMARKS.get(
        answer.status, "the server has a problem" if answer.status >= 500 else "the server does not accept the request"
    )
