"""What the tests of Okta share: a field's value in an event, and an organization whose System Log can be asked."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import logging
import re
import threading
import time
import uuid
from email.utils import formatdate
from urllib.parse import parse_qs, urlencode

import jwt
import pytest

from falcohost.events import Plan
from falcohost.jsonlog import event_of, parse_time
from falcohost.poll import BackOff
from falcohost.testing.server import HttpServer, Reply
from falcohost_okta.fields import FIELDS
from falcohost_okta.source import LOG, make

ROWS = {field.name: field for field in FIELDS}

ANYTHING = Plan(source="okta")

TOKEN = "00a-secret-token"

PATH = "/api/v1/logs"


@pytest.fixture
def value():
    """Return a function that reads a field, with an argument or without, in an event of the System Log."""

    def value(name, record, arg=None):
        return ROWS[name].get(event_of(LOG, record), arg)

    return value


def at(seconds):
    """Return a time since the epoch as Okta writes it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


class Organization:
    """An Okta organization that answers as the System Log API is documented, over HTTP.

    Polling (ascending, without ``until``) goes by the order and time in which events were recorded, and always ends
    with a link; other requests go by the time at which they were published.

    :ivar events: (when it was recorded, the event), in this order.
    :ivar tokens: those that are valid, as ``Authorization`` has them.
    :ivar mishaps: what is answered to the next requests instead of events; None closes the connection.
    :ivar ahead: seconds by which its clock is before that of this machine.
    :ivar rate: requests in *window* seconds.
    :ivar most: events in a page, whatever is asked for.
    :ivar gives_links: pages have links to the next.
    :ivar key: public key of its service app ``0oa1``.
    :ivar nonce: what has to be in a proof of possession (DPoP, RFC 9449); None: none is demanded.
    """

    def __init__(self):
        self.events = []
        self.tokens = {f"SSWS {TOKEN}"}
        self.mishaps = []
        self.ahead = 0.0
        self.rate, self.window, self.most = 100_000, 60, 1000
        self.gives_links = True
        self.key = None
        self.nonce = None
        self.generation = 0
        self._spent = {}
        self._bound = {}
        self._proofs = []
        self._lock = threading.Lock()
        self.server = HttpServer(self.answer)

    @property
    def now(self):
        """Return what its clock shows."""
        return time.time() + self.ahead

    @property
    def asked(self):
        """Return the queries that were asked of the log, as far as they were answered with events."""
        return [request.query for request in self.server.requests if request.path == PATH]

    def add(self, *, ago=0.0, **members):
        """Record an event that was published some seconds *ago*; return it."""
        with self._lock:
            now = self.now
            event = {"uuid": str(uuid.uuid4()), "published": at(now - ago), "eventType": "user.session.start"}
            self.events.append((now, event | members))
            return event | members

    def forget_links(self):
        """Let the links that were given so far be unknown."""
        self.generation += 1

    def answer(self, request):
        """Answer *request*."""
        headers = {"Date": formatdate(self.now, usegmt=True)}
        with self._lock:
            mishap = self.mishaps.pop(0) if self.mishaps else False
            if mishap is not False:
                reply = mishap
            elif request.path == "/oauth2/v1/token":
                reply = self._give_token(request)
            elif request.path != PATH:
                reply = _refusal(404, "E0000007")
            elif not self._is_let_in(request):
                reply = _refusal(401, "E0000011")
            else:
                reply = self._limited(request)
        if reply is not None:
            reply.headers = headers | reply.headers
        return reply

    def _limited(self, request):
        window = int(self.now // self.window)
        spent = self._spent[window] = self._spent.get(window, 0) + 1
        reply = self._logs(request) if spent <= self.rate else _refusal(429, "E0000047")
        reply.headers |= {
            "X-Rate-Limit-Limit": str(self.rate),
            "X-Rate-Limit-Remaining": str(max(0, self.rate - spent)),
            "X-Rate-Limit-Reset": str((window + 1) * self.window),
        }
        return reply

    def _logs(self, request):
        query = dict(request.query)
        limit = int(query.get("limit", 100))
        if not 0 <= limit <= 1000:
            return _refusal(400, "E0000001")
        begin, generation = map(int, query.get("after", f"0_{self.generation}").split("_"))
        if generation != self.generation:
            return _refusal(400, "E0000001")
        is_polling = "since" in query and "until" not in query and query.get("sortOrder") != "DESCENDING"
        found = self._found(query, is_polling)
        page = found[begin : begin + min(limit, self.most)]
        links = [f'<{self.server.url}{PATH}?{urlencode(query)}>; rel="self"']
        if is_polling or begin + len(page) < len(found):
            after = query | {"after": f"{begin + len(page)}_{self.generation}"}
            links.append(f'<{self.server.url}{PATH}?{urlencode(after)}>; rel="next"')
        return Reply(
            body=json.dumps(page).encode(), headers={"Link": ", ".join(links[: None if self.gives_links else 1])}
        )

    def _found(self, query, is_polling):
        """Return the events that *query* is about, in its order."""
        until = parse_time(query.get("until", at(self.now + 1e6))) / 1e9
        since = parse_time(query.get("since", at(until - 7 * 86_400))) / 1e9
        wanted = self.filter(query.get("filter", ""))
        if is_polling:
            # To the millisecond, as times are written.
            return [event for recorded, event in self.events if recorded >= since - 0.001 and wanted(event)]
        found = [
            (published, event)
            for _, event in self.events
            if since <= (published := (parse_time(event.get("published")) or 0) / 1e9) <= until and wanted(event)
        ]
        found.sort(key=lambda pair: pair[0], reverse=query.get("sortOrder") == "DESCENDING")
        return [event for _, event in found]

    def _is_let_in(self, request):
        shown = request.headers.get("authorization", "")
        return shown in self.tokens and (
            not shown.startswith("DPoP ") or self._proved(request, f"{self.server.url}{PATH}", shown.split()[1])
        )

    def _proved(self, request, url, token=None):
        """Return the claims of the proof in *request*, by whose key *token* was given; None: it proves nothing."""
        try:
            header = jwt.get_unverified_header(request.headers.get("dpop", ""))
            claims = jwt.decode(
                request.headers["dpop"], jwt.PyJWK(header["jwk"]).key, ["ES256"], options={"verify_iat": False}
            )
        except (jwt.PyJWTError, KeyError):
            return None
        digest = base64.urlsafe_b64encode(hashlib.sha256((token or "").encode()).digest()).decode().rstrip("=")
        is_good = (header["typ"], claims["htm"], claims["htu"]) == ("dpop+jwt", request.method, url)
        is_bound = token is None or (claims["ath"], self._bound[token]) == (digest, header["jwk"])
        self._proofs.append(claims["jti"])
        is_once = self._proofs.count(claims["jti"]) == 1
        return (
            claims | {"jwk": header["jwk"]}
            if is_good and is_bound and is_once and abs(claims["iat"] - self.now) < 60
            else None
        )

    @staticmethod
    def filter(text):
        """Return the function that says whether an event is as *text*, a filter of ``eq``, ``and``, ``or``, says."""
        if not text:
            return lambda event: True
        code = re.sub(r'([\w.]+) eq ("[^"]*")', r'(value("\1") == \2)', text)

        def wanted(event):
            def value(path):
                found = event
                for key in path.split("."):
                    found = found.get(key) if isinstance(found, dict) else None
                return found

            return eval(code, {"value": value})

        return wanted

    def _give_token(self, request):
        if self.nonce is None:
            return self._given(request, "Bearer")
        proof = self._proved(request, f"{self.server.url}/oauth2/v1/token")
        if proof is None:
            return Reply(400, b'{"error":"invalid_dpop_proof"}')
        if proof.get("nonce") != self.nonce:
            return Reply(400, b'{"error":"use_dpop_nonce"}', {"DPoP-Nonce": self.nonce})
        reply = self._given(request, "DPoP")
        if reply.status == 200:
            self._bound[json.loads(reply.body)["access_token"]] = proof["jwk"]
        return reply

    def _given(self, request, kind):
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        try:
            claims = jwt.decode(
                form["client_assertion"],
                self.key,
                ["RS256"],
                audience=f"{self.server.url}/oauth2/v1/token",
                options={"verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, TypeError):
            return Reply(401, b'{"error":"invalid_client"}')
        is_true = claims["iat"] - 60 <= self.now <= claims["exp"] <= self.now + 3600
        if not is_true or {claims["iss"], claims["sub"]} != {"0oa1"}:
            return Reply(
                401, b'{"error":"invalid_client","error_description":"The client_assertion token is expired."}'
            )
        if (form["grant_type"], form["scope"]) != ("client_credentials", "okta.logs.read"):
            return Reply(400, b'{"error":"invalid_scope"}')
        token = f"token{len(self.server.requests)}"
        self.tokens.add(f"{kind} {token}")
        given = {"token_type": kind, "expires_in": 3600, "access_token": token, "scope": form["scope"]}
        return Reply(body=json.dumps(given).encode())


def _refusal(status, code):
    body = {"errorCode": code, "errorSummary": "no", "errorLink": code, "errorId": "oae1", "errorCauses": []}
    return Reply(status, json.dumps(body).encode())


@pytest.fixture
def organization():
    """Return an organization that answers."""
    made = Organization()
    yield made
    made.server.close()


@pytest.fixture(autouse=True)
def told(caplog):
    """Return the log, of everything."""
    caplog.set_level(logging.DEBUG, "falcohost")
    return caplog


class Reader:
    """Reads an organization's log as the worker does, in a thread.

    :ivar events: what was read.
    :ivar cursors: those that came with it.
    """

    def __init__(self, settings, cursor, plan):
        self.events = []
        self.cursors = [cursor]
        self._stopped = threading.Event()
        self.source = make(settings)
        self.source.open(plan, cursor)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        for batch in self.source.batches():
            for event in batch.events:
                event.whole()
                self.events.append(event)
            if batch.cursor is not None:
                self.cursors.append(batch.cursor)
            if self._stopped.is_set():
                break

    @property
    def uuids(self):
        """Return the ids of the events, in order."""
        return [event.record.get("uuid") for event in self.events]

    @property
    def dropped(self):
        """Return what was left out, by cause."""
        return dict(self.source.stats().dropped)

    def wait_for(self, count, seconds=15):
        """Return when so many events were read."""
        self.wait_until(lambda: len(self.events) >= count, seconds)

    def wait_until(self, done, seconds=15):
        """Return when *done* says so."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"only {len(self.events)} events after {seconds} s"
            time.sleep(0.01)

    def close(self):
        """Read no more; return the last cursor."""
        self._stopped.set()
        self._thread.join()
        self.source.close()
        return self.cursors[-1]


@pytest.fixture
def read(organization, monkeypatch):
    """Return a function that begins to read the organization's log, impatiently."""
    monkeypatch.setattr("falcohost.poll.input.BackOff", lambda: BackOff(0.02, 0.1))
    monkeypatch.setattr("falcohost_okta.poller.SOON", 0.02)
    readers = []

    def read(cursor=None, *, plan=ANYTHING, **settings):
        usual = {"organization": "example", "url": organization.server.url, "api_token": TOKEN, "refresh_interval": 1}
        readers.append(Reader(usual | settings, cursor, plan))
        return readers[-1]

    yield read
    for reader in readers:
        reader.close()
