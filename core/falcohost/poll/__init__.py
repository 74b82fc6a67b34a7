"""Polling: building blocks for plugins that fetch their log from a server.

A plugin implements a :class:`Poller`, which returns one :class:`Page` at a time, and passes it to a :class:`PollInput`,
the counterpart of :func:`falcohost.jsonlog.file_input` for files. :class:`HttpClient` is a client for HTTP servers.
"""

from falcohost.environment import PROXIES as ENVIRONMENT
from falcohost.installing import how_to_install
from falcohost.poll.answer import Answer, HttpError, Unreadable
from falcohost.poll.check import poll_problem
from falcohost.poll.failures import BackOff, Failures
from falcohost.poll.http import Explain, HttpClient, HttpLimits
from falcohost.poll.input import PollInput
from falcohost.poll.items import array_items, texts_of
from falcohost.poll.page import Page, Poller, PollError
from falcohost.poll.secret import find_secret, read_secret
from falcohost.poll.seen import Seen

__all__ = [
    "ENVIRONMENT",
    "Answer",
    "BackOff",
    "Explain",
    "Failures",
    "HttpClient",
    "HttpError",
    "HttpLimits",
    "Page",
    "PollError",
    "PollInput",
    "Poller",
    "Seen",
    "Unreadable",
    "array_items",
    "find_secret",
    "how_to_install",
    "poll_problem",
    "read_secret",
    "texts_of",
]
