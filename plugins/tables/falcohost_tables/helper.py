"""The process that has the tables: it reads their files and fetches them, and has nothing of what the source reads."""

from __future__ import annotations

import functools
import os
import socket
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from falcohost.by_name import called_by_name
from falcohost.helpers import prepare_threads
from falcohost.needs import CONNECT, THREADS
from falcohost.port import serve_late
from falcohost_tables.config import Table
from falcohost_tables.rows import Answer, Question
from falcohost_tables.tables import Loaded, Tables

#: Seconds between two looks at files.
LOOK: Final = 1.0

#: Most questions that wait for tables which are being fetched; others are not known.
MOST: Final = 256

#: Takes an answer.
Tell: TypeAlias = Callable[[Answer], None]


class Answering:
    """Answers questions about *tables*. Those about a table that is still being fetched wait until it has come."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._lock = threading.Lock()
        self._waiting: list[tuple[Question, Tell]] = []
        self._watching: list[tuple[int, Tell]] = []

    def ask(self, question: Question, tell: Tell) -> None:
        """Take a question."""
        with self._lock:
            if not question.table:
                self._watching.append((question.seen, tell))
            else:
                self._waiting.append((question, tell))
            self._answer()

    def run(self) -> None:
        """Answer what waits, whenever something has changed."""
        number = -1
        while True:
            number = self._tables.wait_for_change(number)
            with self._lock:
                self._answer()

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for question, tell in waiting:
            loaded = self._tables.by_name.get(question.table)
            if loaded is None or loaded.is_known or loaded.has_failed or len(self._waiting) >= MOST:
                tell(_answer(question, loaded))
            else:
                self._waiting.append((question, tell))
        number = self._tables.number
        for seen, tell in self._watching:
            if seen != number:
                tell(Answer("", b"", number=number, states=self._tables.states()))
        self._watching = [(seen, tell) for seen, tell in self._watching if seen == number]


def _answer(question: Question, loaded: Loaded | None) -> Answer:
    if loaded is None or not loaded.is_known:
        return Answer(question.table, question.key, known=False)
    return Answer(question.table, question.key, loaded.find(question.key))


@called_by_name("serve", capabilities=frozenset({"CAP_DAC_READ_SEARCH"}), calls=frozenset({THREADS, CONNECT}))
def serve(link: socket.socket, settings: Mapping[str, Any]) -> None:
    """Answer the questions of the lookup until it ends."""
    prepare_threads()
    tables = Tables(msgspec.convert(settings["tables"], tuple[Table, ...]))
    answering = Answering(tables)
    tables.look()
    _start(_looking, tables)
    for loaded in tables.from_urls():
        _start(_fetching, loaded)
    _start(answering.run)
    serve_late(link, Question, answering.ask)


def _start(function: Callable[..., object], *arguments: object) -> None:
    threading.Thread(target=functools.partial(_ending, function, *arguments), daemon=True).start()


def _ending(function: Callable[..., object], *arguments: object) -> None:
    """Call *function*, which does not return; if it raises, this process ends, and with it the worker."""
    try:
        function(*arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _looking(tables: Tables) -> None:
    pause = threading.Event()
    while not pause.wait(LOOK):
        tables.look()


def _fetching(loaded: Loaded) -> None:
    from falcohost_tables.fetching import Fetcher

    Fetcher(loaded.table, loaded).run()
