"""Falco's public rules and the webhook: GitHub delivers what fires each of them, and a twin that does not."""

from __future__ import annotations

import base64

import pytest
import yaml

from falcohost.engine.alerts import alert_id

KEY = "@@ -0,0 +1 @@\n+AKIAIOSFODNN7EXAMPLE"
PLAIN = "@@ -0,0 +1 @@\n+nothing"


def payload(action=None, *, private=False, **members):
    """Return a payload."""
    repository = {
        "html_url": "https://github.com/octo-org/app", "full_name": "octo-org/app", "private": private,
        "owner": {"login": "octo-org"}, "description": None,
    }  # fmt: skip
    whole = {"repository": repository, "organization": {"login": "octo-org"}, "sender": {"login": "mona"}, **members}
    return whole if action is None else {"action": action, **whole}


def pushed(number, patch, hub, *, private):
    """Return the payload of a push that changed *patch*."""
    before, after = f"{2 * number + 1:040x}", f"{2 * number + 2:040x}"
    hub.about[f"/repos/octo-org/app/compare/{before}...{after}"] = {"files": [{"filename": "a.py", "patch": patch}]}
    return payload(private=private, before=before, after=after, commits=[{"id": after}], head_commit={"id": after})


def run(name, text, hub, action="requested"):
    """Return the payload of a run of the workflow *name*, whose file holds *text*."""
    content = base64.encodebytes(text.encode()).decode()
    hub.about[f"/repos/octo-org/app/contents/{name}"] = {"encoding": "base64", "content": content}
    return payload(action, workflow={"path": name}, workflow_run={"head_sha": "b" * 40})


def deliveries(hub):
    """Return for each rule an event with its payload that fires it, and one that does not."""
    hook = {"id": 42, "type": "Repository", "events": ["*"]}
    member = {"login": "hubot"}
    return {
        "Webhook Connected": (("ping", payload(hook=hook, zen="z")), ("star", payload("created"))),
        "Webhook Disconnected": (("meta", payload("deleted", hook=hook)), ("meta", payload("created", hook=hook))),
        "Private Repository Becoming Public": (
            ("repository", payload("publicized")), ("repository", payload("renamed"))),
        "Public Repository Becoming Private": (
            ("repository", payload("privatized", private=True)), ("repository", payload("edited", private=True))),
        "Create Public Repository": (
            ("repository", payload("created")), ("repository", payload("created", private=True))),
        "Delete Public Repository": (
            ("repository", payload("deleted")), ("repository", payload("deleted", private=True))),
        "Create Repository": (("repository", payload("created", private=True)), ("label", payload("created"))),
        "Delete Repository": (("repository", payload("deleted", private=True)), ("label", payload("deleted"))),
        "Create Deploy Key": (("deploy_key", payload("created")), ("milestone", payload("created"))),
        "Delete Deploy Key": (("deploy_key", payload("deleted")), ("milestone", payload("deleted"))),
        "Add Collaborator to Repository": (
            ("member", payload("added", member=member)), ("member", payload("edited", member=member))),
        "Remove Collaborator from Repository": (
            ("member", payload("removed", member=member)), ("membership", payload("removed", member=member))),
        "Secret pushed into a public repository": (
            ("push", pushed(1, KEY, hub, private=False)), ("push", pushed(2, PLAIN, hub, private=False))),
        "Secret pushed into a private repository": (
            ("push", pushed(3, KEY, hub, private=True)), ("push", pushed(4, PLAIN, hub, private=True))),
        "Github action with miners": (
            ("workflow_run", run("a.yml", "run: ./xmrig", hub)), ("workflow_run", run("b.yml", "run: make", hub))),
    }  # fmt: skip


@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
def test_public_rules(webhooks, hub, corpus, form):
    """Each rule fires on its delivery, and not on its twin's."""
    rules = corpus / "rules" / "github.yaml"
    served, sent = webhooks(rules, hub, first=False), deliveries(hub)
    names = {item["rule"] for item in yaml.safe_load(rules.read_text()) if "rule" in item}
    for rule, both in sent.items():
        for which, (event, body) in zip(("fires", "twin"), both, strict=True):
            assert 200 == served.post(body, event, f"{rule} {which}", form=form)
    served.stop()
    served.begin()  # what still waits is matched by this one
    served.wait_until_stored(19)

    stored = {alert.id for alert in served.alerts()}
    fired = [
        (rule, which) for rule in names for which in ("fires", "twin")
        if alert_id("github", f"delivery:{rule} {which}", rule) in stored
    ]  # fmt: skip
    assert names == set(sent)
    assert sorted((rule, "fires") for rule in names) == sorted(fired)
