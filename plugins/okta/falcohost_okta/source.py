"""The source ``okta``: events of the System Log, from Okta's API or from files of its answers, or of one a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcohost import Source
from falcohost.jsonlog import JsonEvent, JsonLog, JsonSource, Limits, Origin, file_input, user_at
from falcohost.poll import PollInput
from falcohost_okta import config, mfa
from falcohost_okta.ids import uuid_of
from falcohost_okta.poller import LogPoller
from falcohost_okta.recall import Recall

#: What the memory of refusals looks at is decoded of every event, whatever the rules read.
LOG = JsonLog(
    source="okta",
    plugin="okta",
    time="published",
    skip_reads=mfa.READS,
    subject=user_at("okta.actor", "actor.id"),
)

#: How the names of files of events end.
SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")


class Memory:
    """What the source knows beside the event at hand; getters of fields find it in the event's context.

    :ivar organization: value of ``okta.org``.
    :ivar attempts: refusals at the second factor so far.
    """

    def __init__(self, settings: config.Config) -> None:
        self.organization = settings.organization
        self.attempts = mfa.Attempts(settings.attempts_per_actor, settings.expiration)

    def see(self, event: JsonEvent) -> None:
        """Take note of *event* if it is a refusal."""
        who = mfa.attempt(event.record)
        if who is not None:
            self.attempts.add(who, event.ts)


def make(settings: Mapping[str, Any]) -> Source:
    """Return the source that reads what *settings* name.

    :raises ConfigError: a setting cannot be.
    :raises SourceError: they name nothing that can be read.
    """
    own = config.parse(settings)
    memory = Memory(own)
    if own.api is None:
        files = file_input(own.path, plugin=LOG.plugin, suffixes=SUFFIXES, recursive=True, follow=own.follow)
        return JsonSource(LOG, files, memory)
    origin = Origin(f"System Log of {own.api.url}", own.api.url, by_content=True, id_of=uuid_of)
    poller = LogPoller(own.api, Recall(own.expiration, memory.attempts.add))
    pages = PollInput(poller, Limits(), plugin=LOG.plugin, origin=origin)
    return JsonSource(LOG, pages, memory, planned=poller.plan)
