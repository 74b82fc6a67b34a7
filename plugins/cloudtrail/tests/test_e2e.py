"""The command, with Falco's own block for its plugin, reads CloudTrail's files and prints alerts, and ends."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "falcohost"

CONFIG = """
plugins:
  - name: cloudtrail
    library_path: libcloudtrail.so
    init_config:
      s3DownloadConcurrency: 64
      sqsDelete: true
    open_params: {folder}
  - name: json
    library_path: libjson.so
load_plugins: [cloudtrail, json]
json_output: true
log_syslog: false
"""


def record(name, **members):
    """Return a record of the request *name* by a user."""
    return {
        "eventTime": "2026-03-01T12:00:00Z",
        "eventType": "AwsApiCall",
        "eventSource": "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.7",
        "userIdentity": {"type": "IAMUser", "userName": "alice"},
        **members,
    }


def test_alerts(corpus, tmp_path):
    """A folder of packed files becomes alerts with the time of the record, and the program ends by itself."""
    records = [record("CreateUser", requestParameters={"userName": "bob"}), record("ListUsers"), {"eventName": "odd"}]
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "one.json.gz").write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    (tmp_path / "falco.yaml").write_text(CONFIG.format(folder=tmp_path / "log"))

    done = subprocess.run(
        [
            PROGRAM,
            "-c",
            "falco.yaml",
            "-r",
            corpus / "rules" / "aws_cloudtrail_rules.yaml",
            "--enable-source",
            "aws_cloudtrail",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    (alert,) = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert ("Create AWS user", "Informational", "aws_cloudtrail", "2026-03-01T12:00:00.000000000Z") == tuple(
        alert[key] for key in ("rule", "priority", "source", "time")
    )
    assert {
        "evt.time": 1_772_366_400_000_000_000,
        "ct.user": "alice",
        "ct.srcip": "203.0.113.7",
        "ct.region": "eu-central-1",
        "ct.request.username": "bob",
    } == alert["output_fields"]
    assert "record without eventType" in done.stderr
