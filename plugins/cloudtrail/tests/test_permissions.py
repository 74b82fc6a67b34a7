"""Who may read: credentials, roles, and what is said where AWS refuses, in the log and by ``falcohost doctor``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from trail import BUCKET, ids, key, packed

from falcohost import SourceError
from falcohost.installing import how_to_install
from falcohost_cloudtrail import plugin
from falcohost_cloudtrail.objects import Bucket

ROLE = "arn:aws:iam::123456789012:role/audit"


def policy(*actions):
    """Return a policy that allows *actions*."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def iam(aws):
    """Return a client of IAM that may do everything."""
    iam = aws.client("iam")
    iam.create_user(UserName="admin")
    iam.put_user_policy(UserName="admin", PolicyName="p", PolicyDocument=policy("*"))
    made = iam.create_access_key(UserName="admin")["AccessKey"]
    return aws.client("iam", made["AccessKeyId"], made["SecretAccessKey"])


@pytest.fixture
def user(iam, monkeypatch):
    """Return a function that makes a user with a policy the one whose credentials the environment has."""

    def user(*actions):
        iam.create_user(UserName="falcohost")
        allow(iam, *actions)
        made = iam.create_access_key(UserName="falcohost")["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["SecretAccessKey"])

    return user


def allow(iam, *actions):
    """Let the user do *actions*, and nothing else."""
    iam.put_user_policy(UserName="falcohost", PolicyName="p", PolicyDocument=policy(*actions))


def found(settings):
    """Return what doctor finds."""
    (spec,) = plugin.falcohost_sources(settings)
    return dict(spec.check(settings))


def test_listing_is_denied(aws, bucket, iam, user, reader, caplog):
    """A bucket that may not be listed is waited for; log and doctor name the permission."""
    bucket.put(key(), packed("a"))
    user("sqs:*")
    settings = {"open_params": f"s3://{BUCKET}/AWSLogs/", "aws": aws.settings}
    source = reader(**settings)
    aws.enforce()

    assert [] == source.read_until(lambda: caplog.text)
    assert "access is denied; the user or role needs the permission s3:ListBucket" in caplog.text
    assert "s3:ListBucket" in found(settings)[f"s3://{BUCKET}/AWSLogs/ can be listed"]
    allow(iam, "s3:ListBucket", "s3:GetObject")
    assert ["a"] == ids(source.read())
    assert {None} == set(found(settings).values())


def test_reading_is_denied(aws, bucket, iam, user, reader, caplog, monkeypatch):
    """Objects that may not be read are counted, remembered, and read when that is mended."""
    page, listed = Bucket.page, []

    def counted(*given, delimiter="", **how):
        listed.extend([] if delimiter else [given])
        return page(*given, delimiter=delimiter, **how)

    monkeypatch.setattr(Bucket, "ask_page", lambda *given, **how: False)
    monkeypatch.setattr(Bucket, "page", counted)
    for name in "abc":
        bucket.put(key(name=name), packed(name))
    user("s3:ListBucket")
    settings = {"open_params": f"s3://{BUCKET}/AWSLogs/", "aws": aws.settings}
    source = reader(**settings, follow=True, s3PollInterval=1)
    aws.enforce()

    assert [] == source.read_until(lambda: source.dropped.get("object that cannot be read") == 3)
    looks = len(listed)
    assert [] == source.read_until(lambda: len(listed) == looks + 2)  # the first of which has tried them once more
    assert {"object that cannot be read": 3} == source.dropped
    assert "access is denied; the user or role needs the permission s3:GetObject" in caplog.text
    assert "s3:GetObject" in found(settings)["its objects can be read"]
    again = reader(**settings, follow=True, s3PollInterval=1, cursor=source.cursor)
    allow(iam, "s3:ListBucket", "s3:GetObject")
    assert ["a", "b", "c"] == sorted(ids(source.read(3)))  # a look that has begun may have been denied the first
    assert ["a", "b", "c"] == ids(again.read(3))


def test_queue(aws, bucket, iam, user, reader, caplog):
    """A queue that may not be asked is waited for; log and doctor name the permissions, one after the other."""
    bucket.put(key(), packed("a"))
    client = aws.client("sqs")
    url = client.create_queue(QueueName="permissions")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody=json.dumps({"s3Bucket": BUCKET, "s3ObjectKey": [key()]}))
    user("s3:GetObject")
    settings = {"open_params": "sqs://permissions", "aws": aws.settings}
    source = reader(**settings)
    aws.enforce()
    needed = ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"]

    assert [] == source.read_until(lambda: caplog.text)
    assert f"the user or role needs the permission {needed[0]}" in caplog.text
    assert needed[0] in found(settings)["sqs://permissions exists"]
    allow(iam, "s3:GetObject", needed[0])
    assert [] == source.read_until(lambda: needed[1] in caplog.text)
    assert f"the user or role needs the permission {needed[1]}" in caplog.text
    assert needed[2] in found(settings)["messages of sqs://permissions can be kept"]
    assert needed[3] in found(settings)["messages of sqs://permissions can be deleted"]
    # AWS itself asks for no other permission for several messages than for one.
    allow(iam, "s3:GetObject", *needed, *(f"{one}Batch" for one in needed[2:]))
    assert ["a"] == ids(source.read(1))
    assert {None} == set(found(settings).values())


