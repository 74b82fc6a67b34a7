"""The source ``github``: makes the input that the settings ask for.

A record is a payload with GitHub's event as ``webhook_type``, as in Falco's plugin. GitHub gives no time with a
payload; entries of the audit log have their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from falcohost import Source, SourceError
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import JsonLog, JsonSource, at, file_input, resource_at, user_at
from falcohost.web import secret_files
from falcohost_github import config
from falcohost_github.api import GithubApi
from falcohost_github.audit import audit_log
from falcohost_github.hooks import Hooks
from falcohost_github.input import GithubInput
from falcohost_github.values import as_text
from falcohost_github.webhook import make_listener, webhook_input

#: Members of an audit log entry with its time. In a payload the first is the time of the thing that it is about.
_TIMES = ("@timestamp", "created_at")

_user = at("sender.login")
_repository = at("repository.html_url")


def _line(record: dict[str, Any]) -> str:
    """Return event and action, who caused it and where."""
    parts = (
        ("", record.get("webhook_type")),
        ("action ", record.get("action")),
        ("by ", _user(record)),
        ("in ", _repository(record)),
    )
    return " ".join(f"{label}{value}" for label, value in parts if as_text(value))


LOG = JsonLog(
    source="github",
    plugin="github",
    time=_TIMES,
    info=_line,
    subject=user_at("github.user", "sender.login", "actor"),
    resources=resource_at("github.repository", "repository.full_name", "repo"),
)

#: Endings of the names of files with payloads.
SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")


def make(settings: Mapping[str, Any], clock: Clock = SYSTEM) -> Source:
    """Return the source for *settings*, which reads files or listens; *clock* times the requests to GitHub.

    :raises ConfigError: a setting is not valid.
    :raises SourceError: the settings name nothing that can be read.
    """
    own = config.parse(settings)
    if own.address or own.audit:
        listened = _listened(own, clock)
        return JsonSource(LOG, listened, planned=listened.plan)
    given = file_input(own.files, plugin=LOG.plugin, suffixes=SUFFIXES, recursive=True, follow=own.follow)
    return JsonSource(LOG, given)


def secrets(settings: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files with secrets that the source has read.

    :raises SourceError: one of them does not hold what it should.
    """
    own = config.parse(settings)
    if own.address:
        yield from secret_files(make_listener(own, LOG.plugin))
    if own.address or own.audit:
        yield own.secrets / config.TOKEN


def _listened(own: config.Config, clock: Clock) -> GithubInput:
    if own.token is None and (own.audit or own.repositories):
        where = f"{own.secrets / config.TOKEN} or the environment variable {config.TOKEN_VARIABLE}"
        raise SourceError(f"{LOG.plugin}: GitHub's API needs a token; put one into {where}")
    if own.files:
        raise SourceError(f"{LOG.plugin}: the audit log cannot be combined with files, only with webhooks")
    # The audit log has a rate limit of its own.
    api, other = (GithubApi(own.api, own.token, LOG.plugin, clock) for _ in range(2))
    hooks = None
    if own.repositories and own.secret is not None:
        hooks = Hooks(api, own.repositories, own.url, own.secret, is_derived=own.is_derived)
    web = webhook_input(own, LOG.plugin) if own.address else None
    audit = audit_log(other, own.audit, LOG.plugin) if own.audit else None
    return GithubInput(api, web, hooks, audit, own.tries if api.has_token else 0, clock)
