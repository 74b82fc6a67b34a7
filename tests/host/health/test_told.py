"""What the health process knows of the agent, and when it takes the supervisor for dead."""

import asyncio

from falcohost.host.health.messages import Numbers, State, Tell
from falcohost.host.health.told import FRESH, Told
from falcohost.host.snapshot import encode
from falcohost.host.storing.overseer import SILENT
from falcohost.testing.clock import ManualClock


def told(asked=None):
    """Return what was told, its clock, and the questions that it asks."""
    clock, asked = ManualClock(), []
    return Told(lambda: asked.append(1), clock), clock, asked


def test_a_silent_supervisor():
    """The agent does not work while the supervisor says nothing, whatever it has said before; then it does again."""
    one, clock, _ = told()
    one.hears(State(ready=True, works=True))
    clock.advance(SILENT - 1)

    assert (True, True) == (one.works, one.ready)
    clock.advance(2)
    assert (False, False) == (one.works, one.ready)
    one.hears(Tell())
    assert (True, True) == (one.works, one.ready)


def test_what_the_supervisor_says():
    """An agent that starts works and is not ready; one of which something is down does neither."""
    one, _, _ = told()

    assert (True, False) == (one.works, one.ready)
    one.hears(State(ready=True, works=False))
    assert (False, False) == (one.works, one.ready)


def test_numbers_are_asked_for_once(snapshot):
    """However many requests there are, numbers are asked for once, and again when they are old."""
    one, clock, asked = told()

    async def ask(count):
        waiting = [asyncio.ensure_future(one.numbers()) for _ in range(count)]
        await asyncio.sleep(0)
        one.hears(Numbers(encode(snapshot), False, 7))
        return await asyncio.gather(*waiting)

    assert [snapshot] * 5 == asyncio.run(ask(5))
    assert 1 == len(asked)
    assert [snapshot] == asyncio.run(ask(1))
    assert 1 == len(asked)
    clock.advance(FRESH + 0.1)
    asyncio.run(ask(3))
    assert (2, 7) == (len(asked), one.reloaded)


def test_numbers_that_are_too_many():
    """Numbers that do not fit into a message are none."""
    one, _, _ = told()

    async def ask():
        waiting = asyncio.ensure_future(one.numbers())
        await asyncio.sleep(0)
        one.hears(Numbers(b"", False, 7))
        return await waiting

    assert None is asyncio.run(ask())
