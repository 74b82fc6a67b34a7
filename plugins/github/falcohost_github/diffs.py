"""Fetches what a push changed, or a workflow's file, from GitHub, and searches it for secrets and miners.

The findings are added where Falco's plugin adds them: ``files`` of a push, ``workflow_miner_detections`` of a run.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from falcohost import Plan
from falcohost.jsonlog import at, elements
from falcohost.poll import Answer
from falcohost_github.api import REPOSITORY, GithubApi
from falcohost_github.patterns import miner_in, secret_in
from falcohost_github.values import as_text

log = logging.getLogger("falcohost")

#: The permission that a token needs to read a repository.
CONTENTS = "the permission 'Contents: read' (classic: the scope repo) for this repository"

#: Number of files that GitHub lists for a comparison; it does not mention further ones.
MOST_FILES = 300

#: Largest number of commits of one push that are searched one by one; the last ones count.
MOST_COMMITS = 100

#: The events for which something is fetched.
LOOKED_THROUGH = ("push", "workflow_run")

#: Fields whose values depend on what is fetched, besides ``github.diff.*``, and JSON pointers that do.
_FIELDS = ("github.workflow.has_miners", "github.workflow.miners.type", "json.obj", "jevt.obj")
_POINTERS = ("/files", "/workflow_miner_detections")

_HUNK = re.compile(r"@@+ (?:-\S+ )+\+(\d+)\S* @@")
_SHA = re.compile("[0-9a-f]{40,64}")
_NAME = re.compile(REPOSITORY, re.ASCII)

_full_name = at("repository.full_name")
_path = at("workflow.path")
_head = at("workflow_run.head_sha")


def wants(plan: Plan) -> bool:
    """Return whether the rules use anything that is fetched."""
    fields = any(name in _FIELDS or name.startswith("github.diff.") for name in plan.fields)
    return fields or any(str(argument).startswith(_POINTERS) for _, argument in plan.arguments)


def is_looked_through(record: dict[str, Any]) -> bool:
    """Return whether there is anything to fetch for a record."""
    if not _NAME.fullmatch(as_text(_full_name(record))):
        return False
    kind = record.get("webhook_type")
    if kind == "push":
        return bool(_SHA.fullmatch(as_text(record.get("after")))) and record["after"].strip("0") != ""
    return kind == "workflow_run" and as_text(_path(record)) != ""


def look_through(api: GithubApi, record: dict[str, Any]) -> dict[str, Any]:
    """Return the members to add to *record*.

    :raises PollError: something could not be fetched.
    """
    if record["webhook_type"] == "push":
        return {"files": [_findings(file) for file in _files(api, record)]}
    return {"workflow_miner_detections": _miners(api, record)}


def _files(api: GithubApi, record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the files that a push changed; for a new branch, or for very many files, commit by commit."""
    repository = f"repos/{_full_name(record)}"
    before, after = as_text(record.get("before")), as_text(record.get("after"))
    files: list[Any] = []
    if _SHA.fullmatch(before) and before.strip("0"):
        files = _changed(api.get(f"{repository}/compare/{before}...{after}", CONTENTS))
        if len(files) < MOST_FILES:
            yield from files
            return
    commits = [as_text(commit.get("id")) for commit in elements(record.get("commits")) if isinstance(commit, dict)]
    if len(commits) > MOST_COMMITS:
        log.warning(
            "github: a push to %s has more commits than are searched: %d; only the last %d are searched",
            repository,
            len(commits),
            MOST_COMMITS,
        )
    for commit in filter(_SHA.fullmatch, commits[-MOST_COMMITS:]):
        for page in api.pages(f"{repository}/commits/{commit}", CONTENTS):
            yield from _changed(page)


def _changed(answer: Answer) -> list[Any]:
    return [file for file in elements(_object(answer).get("files")) if isinstance(file, dict)]


def _findings(file: dict[str, Any]) -> dict[str, Any]:
    matches = [
        {"line": number, "type": secret.type, "desc": secret.desc, "platform": secret.platform}
        for number, line in added_lines(as_text(file.get("patch")))
        if (secret := secret_in(line)) is not None
    ]
    return {"name": as_text(file.get("filename")), "matches": matches}


def added_lines(patch: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that *patch*, a unified diff without its header, adds, with their numbers in the new file."""
    number = 0
    for line in patch.split("\n"):
        if (hunk := _HUNK.match(line)) is not None:
            number = int(hunk[1])
        elif line.startswith("+"):
            yield number, line[1:]
            number += 1
        elif line.startswith(" ") or not line:
            number += 1


def _miners(api: GithubApi, record: dict[str, Any]) -> dict[str, Any]:
    name, commit = as_text(_path(record)), as_text(_head(record))
    where = f"repos/{_full_name(record)}/contents/{quote(name)}"
    file = _object(api.get(f"{where}?ref={commit}" if _SHA.fullmatch(commit) else where, CONTENTS))
    text = base64.b64decode(as_text(file.get("content"))).decode("utf-8", "replace")
    lines = enumerate(text.splitlines(), 1)
    matches = [{"line": number, "type": word} for number, line in lines if (word := miner_in(line)) is not None]
    return {"name": name, "matches": matches}


def _object(answer: Answer) -> dict[str, Any]:
    return msgspec.json.decode(answer.body, type=dict[str, Any])
