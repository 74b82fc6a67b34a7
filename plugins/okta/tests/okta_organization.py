"""An Okta organization whose System Log can be asked over HTTP, for tests."""

from __future__ import annotations

import datetime
import json
import re
import threading
import time
import uuid
from email.utils import formatdate
from urllib.parse import urlencode

from okta_tokens import TOKEN_PATH, Tokens

from falcohost.jsonlog import parse_time
from falcohost.testing.server import HttpServer, Reply

PATH = "/api/v1/logs"


def at(seconds):
    """Return a time since the epoch as Okta writes it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


class Organization(Tokens):
    """An Okta organization that answers as the System Log API is documented, over HTTP.

    Polling (ascending, without ``until``) goes by the order and time in which events were recorded, and always ends
    with a link; other requests go by the time at which they were published.

    :ivar events: (when it was recorded, the event), in this order.
    :ivar mishaps: what is answered to the next requests instead of events; None closes the connection.
    :ivar ahead: seconds by which its clock is before that of this machine.
    :ivar rate: requests in *window* seconds.
    :ivar most: events in a page, whatever is asked for.
    :ivar gives_links: pages have links to the next.
    """

    def __init__(self):
        super().__init__()
        self.events = []
        self.mishaps = []
        self.ahead = 0.0
        self.rate, self.window, self.most = 100_000, 60, 1000
        self.gives_links = True
        self.generation = 0
        self._spent = {}
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
            elif request.path == TOKEN_PATH:
                reply = self.give_token(request, self.server.url + TOKEN_PATH, self.now)
            elif request.path != PATH:
                reply = _refusal(404, "E0000007")
            elif not self.lets_in(request, self.server.url + PATH, self.now):
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
        given = links if self.gives_links else links[:1]
        return Reply(body=json.dumps(page).encode(), headers={"Link": ", ".join(given)})

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


def _refusal(status, code):
    body = {"errorCode": code, "errorSummary": "no", "errorLink": code, "errorId": "oae1", "errorCauses": []}
    return Reply(status, json.dumps(body).encode())
