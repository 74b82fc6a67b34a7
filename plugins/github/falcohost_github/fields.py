"""All fields of the source ``github``, in the order in which they are listed.

GitHub's "Webhook events and payloads" explains the members.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcohost import Field
from falcohost.jsonlog import JSON_FIELDS, at, elements
from falcohost_github import findings
from falcohost_github.values import as_count, as_text, of_record, text

_private = at("repository.private")


def _name(url: Any) -> str:
    return as_text(url).removeprefix("https://github.com/")


def _public(record: dict[str, Any]) -> str:
    return "false" if _private(record) is True else "true"


def _number(value: Any) -> str:
    return str(as_count(value))


def _changed(kind: str) -> Callable[[Any], str]:
    """Return a function that lists the files of all commits that were *kind*. Falco has no comma between commits."""

    def files(commits: Any) -> str:
        lists = (commit.get(kind) for commit in elements(commits) if isinstance(commit, dict))
        return "".join(",".join(as_text(name) for name in elements(names)) for names in lists)

    return files


EVENT: tuple[Field, ...] = (
    text("github.type", "webhook_type", "Event that the webhook was called for (push, repository)."),
    text("github.action", "action", "Action, for events with several (created, deleted)."),
    text("github.user", "sender.login", "User who caused the event."),
    text("github.org", "organization.login", "Organization that the repository belongs to."),
    text("github.collaborator.name", "member.login", "Collaborator who was added, removed or changed."),
    text("github.collaborator.role", "changes.permission.to", "New role of the collaborator."),
    text("github.webhook.id", "hook.id", "Id of the webhook that was created or removed; 0 in other events.", _number),
    text("github.webhook.type", "hook.type", "Owner of the webhook (Repository, Organization)."),
)

REPOSITORY: tuple[Field, ...] = (
    text(
        "github.repo",
        "repository.html_url",
        "Address of the repository; replaced by github.repo.url.",
        deprecated=True,
    ),
    text("github.repo.url", "repository.html_url", "Address of the repository."),
    text("github.repo.name", "repository.html_url", "Name of the repository with its owner (owner/name).", _name),
    text("github.repo.description", "repository.description", "Description of the repository."),
    text("github.owner", "repository.owner.login", "Owner of the repository."),
    of_record(
        "github.repo.public",
        "false if the repository is private, else true; also true if the event is about no repository.",
        _public,
        reads=("repository.private",),
    ),
)

COMMIT: tuple[Field, ...] = tuple(
    text(
        f"github.commit.{kind}",
        "commits",
        f"Files that were {kind}, separated by commas; as in Falco, without a comma between two commits.",
        _changed(kind),
    )
    for kind in ("added", "modified", "removed")
)

SECRETS: tuple[Field, ...] = (
    of_record(
        "github.diff.has_secrets",
        "Whether a commit has secrets: true or false; empty if the commits were not searched.",
        findings.has_secrets,
        reads=findings.FILES,
    ),
    of_record(
        "github.diff.committed_secrets.desc",
        "Type of each secret, separated by commas; absent if the commits were not searched.",
        findings.descriptions,
        reads=findings.FILES,
    ),
    of_record(
        "github.diff.committed_secrets.files",
        "File of each secret, separated by commas; absent if the commits were not searched.",
        findings.files,
        reads=findings.FILES,
    ),
    of_record(
        "github.diff.committed_secrets.lines",
        "Line of each secret, separated by commas; absent if the commits were not searched.",
        findings.lines,
        reads=findings.FILES,
    ),
    of_record(
        "github.diff.committed_secrets.links",
        "Link to each secret, separated by commas; empty if the commits were not searched.",
        findings.links,
        reads=findings.LINKS,
    ),
)

WORKFLOW: tuple[Field, ...] = (
    of_record(
        "github.workflow.has_miners",
        "Whether the workflow's file has words of miners: true or false; absent if it was not searched.",
        findings.has_miners,
        reads=findings.MINERS,
    ),
    of_record(
        "github.workflow.miners.type",
        "Words of miners in the workflow's file, each once, separated by commas; absent if it was not searched.",
        findings.miners,
        reads=findings.MINERS,
    ),
    text("github.workflow.filename", "workflow.path", "File of the workflow."),
)

FIELDS: tuple[Field, ...] = (*EVENT, *REPOSITORY, *COMMIT, *SECRETS, *WORKFLOW, *JSON_FIELDS)
