"""Each field's value in a payload, also where the payload lacks it or has something odd."""

from __future__ import annotations

import pytest

from falcohost_github.fields import FIELDS

#: Fields that are the text at one place.
TEXTS = {
    "github.type": "webhook_type",
    "github.action": "action",
    "github.user": "sender.login",
    "github.org": "organization.login",
    "github.owner": "repository.owner.login",
    "github.repo": "repository.html_url",
    "github.repo.url": "repository.html_url",
    "github.repo.description": "repository.description",
    "github.collaborator.name": "member.login",
    "github.collaborator.role": "changes.permission.to",
    "github.webhook.type": "hook.type",
    "github.workflow.filename": "workflow.path",
}

#: Tested one by one.
OTHERS = {
    "github.repo.name", "github.repo.public", "github.webhook.id", "github.commit.added", "github.commit.modified",
    "github.commit.removed", "github.diff.has_secrets", "github.diff.committed_secrets.desc",
    "github.diff.committed_secrets.files", "github.diff.committed_secrets.lines", "github.diff.committed_secrets.links",
    "github.workflow.has_miners", "github.workflow.miners.type",
}  # fmt: skip

SECRETS = [f"github.diff.committed_secrets.{what}" for what in ("desc", "files", "lines", "links")]


def at(path, value):
    """Return the payload that has *value* at *path*, and nothing else."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def test_all_fields_are_tested():
    """Each field of Falco's plugin is there, with those of its plugin json, and there are no others."""
    names = {field.name for field in FIELDS}

    assert {*TEXTS, *OTHERS} == {name for name in names if name.startswith("github.")}
    assert {"json.value", "json.obj", "json.rawtime"} <= names


@pytest.mark.parametrize("name", TEXTS)
def test_text(value, name):
    """A text is shown as it is, and anything else, also nothing, as ""."""
    path = TEXTS[name]

    assert "some text" == value(name, at(path, "some text"))
    assert [""] * 5 == [value(name, at(path, odd)) for odd in (None, 1, True, {"a": 1}, ["a"])]
    assert "" == value(name, {})
    assert "" == value(name, {path.split(".")[0]: None})


def test_name_of_the_repository(value):
    """The repository's name is its address without GitHub's own."""
    assert "octo-org/app" == value("github.repo.name", at("repository.html_url", "https://github.com/octo-org/app"))
    assert "https://ghe.example.com/a/b" == value(
        "github.repo.name", at("repository.html_url", "https://ghe.example.com/a/b")
    )
    assert "" == value("github.repo.name", {})


def test_public(value):
    """A repository is public unless the payload says that it is private."""
    assert ["false", "true", "true", "true"] == [
        value("github.repo.public", payload)
        for payload in (*(at("repository.private", it) for it in (True, False, "true")), {})
    ]


def test_id_of_the_webhook(value):
    """The webhook's id is shown as a text, and as 0 where there is none."""
    assert ["42", "0", "0", "0"] == [
        value("github.webhook.id", payload) for payload in (*(at("hook.id", it) for it in (42, "42", -1)), {})
    ]


@pytest.mark.parametrize("kind", ["added", "modified", "removed"])
def test_changed_files(value, kind):
    """The files of a commit have commas between them, and as in Falco there is none between two commits."""
    commits = [{kind: ["a", "b"]}, {kind: []}, "odd", {kind: ["c"]}, {}]

    assert "a,bc" == value(f"github.commit.{kind}", {"commits": commits})
    assert ["", ""] == [value(f"github.commit.{kind}", payload) for payload in ({}, {"commits": None})]


def test_secrets(value):
    """Each secret is shown with its kind, file, line and link, with commas over all files."""
    payload = {
        "repository": {"html_url": "https://github.com/octo-org/app"},
        "head_commit": {"id": "abc"},
        "files": [
            {"name": "a.py", "matches": [{"desc": "AWS key", "line": 3}, {"desc": "token", "line": 9}]},
            {"name": "clean.py", "matches": None},
            {"name": "b.py", "matches": [{"desc": "AWS key"}]},
        ],
    }
    link = "https://github.com/octo-org/app/blob/abc"

    assert "true" == value("github.diff.has_secrets", payload)
    assert [
        "AWS key,token,AWS key",
        "a.py,a.py,b.py",
        "3,9,0",
        f"{link}/a.py/#L3,{link}/a.py/#L9,{link}/b.py/#L0",
    ] == [value(name, payload) for name in SECRETS]


def test_no_secrets(value):
    """Files without secrets are false and empty; without files nobody has looked."""
    assert "false" == value("github.diff.has_secrets", {"files": [{"name": "a.py", "matches": []}]})
    assert ["", "", "", ""] == [value(name, {"files": []}) for name in SECRETS]
    assert ["", ""] == [value("github.diff.has_secrets", payload) for payload in ({}, {"files": None})]
    assert [None, None, None, ""] == [value(name, {}) for name in SECRETS]


def test_miners(value):
    """Words of miners are shown once each; without detections nobody has looked."""
    matches = [{"type": "xmrig", "line": 1}, {"type": "stratum", "line": 2}, {"type": "xmrig", "line": 3}]
    names = ("github.workflow.has_miners", "github.workflow.miners.type")

    assert ["true", "xmrig,stratum"] == [
        value(name, at("workflow_miner_detections.matches", matches)) for name in names
    ]
    assert ["false", ""] == [value(name, at("workflow_miner_detections.matches", [])) for name in names]
    assert [None, None] == [value(name, at("workflow_miner_detections.matches", None)) for name in names]
    assert [None, None] == [value(name, {}) for name in names]
