"""Hands over, in the reader, what each process of the agent gets; and compares with what the agent was started with."""

from __future__ import annotations

import msgspec

from falcohost.host.agent_options import AgentOptions
from falcohost.host.assigning import Assigning, beside_rules, needed_sources
from falcohost.host.assignment import encoded
from falcohost.host.given import Configured
from falcohost.host.health.data import seal_health
from falcohost.host.outputs_data import seal_outputs
from falcohost.host.plugins import Plugins
from falcohost.host.reader_link import ACTIONS, ASSIGNMENT, BASELINE, HEALTH, OUTPUTS, RESPONSES, WORKER, Teller
from falcohost.host.response.data import seal_actions, seal_responses
from falcohost.host.sealed import read_sealed, sealed
from falcohost.host.sources import check_settings, opened
from falcohost.host.worker_data import seal


class Baseline(msgspec.Struct, frozen=True):
    """What the agent was started with, for the readers of reloads. It holds secrets; no other process reads it.

    :ivar config: the configuration file; None: there was none.
    :ivar missing: paths in ``config_files`` that did not exist.
    :ivar beside_rules: the configuration without rules (:func:`beside_rules`).
    :ivar sources: the sources that were opened.
    """

    config: bytes | None
    missing: list[bytes]
    beside_rules: bytes
    sources: list[str]


def read_baseline(descriptor: int) -> Baseline:
    """Return the baseline in a memfd."""
    return _decoder.decode(read_sealed(descriptor))


def hand_over(
    teller: Teller,
    given: Configured,
    plugins: Plugins,
    options: AgentOptions,
    config: bytes | None,
    missing: list[bytes],
) -> None:
    """Hand over everything for a start of the agent.

    :param config: the configuration file.
    :param missing: paths in ``config_files`` that do not exist.
    :raises FalcohostError: the agent cannot start like this.
    """
    assigning = Assigning(given, plugins, options)
    check_settings(given.config, plugins, given.ruleset, options)
    _hand_over(teller, assigning, Baseline(config, missing, beside_rules(given.config), assigning.sources))


def hand_over_again(
    teller: Teller, given: Configured, plugins: Plugins, options: AgentOptions, baseline: Baseline
) -> bool:
    """Hand over new rules; return False if they need a source that is not open.

    :raises FalcohostError: something is wrong with them.
    """
    needed = opened(needed_sources(given.ruleset, plugins, options), plugins)
    if not set(needed) <= set(baseline.sources):
        return False
    _hand_over(teller, Assigning(given, plugins, options, baseline.sources), baseline)
    return True


def _hand_over(teller: Teller, assigning: Assigning, baseline: Baseline) -> None:
    # first of all everything that may fail
    outputs, workers, health = assigning.outputs(), assigning.workers(), assigning.health
    response = assigning.response
    teller.hand(OUTPUTS, seal_outputs(outputs))
    if health is not None:
        teller.hand(HEALTH, seal_health(health))
    if response is not None:
        teller.hand(ACTIONS, seal_actions(response.actions))
        if response.responses is not None:
            teller.hand(RESPONSES, seal_responses(response.responses))
    teller.hand(BASELINE, sealed("falcohost baseline", _encode(baseline)))
    for worker in workers:
        teller.hand(WORKER, seal(worker), worker.source)
    teller.hand(ASSIGNMENT, sealed("falcohost assignment", encoded(assigning.assignment())))


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Baseline)
