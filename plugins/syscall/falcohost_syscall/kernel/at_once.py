"""Does several things at once that wait for the kernel, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence


def at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Run all *tasks*, if there are any, at the same time, the first one in this thread.

    :raises Exception: what one of them has raised; all have ended.
    """
    failed: list[Exception] = []

    def run(task: Callable[[], object]) -> None:
        try:
            task()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks[1:]]
    for thread in threads:
        thread.start()
    for task in tasks[:1]:
        run(task)
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
