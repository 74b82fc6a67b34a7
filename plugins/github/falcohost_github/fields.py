"""All fields of the source ``github``, in the order of the listing.

What the members mean is in GitHub's "Webhook events and payloads".
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
    """Return what lists the files of all commits that were *kind*. Falco writes no comma between two commits."""

    def files(commits: Any) -> str:
        lists = (commit.get(kind) for commit in elements(commits) if isinstance(commit, dict))
        return "".join(",".join(as_text(name) for name in elements(names)) for names in lists)

    return files


EVENT: tuple[Field, ...] = (
    text("github.type", "webhook_type", "Event that the webhook was called for (push, repository)."),
    text("github.action", "action", "What happened, for events of several kinds (created, deleted)."),
    text("github.user", "sender.login", "User who caused the event."),
    text("github.org", "organization.login", "Organization that the repository belongs to."),
    text("github.collaborator.name", "member.login", "Collaborator that was added, removed or changed."),
    text("github.collaborator.role", "changes.permission.to", "Role that the collaborator was given."),
    text("github.webhook.id", "hook.id", "Id of the webhook that was made or removed; 0 in other events.", _number),
    text("github.webhook.type", "hook.type", "Where the webhook belongs (Repository, Organization)."),
)

REPOSITORY: tuple[Field, ...] = (
    text(
        "github.repo",
        "repository.html_url",
        "Address of the repository; github.repo.url has taken its place.",
        deprecated=True,
    ),
    text("github.repo.url", "repository.html_url", "Address of the repository."),
    text("github.repo.name", "repository.html_url", "Name of the repository with its owner's (owner/name).", _name),
    text("github.repo.description", "repository.description", "Description of the repository."),
    text("github.owner", "repository.owner.login", "Owner of the repository."),
    of_record(
        "github.repo.public",
        "false if the repository is private, else true; true also where the event is about no repository.",
        _public,
        reads=("repository.private",),
    ),
)

COMMIT: tuple[Field, ...] = tuple(
    text(
        f"github.commit.{kind}",
        "commits",
        f"Files that were {kind}, with commas; as in Falco, none between the files of two commits.",
        _changed(kind),
    )
    for kind in ("added", "modified", "removed")
)

SECRETS: tuple[Field, ...] = (
    of_record(
        "github.diff.has_secrets",
        "Whether a commit has secrets: true or false; empty where the commits were not looked through.",
        findings.has_secrets,
        reads=findings.FILES,
    ),
    of_record(
        "github.diff.committed_secrets.desc",
        "What each secret is, with commas; absent where the commits were not looked through.",
        findings.descriptions,
        reads=findings.FILES,
    ),
    of_record(
        "github.diff.committed_secrets.files",
        "File of each secret, with commas; absent where the commits were not looked through.",
        findings.files,
        reads=findings.FILES,
    ),
    of_record(
        "github.diff.committed_secrets.lines",
        "Line of each secret, with commas; absent where the commits were not looked through.",
        findings.lines,
        reads=findings.FILES,
    ),
    of_record(
        "github.diff.committed_secrets.links",
        "Link to each secret, with commas; empty where the commits were not looked through.",
        findings.links,
        reads=findings.LINKS,
    ),
)

WORKFLOW: tuple[Field, ...] = (
    of_record(
        "github.workflow.has_miners",
        "Whether the workflow's file has words of miners: true or false; absent where it was not looked through.",
        findings.has_miners,
        reads=findings.MINERS,
    ),
    of_record(
        "github.workflow.miners.type",
        "Words of miners in the workflow's file, each once, with commas; absent where it was not looked through.",
        findings.miners,
        reads=findings.MINERS,
    ),
    text("github.workflow.filename", "workflow.path", "File of the workflow."),
)

FIELDS: tuple[Field, ...] = (*EVENT, *REPOSITORY, *COMMIT, *SECRETS, *WORKFLOW, *JSON_FIELDS)
