"""The output ``http``: posts alerts to a URL, as Falco's does; each alone, or several in a JSON array.

Only an answer from 200 to 299 means that they have arrived. An alert that the receiver will never take (400, 413, 422)
is refused for good. Anything else is tried again, not before the time that the receiver names (``Retry-After``).
"""

from __future__ import annotations

import gzip
import hmac
import socket
import ssl
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from requests import RequestException, Response, Session, Timeout
from requests.adapters import HTTPAdapter
from urllib3 import disable_warnings
from urllib3.exceptions import InsecureRequestWarning

from falcohost.alert import Alert, AlertFormat
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.texts import printable
from falcohost.errors import OutputError, OutputRefused
from falcohost.hookspecs import RetriedProblem
from falcohost.http_bounds import Bounds, bound
from falcohost.log import log
from falcohost.outputs.formats import Answered, together
from falcohost.outputs.http_settings import HttpSettings, port_of
from falcohost.trusted import client_context

#: Seconds for a connection, between two parts of an answer, and for a request with its whole answer.
CONNECT, READ, WHOLE = 10.0, 30.0, 60.0

#: The alert itself is what is wrong: a malformed request, a body that is too large, or content that is not accepted.
FOR_GOOD: Final = frozenset({400, 413, 422})

#: Longest time that a receiver may have us wait, in seconds.
LONGEST_WAIT: Final = 300.0

#: Most bytes of an answer that are read, and most characters that messages show.
_MOST_READ: Final = 64 << 10
_SHOWN: Final = 200


