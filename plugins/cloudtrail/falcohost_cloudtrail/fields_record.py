"""Fields of the record as a whole (``ct.*``): the request, who made it, from where, and its outcome.

AWS's "CloudTrail record contents for management, data, and network activity events" explains the members.
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
    text("ct.error", "errorCode", "Code of the error; absent if the request succeeded."),
    text("ct.errormessage", "errorMessage", "Message of the error; absent if the request succeeded."),
    text("ct.time", "eventTime", "Time of the request, as in the record."),
    text("ct.src", "eventSource", "Service that received the request (iam.amazonaws.com)."),
    of_record(
        "ct.shortsrc",
        FieldType.CHARBUF,
        "Service that received the request, without .amazonaws.com.",
        summary.short_source,
        reads=("eventSource",),
    ),
    text("ct.name", "eventName", "Name of the request (CreateUser)."),
    text("ct.region", "awsRegion", "Region of the request."),
    text("ct.srcip", "sourceIPAddress", "Address that the request came from, or the name of an AWS service."),
    text("ct.useragent", "userAgent", "User agent of the client."),
    of_record(
        "ct.info",
        FieldType.CHARBUF,
        "The event in one line: user, address, ! for a failure, → for a change or ← for a read, name, object.",
        summary.info,
        reads=summary.READS,
    ),
    truth("ct.managementevent", "managementEvent", "Whether it is a management event: true or false."),
    truth("ct.readonly", "readOnly", "Whether the request only reads: true or false."),
    text("ct.requestid", "requestID", "Id that the service assigned to the request."),
    text("ct.eventtype", "eventType", "Type of the record (AwsApiCall, AwsConsoleSignIn)."),
    text("ct.apiversion", "apiVersion", "Version of the API, for records of the type AwsApiCall."),
    of_value("ct.resources", "resources", "Resources of the request, each as JSON, separated by commas.", _resources),
    text("ct.recipientaccountid", "recipientAccountId", "Account that the record was delivered to."),
    text("ct.serviceeventdetails", "serviceEventDetails", "Details of a service's event, if they are a text."),
    text("ct.sharedeventid", "sharedEventID", "Id shared by the records of one action in several accounts."),
    text("ct.vpcendpointid", "vpcEndpointId", "VPC endpoint that the request passed."),
    text("ct.eventcategory", "eventCategory", "Category of the record: Management, Data, NetworkActivity or Insight."),
    text("ct.edgedevicedetails", "edgeDeviceDetails", "Details of the edge device, if they are a text."),
    json("ct.additionaleventdata", "additionalEventData", "Data that the service adds to its records, as JSON."),
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
        "Name of the actor: the user's, the role's for an assumed role, the service's, "
        "or AWSAccount or FederatedUser for those.",
        identity.user,
        reads=identity.USER_READS,
    ),
    of_record(
        "ct.originaluser",
        FieldType.CHARBUF,
        "Name of the actor: the user's, or the session's for an assumed role.",
        identity.original_user,
        reads=identity.ORIGINAL_USER_READS,
    ),
    of_record(
        "ct.user.accountid",
        FieldType.CHARBUF,
        "Account of the actor, else the account that the record was delivered to.",
        identity.account,
        reads=identity.ACCOUNT_READS,
    ),
    text("ct.user.identitytype", "userIdentity.type", "Type of identity (Root, IAMUser, AssumedRole)."),
    text("ct.user.principalid", "userIdentity.principalId", "Unique id of the actor."),
    text("ct.user.arn", "userIdentity.arn", "ARN of the actor."),
)

ADDENDUM: tuple[Field, ...] = (
    text("ct.addendum.reason", "addendum.reason", "Reason why the record was late or is a correction."),
    text("ct.addendum.updatedfields", "addendum.updatedFields", "Members that the record corrects."),
    text("ct.addendum.originalrequestid", "addendum.originalRequestID", "Id of the corrected request."),
    text("ct.addendum.originaleventid", "addendum.originalEventID", "Id of the corrected record."),
)

TLS: tuple[Field, ...] = (
    text("ct.tlsdetails.tlsversion", "tlsDetails.tlsVersion", "Version of TLS."),
    text("ct.tlsdetails.ciphersuite", "tlsDetails.cipherSuite", "Cipher suite of TLS."),
    text(
        "ct.tlsdetails.clientprovidedhostheader",
        "tlsDetails.clientProvidedHostHeader",
        "Host name that the client requested.",
    ),
)

FIELDS: tuple[Field, ...] = (*EVENT, *USER, *ADDENDUM, *TLS)
