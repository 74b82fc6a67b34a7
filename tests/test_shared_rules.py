"""The rules about more than one source: each fires on its event and not on the twin; lists come before their rules."""

import json

import pytest

import falcohost_cloudtrail.plugin
import falcohost_k8saudit.plugin
import falcohost_okta.plugin
from falcohost.testing import rules_fired
from falcohost_rules import shared_rules


def request(useragent):
    """Return an event of the Kubernetes API server."""
    return {
        "kind": "Event",
        "auditID": "1",
        "stage": "ResponseComplete",
        "stageTimestamp": "2026-03-01T12:00:00.000000Z",
        "verb": "list",
        "requestURI": "/api/v1/secrets",
        "user": {"username": "mallory"},
        "userAgent": useragent,
    }


def call(useragent):
    """Return a record of CloudTrail."""
    return {
        "eventID": useragent,
        "eventTime": "2026-03-01T12:00:00Z",
        "eventType": "AwsApiCall",
        "eventSource": "sts.amazonaws.com",
        "eventName": "GetCallerIdentity",
        "userIdentity": {"type": "IAMUser", "userName": "mallory"},
        "userAgent": useragent,
    }


def login(useragent):
    """Return an event of Okta's System Log."""
    return {
        "uuid": useragent,
        "published": "2026-03-01T12:00:00.000Z",
        "eventType": "user.session.start",
        "client": {"userAgent": {"rawUserAgent": useragent}},
    }


#: Rule, plugin, source, and events that fire it and that do not.
CASES = [
    (
        "Attack tool asks the Kubernetes API",
        falcohost_k8saudit.plugin,
        "k8s_audit",
        [request("peirates/v0.0.0 (linux/amd64) kubernetes/$Format"), request("kdigger/v1.5.0 (linux/amd64)")],
        [request("kubectl/v1.31.0 (linux/amd64) kubernetes/9edcffc"), request("")],
    ),
    (
        "Attack tool asks AWS",
        falcohost_cloudtrail.plugin,
        "aws_cloudtrail",
        [call("TruffleHog"), call("aws-cli/2.15.0 Python/3.11.8 Linux/6.6.9-kali1-amd64 exe/x86_64")],
        [call("aws-cli/2.15.0 Python/3.11.8 Linux/6.1.0-18-amd64 exe/x86_64"), call("Kalinka/1.0")],
    ),
    (
        "Attack tool asks Okta",
        falcohost_okta.plugin,
        "okta",
        [login("trufflehog/3"), login("python-requests/2.31 Linux/6.8.11-parrot")],
        [login("Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0")],
    ),
]


@pytest.mark.parametrize(("rule", "plugin", "source", "firing", "twins"), CASES, ids=[case[0] for case in CASES])
def test_fires(tmp_path, rule, plugin, source, firing, twins):
    """The rule fires on each of its events, and on none of those that are close."""
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in [*firing, *twins]))

    fired = rules_fired(plugin, source, shared_rules({source}), {"open_params": str(path)})

    assert fired == [[rule]] * len(firing) + [[]] * len(twins)


def test_only_what_is_needed():
    """Files are those of the sources that there are, behind the lists that they use; none for others."""
    names = [path.name for path in shared_rules({"okta", "syscall", "github"})]

    assert names == ["lists.yaml", "okta.yaml", "syscall.yaml"]
    assert shared_rules({"github"}) == []