class HttpOutput:
    """Posts with *session*, which has the certificates; *settings* say how."""

    def __init__(self, settings: HttpSettings, session: Session, form: AlertFormat, clock: Clock = SYSTEM) -> None:
        self._settings = settings
        self._session = session
        self._form = form
        self._clock = clock
        self._threads: ThreadPoolExecutor | None = None
        self._not_before = 0.0
        self._rejected = 0
        self._tell_at = 1
        self._arrived: set[str] = set()
        self._refused: dict[str, str] = {}

    def deliver(self, alerts: list[Alert]) -> None:
        """Post *alerts*, in their order unless several are posted at once.

        Those that have arrived before an error are not posted again after it.

        :raises OutputRefused: the receiver will never take some of them.
        :raises OutputError: it has not taken all of the others.
        """
        for _ in self.deliver_parts(alerts):
            pass

    def deliver_parts(self, alerts: list[Alert]) -> Iterator[int]:
        """Post *alerts* like :meth:`deliver`; yield after each answer how many of the first of them have arrived."""
        if self._clock.monotonic() < self._not_before:
            raise OutputError(f"{self._settings.shown} has asked to wait before the next attempt")
        left = [alert for alert in alerts if alert.id not in self._arrived and alert.id not in self._refused]
        step = self._settings.batch or 1
        before = len(self._arrived) + len(self._refused)
        count = 0
        try:
            for _ in self._post_all([left[begin : begin + step] for begin in range(0, len(left), step)]):
                while count < len(alerts) and alerts[count].id in self._arrived:
                    count += 1
                yield count
        except OutputError as error:
            error.progressed = len(self._arrived) + len(self._refused) > before
            raise
        refused = {n: self._refused[alert.id] for n, alert in enumerate(alerts) if alert.id in self._refused}
        self._arrived.clear()
        self._refused.clear()
        if refused:
            raise OutputRefused(refused)

    def reopen(self) -> None:
        """Make new connections before the next alert."""
        self._session.close()

    def close(self) -> None:
        """Close the connections."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    def _post_all(self, parts: Sequence[Sequence[Alert]]) -> Iterator[None]:
        """Post *parts*, as many at once as the settings say, and yield after each; after an error none that is left.

        :raises OutputError: one has not arrived; those that had begun have come to their end.
        """
        if self._settings.concurrency == 1:
            for part in parts:
                self._post(part)
                yield
            return
        if self._threads is None:  # not before: no thread may be older than the confinement of the process
            self._threads = ThreadPoolExecutor(self._settings.concurrency, "http")
        begun: deque[Future[None]] = deque()
        try:
            for part in parts:
                if len(begun) == self._settings.concurrency:  # the next one waits for the first of so many
                    begun.popleft().result()
                    yield
                begun.append(self._threads.submit(self._post, part))
            while begun:
                begun.popleft().result()
                yield
        finally:
            wait(begun)

    def _post(self, alerts: Sequence[Alert]) -> None:
        """Post *alerts* in one request; halves of them if the receiver takes them for malformed or too large."""
        status, answer = self._send(self._body(alerts), alerts[0].id if len(alerts) == 1 else "")
        if 200 <= status < 300:
            self._take_note(alerts, answer)
        elif status not in FOR_GOOD:
            raise OutputError(f"{self._settings.shown} has answered {_described(status, answer)}")
        elif len(alerts) > 1:
            middle = len(alerts) // 2
            self._post(alerts[:middle])
            self._post(alerts[middle:])
        else:
            self._refused[alerts[0].id] = _described(status, answer)

    def _take_note(self, alerts: Sequence[Alert], answer: str) -> None:
        """Take note that *alerts* have arrived, but for those that the *answer* rejects."""
        count, reason = self._form.rejected(answer) if isinstance(self._form, Answered) else (0, "")
        if count >= len(alerts):
            self._refused |= dict.fromkeys((alert.id for alert in alerts), f"rejected: {_shortened(reason)}")
            return
        self._arrived.update(alert.id for alert in alerts)
        self._rejected += max(0, count)
        if count > 0 and self._rejected >= self._tell_at:  # it does not say which, so that none can be parked
            self._tell_at = 2 * self._rejected
            text = "%s has rejected %d alerts of batches that it took otherwise: %s"
            log.error(text, self._settings.shown, self._rejected, _shortened(reason))

    def _send(self, body: bytes, key: str) -> tuple[int, str]:
        """Post *body*, with the id of its alert as *key*; return the status and the beginning of the answer.

        :raises OutputError: there is no answer.
        """
        settings = self._settings
        headers = {"Content-Type": settings.content_type, "User-Agent": settings.user_agent, **settings.headers}
        if settings.compress:
            body, headers["Content-Encoding"] = gzip.compress(body, 6), "gzip"
        if settings.secret:
            headers["X-Falcohost-Signature"] = signature(settings.secret, body, self._clock.time_ns() // 1_000_000_000)
        if key:
            headers["Idempotency-Key"] = f'"{key}"'
        if not settings.keep_alive:
            headers["Connection"] = "close"
        try:
            with self._session.post(
                settings.url, data=body, headers=headers, timeout=(CONNECT, READ), allow_redirects=False, stream=True
            ) as response:
                answer = _beginning(response)
                self._heed(response)
        except (RequestException, OSError) as error:
            raise OutputError(f"cannot post to {settings.shown}: {_reason(error)}") from error
        finally:
            if not settings.keep_alive and settings.concurrency == 1:  # others may be using theirs
                self._session.close()
        if settings.echo:
            print(answer, flush=True)
        return response.status_code, answer

    def _body(self, alerts: Sequence[Alert]) -> bytes:
        return together(self._form, alerts) if self._settings.batch else self._form.line(alerts[0])

    def _heed(self, response: Response) -> None:
        """Take note of the time before which the receiver wants nothing more."""
        if response.status_code in (429, 503) and (after := response.headers.get("Retry-After", "")):
            wait = _seconds(after, self._clock.time_ns())
            self._not_before = self._clock.monotonic() + min(wait, LONGEST_WAIT)


def make_output(block: Mapping[str, Any], form: AlertFormat) -> HttpOutput:
    """Return the output, with its certificates and its secret read.

    :raises OutputError: one of these cannot be used.
    """
    settings = HttpSettings.of(block, json=form.json)
    return HttpOutput(settings, _session(settings), form)


def problem(block: Mapping[str, Any]) -> str | None:
    """Return why nothing can be posted; None if a connection to the receiver can be made. Nothing is posted."""
    try:
        settings = HttpSettings.of(block, json=True)
        session = _session(settings)
    except OutputError as error:
        return str(error)
    host, port = str(urlsplit(settings.url).hostname), port_of(settings.url)
    try:
        with session, socket.create_connection((host, port), CONNECT):
            return None
    except OSError as error:
        return RetriedProblem(f"cannot connect to {settings.shown}: {_reason(error)}; alerts wait until it is there")


def signature(secret: bytes, body: bytes, now: int) -> str:
    """Return what proves that *body* is ours and when it was sent: the time, and HMAC-SHA256 of ``time.body``."""
    return f"t={now},v1={hmac.new(secret, b'%d.' % now + body, 'sha256').hexdigest()}"


class _Adapter(HTTPAdapter):
    """Connects with the certificates that were read at the start, and with no others."""

    def __init__(self, context: ssl.SSLContext | None, connections: int) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Have the connections use the context, and requests come to an end."""
        super().init_poolmanager(*args, **options, ssl_context=self._context)
        bound(self.poolmanager, Bounds(WHOLE))

    def cert_verify(self, *args: Any) -> None:
        """Do nothing: the context says whom to trust."""


