"""The source ``okta``: reads events of the System Log from Okta's API or from files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcohost import Source
from falcohost.jsonlog import JsonEvent, JsonLog, JsonSource, Limits, Origin, file_input, user_at
from falcohost.poll import PollInput
from falcohost_okta import config, mfa, targets
from falcohost_okta.ids import uuid_of
from falcohost_okta.login import check_secret
from falcohost_okta.poller import LogPoller
from falcohost_okta.recall import Recall

#: The members that failures are recognized by are decoded for every event, whatever the rules read.
LOG = JsonLog(
    source="okta",
    plugin="okta",
    time="published",
    skip_reads=mfa.READS,
    subject=user_at("okta.actor", "actor.id"),
    resources=targets.resources,
)

#: Endings of the names of files with events.
SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")


class Memory:
    """The state of the source besides the current event; getters of fields find it in the event's context.

    :ivar organization: the value of ``okta.org``.
    :ivar attempts: the failures at the second factor so far.
    """

    def __init__(self, settings: config.Config) -> None:
        self.organization = settings.organization
        self.attempts = mfa.Attempts(settings.attempts_per_actor, settings.expiration)

    def see(self, event: JsonEvent) -> None:
        """Remember *event* if it is such a failure."""
        who = mfa.attempt(event.record)
        if who is not None:
            self.attempts.add(who, event.ts)


def make(settings: Mapping[str, Any]) -> Source:
    """Return the source for *settings*.

    :raises ConfigError: a setting is not valid.
    :raises SourceError: the settings name nothing that can be read.
    """
    own = config.parse(settings)
    memory = Memory(own)
    if own.api is None:
        files = file_input(own.path, plugin=LOG.plugin, suffixes=SUFFIXES, recursive=True, follow=own.follow)
        return JsonSource(LOG, files, memory)
    check_secret(own.api)
    origin = Origin(f"System Log of {own.api.url}", own.api.url, by_content=True, id_of=uuid_of)
    poller = LogPoller(own.api, Recall(own.expiration, memory.attempts.add))
    pages = PollInput(poller, Limits(), plugin=LOG.plugin, origin=origin)
    return JsonSource(LOG, pages, memory, planned=poller.plan)