def test_role(aws, bucket, iam, user, reader):
    """A role is assumed, with its own rights and not those of the user."""
    bucket.put(key(), packed("a"))
    user("sts:AssumeRole")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="audit", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    iam.put_role_policy(RoleName="audit", PolicyName="p", PolicyDocument=policy("s3:ListBucket", "s3:GetObject"))
    aws.enforce()
    role = {"role_arn": ROLE, "external_id": "agreed", "role_session_name": "falco"}
    settings = {"open_params": f"s3://{BUCKET}/AWSLogs/", "aws": aws.settings | role}

    assert ["a"] == ids(reader(**settings).read())
    assert {None} == set(found(settings).values())
    assert None not in list(found(settings | {"aws": aws.settings}).values())[1:]


def test_role_that_may_not_be_assumed(aws, bucket, iam, user, reader, caplog):
    """A role that may not be assumed is waited for, and nothing is taken for unreadable meanwhile."""
    bucket.put(key(), packed("a"))
    user("s3:*")
    source = reader(open_params=f"s3://{BUCKET}/AWSLogs/", aws=aws.settings | {"role_arn": ROLE})
    aws.enforce()

    assert [] == source.read_until(lambda: caplog.text)
    assert {} == source.dropped
    assert "access is denied; the user or role needs the permission sts:AssumeRole" in caplog.text


def test_role_of_a_profile(aws, bucket, reader, tmp_path, monkeypatch):
    """A profile may name a role and another profile that may assume it, in files of one's own."""
    bucket.put(key(), packed("a"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "config").write_text(
        f"[profile audit]\nrole_arn = {ROLE}\nsource_profile = base\nregion = eu-central-1\nendpoint_url = {aws.url}\n"
    )
    (tmp_path / "credentials").write_text("[base]\naws_access_key_id = testing\naws_secret_access_key = testing\n")
    files = {"config": str(tmp_path / "config"), "credentials": str(tmp_path / "credentials")}

    settings = {"open_params": f"s3://{BUCKET}/", "aws": files | {"profile": "audit"}}
    assert ["a"] == ids(reader(**settings).read())


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "there are no AWS credentials: set aws.profile, or"),
        ({"profile": "nobody"}, "The config profile (nobody) could not be found"),
        ({"endpoint_url": "nonsense"}, "Invalid endpoint: nonsense"),
    ],
)
def test_what_cannot_be(reader, aws, monkeypatch, tmp_path, settings, text):
    """Credentials that are not there are told when the source is opened."""
    if "endpoint_url" not in settings:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(SourceError) as raised:
        reader(open_params="s3://bucket", aws=settings)

    assert text in str(raised.value)
    assert str(raised.value) in found({"open_params": "s3://bucket", "aws": settings}).values()


def test_without_boto3(aws, reader, monkeypatch):
    """Files need no boto3; what does says which pip install brings it."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SourceError) as raised:
        reader(open_params="s3://bucket")

    assert f"cloudtrail: AWS needs boto3; install it with {how_to_install('cloudtrail')}" == str(raised.value)


def test_files_import_no_boto3():
    """The plugin is there without boto3."""
    code = "import sys, falcohost_cloudtrail.plugin; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