def _session(settings: HttpSettings) -> Session:
    session = Session()
    session.trust_env = False  # neither .netrc nor variables of the agent's environment
    session.headers.clear()
    if settings.url.startswith("https:"):
        session.verify = not settings.insecure
        if settings.insecure:
            disable_warnings(InsecureRequestWarning)  # the configuration says so
        session.mount("https://", _Adapter(_context(settings), settings.concurrency))
    else:
        session.mount("http://", _Adapter(None, settings.concurrency))
    return session


def _context(settings: HttpSettings) -> ssl.SSLContext:
    """Return the certificates to trust, and our own.

    :raises OutputError: one cannot be used.
    """
    file = folder = ""
    try:
        context = client_context() if not settings.trusts else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for file in settings.trusts:
            context.load_verify_locations(**{"capath" if Path(file).is_dir() else "cafile": file})
        if settings.insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if settings.mtls:
            file, folder = settings.client_cert, settings.client_key
            context.load_cert_chain(settings.client_cert, settings.client_key)
    except OSError as error:
        names = " and ".join(filter(None, (file, folder)))
        raise OutputError(f"the certificate in {names} cannot be used for http_output: {_reason(error)}") from error
    return context


def _beginning(response: Response) -> str:
    """Return the beginning of an answer, and read no more than so much of it."""
    chunks = response.iter_content(_MOST_READ)
    data = next(chunks, b"")
    next(chunks, None)  # the end, if it is short: so the connection can be used again
    return printable(data.decode("utf-8", "replace").strip())


def _described(status: int, answer: str) -> str:
    return f"{status}: {_shortened(answer)}" if answer else str(status)


def _shortened(answer: str) -> str:
    return answer if len(answer) <= _SHOWN else f"{answer[:_SHOWN]}…"


def _seconds(after: str, now: int) -> float:
    """Return the seconds that the header ``Retry-After`` (RFC 9110, 10.2.3) asks for, from *now* (ns) on; 0: none."""
    if after.strip().isdecimal():
        return float(after)
    try:
        return max(parsedate_to_datetime(after).timestamp() - now / 1e9, 0.0)
    except ValueError:
        return 0.0


def _reason(error: BaseException) -> str:
    """Return the cause of an error in a few words: the first error of the system behind it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is refused: {cause.verify_message}"
        if isinstance(cause, OSError) and not isinstance(cause, RequestException):
            return cause.strerror or str(cause)
        inner = next((one for one in cause.args if isinstance(one, BaseException)), None)
        cause = inner or getattr(cause, "reason", None) or cause.__cause__ or cause.__context__
        cause = cause if isinstance(cause, BaseException) else None
    return "it does not answer in time" if isinstance(error, Timeout) else _shortened(printable(str(error)))
