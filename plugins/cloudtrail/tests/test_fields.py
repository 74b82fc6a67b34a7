"""Each field's value in a record, also where the record lacks it or has something odd."""

from __future__ import annotations

import json

import pytest

from falcohost_cloudtrail.fields import FIELDS

#: Fields that are the text at one place.
TEXTS = {
    "ct.id": "eventID",
    "ct.error": "errorCode",
    "ct.errormessage": "errorMessage",
    "ct.time": "eventTime",
    "ct.src": "eventSource",
    "ct.name": "eventName",
    "ct.region": "awsRegion",
    "ct.srcip": "sourceIPAddress",
    "ct.useragent": "userAgent",
    "ct.requestid": "requestID",
    "ct.eventtype": "eventType",
    "ct.apiversion": "apiVersion",
    "ct.recipientaccountid": "recipientAccountId",
    "ct.serviceeventdetails": "serviceEventDetails",
    "ct.sharedeventid": "sharedEventID",
    "ct.vpcendpointid": "vpcEndpointId",
    "ct.eventcategory": "eventCategory",
    "ct.edgedevicedetails": "edgeDeviceDetails",
    "ct.user.identitytype": "userIdentity.type",
    "ct.user.principalid": "userIdentity.principalId",
    "ct.user.arn": "userIdentity.arn",
    "ct.addendum.reason": "addendum.reason",
    "ct.addendum.updatedfields": "addendum.updatedFields",
    "ct.addendum.originalrequestid": "addendum.originalRequestID",
    "ct.addendum.originaleventid": "addendum.originalEventID",
    "ct.tlsdetails.tlsversion": "tlsDetails.tlsVersion",
    "ct.tlsdetails.ciphersuite": "tlsDetails.cipherSuite",
    "ct.tlsdetails.clientprovidedhostheader": "tlsDetails.clientProvidedHostHeader",
    "ct.request.availabilityzone": "requestParameters.availabilityZone",
    "ct.request.cluster": "requestParameters.cluster",
    "ct.request.documentname": "requestParameters.documentName",
    "ct.request.functionname": "requestParameters.functionName",
    "ct.request.groupname": "requestParameters.groupName",
    "ct.request.host": "requestParameters.Host",
    "ct.request.name": "requestParameters.name",
    "ct.request.policy": "requestParameters.policy",
    "ct.request.reason": "requestParameters.reason",
    "ct.request.serialnumber": "requestParameters.serialNumber",
    "ct.request.servicename": "requestParameters.serviceName",
    "ct.request.subnetid": "requestParameters.subnetId",
    "ct.request.target": "requestParameters.target",
    "ct.request.taskdefinition": "requestParameters.taskDefinition",
    "ct.request.username": "requestParameters.userName",
    "ct.response.reservationid": "responseElements.reservationId",
    "ct.response.subnetid": "responseElements.subnetId",
    "s3.bucket": "requestParameters.bucketName",
    "s3.key": "requestParameters.key",
    "ecr.repository": "requestParameters.repositoryName",
    "ecr.imagetag": "requestParameters.imageTag",
    "iam.role": "requestParameters.roleName",
    "iam.policy": "requestParameters.policyName",
}

#: Fields that show JSON or a boolean.
JSON = {
    "ct.request": "requestParameters",
    "ct.response": "responseElements",
    "ct.additionaleventdata": "additionalEventData",
}
TRUTHS = {
    "ct.managementevent": "managementEvent",
    "ct.readonly": "readOnly",
    "ct.sessioncredentialfromconsole": "sessionCredentialFromConsole",
}

#: Fields that are made of several members, tested one by one below and in test_summary.py.
MADE = {
    "ct.shortsrc", "ct.user", "ct.originaluser", "ct.user.accountid", "ct.info", "ct.resources", "s3.uri", "s3.bytes",
    "s3.bytes.in", "s3.bytes.out", "s3.cnt.get", "s3.cnt.put", "s3.cnt.other", "ec2.name", "ec2.imageid",
    "ec2.imageids",
}  # fmt: skip


