"""Fields of the record as a whole (``ct.*``): what was done, by whom, from where, with what outcome.

What the members mean is in AWS's "CloudTrail record contents for management, data, and network activity events".
"""

from __future__ import annotations

from typing import Any

from falcohost import Field, FieldType
from falcohost_cloudtrail import identity, summary
from falcohost_cloudtrail.values import as_json, json, of_record, of_value, text, truth


def _resources(value: Any) -> str | None:
    return ",".join(as_json(one) or "" for one in value) if isinstance(value, list) and value else None


EVENT: tuple[Field, ...] = (
    text("ct.id", "eventID", "Id of the record, unique."),
    text("ct.error", "errorCode", "Code of the error; absent where the request succeeded."),
    text("ct.errormessage", "errorMessage", "What the error was; absent where the request succeeded."),
    text("ct.time", "eventTime", "When the request was made, as the record says it."),
    text("ct.src", "eventSource", "Service that was asked (iam.amazonaws.com)."),
    of_record(
        "ct.shortsrc",
        FieldType.CHARBUF,
        "Service that was asked, without .amazonaws.com.",
        summary.short_source,
        reads=("eventSource",),
    ),
    text("ct.name", "eventName", "What was asked for (CreateUser)."),
    text("ct.region", "awsRegion", "Region that was asked."),
    text("ct.srcip", "sourceIPAddress", "Address that the request came from, or the name of a service of AWS."),
    text("ct.useragent", "userAgent", "Program that made the request, in its own words."),
    of_record(
        "ct.info",
        FieldType.CHARBUF,
        "The event in one line: user, address, ! for a failure, → for a change or ← for a read, name, object.",
        summary.info,
        reads=summary.READS,
    ),
    truth("ct.managementevent", "managementEvent", "Whether it is a management event: true or false."),
    truth("ct.readonly", "readOnly", "Whether the request only reads: true or false."),
    text("ct.requestid", "requestID", "Id that the service gave the request."),
    text("ct.eventtype", "eventType", "Kind of the record (AwsApiCall, AwsConsoleSignIn)."),
    text("ct.apiversion", "apiVersion", "Version of the API, for records of the kind AwsApiCall."),
    of_value(
        "ct.resources", "resources", "Resources that the request was about, each as JSON, with commas.", _resources
    ),
    text("ct.recipientaccountid", "recipientAccountId", "Account that the record was delivered to."),
    text("ct.serviceeventdetails", "serviceEventDetails", "Details of an event of a service, where they are a text."),
    text("ct.sharedeventid", "sharedEventID", "Id that the records of one action in several accounts share."),
    text("ct.vpcendpointid", "vpcEndpointId", "VPC endpoint that the request went through."),
    text("ct.eventcategory", "eventCategory", "Category of the record: Management, Data, NetworkActivity or Insight."),
    text("ct.edgedevicedetails", "edgeDeviceDetails", "Details of the edge device, where they are a text."),
    json("ct.additionaleventdata", "additionalEventData", "What the service adds to its records, as JSON."),
    truth(
        "ct.sessioncredentialfromconsole",
        "sessionCredentialFromConsole",
        "Whether the request came from a session of the console: true or false.",
    ),
)

USER: tuple[Field, ...] = (
    of_record(
        "ct.user",
        FieldType.CHARBUF,
        "Name of who acted: the user's, the role's for an assumed role, the service's, "
        "or AWSAccount or FederatedUser for those.",
        identity.user,
        reads=identity.USER_READS,
    ),
    of_record(
        "ct.originaluser",
        FieldType.CHARBUF,
        "Name of who acted: the user's, the session's for an assumed role.",
        identity.original_user,
        reads=identity.ORIGINAL_USER_READS,
    ),
    of_record(
        "ct.user.accountid",
        FieldType.CHARBUF,
        "Account of who acted, else the account that the record was delivered to.",
        identity.account,
        reads=identity.ACCOUNT_READS,
    ),
    text("ct.user.identitytype", "userIdentity.type", "Type of identity (Root, IAMUser, AssumedRole)."),
    text("ct.user.principalid", "userIdentity.principalId", "Id of who acted, unique."),
    text("ct.user.arn", "userIdentity.arn", "ARN of who acted."),
)

ADDENDUM: tuple[Field, ...] = (
    text("ct.addendum.reason", "addendum.reason", "Why the record came late or is a correction."),
    text("ct.addendum.updatedfields", "addendum.updatedFields", "Members that the record corrects."),
    text("ct.addendum.originalrequestid", "addendum.originalRequestID", "Id of the request that it corrects."),
    text("ct.addendum.originaleventid", "addendum.originalEventID", "Id of the record that it corrects."),
)

TLS: tuple[Field, ...] = (
    text("ct.tlsdetails.tlsversion", "tlsDetails.tlsVersion", "Version of TLS."),
    text("ct.tlsdetails.ciphersuite", "tlsDetails.cipherSuite", "Cipher suite of TLS."),
    text(
        "ct.tlsdetails.clientprovidedhostheader",
        "tlsDetails.clientProvidedHostHeader",
        "Name of the host that the client asked for.",
    ),
)

FIELDS: tuple[Field, ...] = (*EVENT, *USER, *ADDENDUM, *TLS)
