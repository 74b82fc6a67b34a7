"""Buckets, read by ``falcohost run`` and by the agent."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import trail
from trail import ACCOUNT, BUCKET, OTHER, key, packed

from falcohost.testing.agent import PROGRAM, Agent
from falcohost.testing.waiting import PATIENCE


def test_quick_look(aws, bucket, tmp_path, monkeypatch):
    """``falcohost run`` looks through a bucket as it does through files."""
    bucket.put(key(), packed("a", "b"))
    bucket.put(key(account=OTHER), packed("no"))
    (tmp_path / "rules.yaml").write_text(trail.RULES)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    where = f"s3://{BUCKET}/AWSLogs/{ACCOUNT}/"
    command = [PROGRAM, "run", "-r", tmp_path / "rules.yaml", "--source", "cloudtrail", where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path, check=False)

    assert 0 == done.returncode, done.stderr
    assert ["a", "b"] == [line.split()[-1] for line in done.stdout.splitlines()[:2]]


def test_quick_look_with_a_configuration(aws, bucket, tmp_path, monkeypatch):
    """It uses the configured region, endpoint and accounts, and ends where the configuration follows."""
    bucket.put(key(), packed("a"))
    bucket.put(key(account=OTHER), packed("no"))
    for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "rules.yaml").write_text(trail.RULES)
    settings = {"aws": aws.settings, "s3AccountList": ACCOUNT, "follow": True}
    block = {"name": "cloudtrail", "init_config": settings, "open_params": "s3://elsewhere/"}
    (tmp_path / "falco.yaml").write_text(json.dumps({"plugins": [block], "load_plugins": []}))
    command = [PROGRAM, "run", "-c", "falco.yaml", "-r", "rules.yaml", "--source", "cloudtrail", f"s3://{BUCKET}/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path, check=False)

    assert 0 == done.returncode, done.stderr
    assert ["a"] == [line.split()[-1] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://no-such-bucket/", "s3://no-such-bucket/: the bucket does not exist; check its name (NoSuchBucket)"),
        ("sqs://no-such-queue", "sqs://no-such-queue: the queue does not exist in this region"),
    ],
)
def test_quick_look_is_given_up(aws, tmp_path, address, reason):
    """``falcohost run`` ends with the reason when the source gives up."""
    (tmp_path / "rules.yaml").write_text(trail.RULES)
    block = {"name": "cloudtrail", "init_config": {"aws": aws.settings}}
    (tmp_path / "falco.yaml").write_text(json.dumps({"plugins": [block]}))
    command = [PROGRAM, "run", "-c", "falco.yaml", "-r", "rules.yaml", "--source", "cloudtrail", address]
    code = "from falcohost import retries; retries.GIVE_UP = 0.2; from falcohost.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *command[1:]],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=tmp_path,
        check=False,
    )

    assert 1 == done.returncode, done.stderr
    assert f"cloudtrail: {reason}" in done.stderr
    assert "Trying again in" in done.stderr
    assert reason in done.stderr.splitlines()[-1]
    assert "; given up after" in done.stderr.splitlines()[-1]


def test_agent(aws, bucket, tmp_path):
    """The agent reads a bucket to its end, with credentials that only root may read."""
    bucket.put(key(), packed("a", "b"))
    (tmp_path / "credentials").write_text("[audit]\naws_access_key_id = testing\naws_secret_access_key = testing\n")
    (tmp_path / "credentials").chmod(0o600)
    (tmp_path / "rules.yaml").write_text(trail.RULES)
    where = aws.settings | {"profile": "audit", "credentials": str(tmp_path / "credentials")}
    block = {"name": "cloudtrail", "open_params": f"s3://{BUCKET}/AWSLogs/", "init_config": {"aws": where}}
    settings = {"plugins": [block], "load_plugins": ["cloudtrail"], "engine": {"kind": "nodriver"}}
    agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings)

    assert 0 == agent.process.wait(PATIENCE), agent.log
    assert ["a", "b"] == [alert["output"].split()[-1] for alert in agent.alerts]