def at(path, value):
    """Return the record that has *value* at *path*, and nothing else."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def test_all_fields_are_tested():
    """Each field of Falco's plugin is there, with those of its plugin json, and there are no others."""
    names = {field.name for field in FIELDS}

    assert {*TEXTS, *JSON, *TRUTHS, *MADE} == {name for name in names if not name.startswith(("json.", "jevt."))}
    assert {"json.value", "json.obj", "json.rawtime"} <= names


@pytest.mark.parametrize("name", TEXTS)
def test_text(value, name):
    """A text is shown as it is; anything else is "" and exists; without the member the field is absent."""
    path = TEXTS[name]

    assert "some text" == value(name, at(path, "some text"))
    assert [""] * 6 == [value(name, at(path, odd)) for odd in (None, 1, 1.5, True, {"a": 1}, ["a"])]
    assert None is value(name, {})
    assert None is value(name, at(path.rpartition(".")[0], "no object") if "." in path else {})


@pytest.mark.parametrize("name", JSON)
def test_json(value, name):
    """Whatever is there is shown as compact JSON, null among it; without the member the field is absent."""
    path = JSON[name]

    assert '{"b":"ü","a":[1,2.5,null,true]}' == value(name, at(path, {"b": "ü", "a": [1, 2.5, None, True]}))
    assert "null" == value(name, at(path, None))
    assert '"text"' == value(name, at(path, "text"))
    assert None is value(name, {})


@pytest.mark.parametrize("name", TRUTHS)
def test_truth(value, name):
    """JSON's true is true and everything else is false; without the member the field is absent."""
    path = TRUTHS[name]

    assert ["true", "false", "false", "false"] == [value(name, at(path, it)) for it in (True, False, "true", None)]
    assert None is value(name, {})


@pytest.mark.parametrize(
    ("source", "short"),
    [
        ("iam.amazonaws.com", "iam"),
        (".amazonaws.com", ".amazonaws.com"),
        ("example.com", "example.com"),
        (None, ""),
    ],
)
def test_short_source(value, source, short):
    """The service is named without the domain that all have."""
    assert short == value("ct.shortsrc", {"eventSource": source})
    assert None is value("ct.shortsrc", {})


@pytest.mark.parametrize(
    ("identity", "user", "original"),
    [
        ({"type": "Root", "userName": "corp"}, "corp", "corp"),
        ({"type": "Root"}, None, None),
        ({"type": "IAMUser", "userName": "alice"}, "alice", "alice"),
        ({"type": "IAMUser", "userName": None}, "", ""),
        ({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "ec2.amazonaws.com", None),
        ({"type": "AWSAccount"}, "AWSAccount", None),
        ({"type": "FederatedUser", "userName": "bob"}, "FederatedUser", "bob"),
        ({"type": "SAMLUser", "userName": "bob"}, None, "bob"),
        ({"userName": "bob"}, None, "bob"),
        ({"type": 1}, None, None),
        ("no object", None, None),
        (
            {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::123456789012:assumed-role/deploy/alice",
                "principalId": "AROAX:other",
                "sessionContext": {"sessionIssuer": {"userName": "deploy"}},
            },
            "deploy",
            "alice",
        ),
        ({"type": "AssumedRole", "arn": "arn:no-slashes", "principalId": "AROAX:alice"}, "AssumedRole", "alice"),
        ({"type": "AssumedRole", "principalId": "AROAX"}, "AssumedRole", None),
    ],
)
def test_users(value, identity, user, original):
    """Who acted is named as the type of identity has it; the original user of an assumed role is its session."""
    record = {"userIdentity": identity}

    assert (user, original) == (value("ct.user", record), value("ct.originaluser", record))


def test_account(value):
    """The account is that of who acted, else the one that the record was delivered to."""
    assert "1" == value("ct.user.accountid", {"userIdentity": {"accountId": "1"}, "recipientAccountId": "2"})
    assert "2" == value("ct.user.accountid", {"userIdentity": {}, "recipientAccountId": "2"})
    assert None is value("ct.user.accountid", {})


def test_resources(value):
    """Resources are shown as JSON with commas between them; without any the field is absent."""
    assert '{"ARN":"a"},{"ARN":"b"}' == value("ct.resources", {"resources": [{"ARN": "a"}, {"ARN": "b"}]})
    assert [None] * 4 == [
        value("ct.resources", record) for record in ({}, *({"resources": it} for it in ([], None, 1)))
    ]


def test_object(value):
    """The object's address needs bucket and key, both as texts."""
    assert "s3://b/k/l" == value("s3.uri", {"requestParameters": {"bucketName": "b", "key": "k/l"}})
    assert None is value("s3.uri", {"requestParameters": {"bucketName": "b"}})
    assert None is value("s3.uri", {"requestParameters": {"bucketName": "b", "key": None}})


@pytest.mark.parametrize(
    ("data", "both", "sent", "received"),
    [
        ({"bytesTransferredIn": 5, "bytesTransferredOut": 33.0}, 38, 5, 33),
        ({"bytesTransferredIn": 5}, 5, 5, None),
        ({"bytesTransferredOut": 7}, 7, None, 7),
        ({"bytesTransferredOut": "7"}, 0, None, 0),
        ({"bytesTransferredOut": -7}, 0, None, 0),
        ({"bytesTransferredIn": 2**64 - 1, "bytesTransferredOut": 1}, 2**64 - 1, 2**64 - 1, 1),
        ({"bytesTransferredIn": 10**400, "bytesTransferredOut": 1.5}, 2**64 - 1, 2**64 - 1, 1),
        ({}, None, None, None),
        (None, None, None, None),
    ],
)
def test_bytes(value, data, both, sent, received):
    """Bytes are whole numbers, also where CloudTrail writes a fraction; without the member they are absent."""
    record = json.dumps({"additionalEventData": data}).encode()

    assert (both, sent, received) == tuple(value(f"s3.bytes{end}", record) for end in ("", ".in", ".out"))


@pytest.mark.parametrize(
    ("name", "counts"),
    [("GetObject", (1, None, None)), ("PutObject", (None, 1, None)), ("CreateUser", (None, None, 1))],
)
def test_counts(value, name, counts):
    """One of the three counts is 1 and the others are absent."""
    assert counts == tuple(value(f"s3.cnt.{end}", {"eventName": name}) for end in ("get", "put", "other"))


def test_name_of_instances(value):
    """The name is the tag Name of what is tagged as an instance; without one the field is absent."""
    tags = [{"key": "Owner", "value": "alice"}, {"key": "Name", "value": "web"}]

    def record(kind, tags):
        return {"requestParameters": {"tagSpecificationSet": {"items": [{"resourceType": kind, "tags": tags}, 7]}}}

    assert "web" == value("ec2.name", record("instance", tags))
    assert None is value("ec2.name", record("volume", tags))
    assert None is value("ec2.name", record("instance", [{"key": "Name"}, "odd"]))
    assert None is value("ec2.name", {})


def test_images_of_the_response(value):
    """The response's images count, one for each instance; a place beyond them is absent."""
    record = {
        "requestParameters": {"imageId": "ami-0"},
        "responseElements": {"instancesSet": {"items": [{"imageId": "ami-1"}, {}, {"imageId": "ami-3"}]}},
    }

    assert ("ami-1", "ami-3") == value("ec2.imageids", record)
    assert [("ami-1",), None, ("ami-3",), None] == [value("ec2.imageids", record, index) for index in range(4)]
    assert "ami-1" == value("ec2.imageid", record)


@pytest.mark.parametrize(
    "path",
    [
        "requestParameters.imageId",
        "requestParameters.DescribeFastLaunchImagesRequest.ImageId.content",
        "requestParameters.launchSpecification.imageId",
    ],
)
def test_image_of_the_request(value, path):
    """Without instances in the response the request's image is the only one."""
    record = at(path, "ami-9")

    assert ("ami-9",) == value("ec2.imageids", record)
    assert [("ami-9",), None] == [value("ec2.imageids", record, index) for index in (0, 1)]
    assert "ami-9" == value("ec2.imageid", record)


def test_no_image(value):
    """Without any image the fields are absent."""
    assert None is value("ec2.imageids", {})
    assert None is value("ec2.imageid", {"responseElements": {"instancesSet": {"items": []}}})
