"""Fields of requests and responses, for any service (``ct.request*``, ``ct.response*``)."""

from __future__ import annotations

from falcohost import Field
from falcohost_cloudtrail.values import json, text

FIELDS: tuple[Field, ...] = (
    json("ct.request", "requestParameters", "All parameters of the request, as JSON."),
    text("ct.request.availabilityzone", "requestParameters.availabilityZone", "Availability zone in the request."),
    text("ct.request.cluster", "requestParameters.cluster", "Cluster in the request."),
    text(
        "ct.request.documentname",
        "requestParameters.documentName",
        "Document in the request; Falco's plugin never fills it.",
    ),
    text("ct.request.functionname", "requestParameters.functionName", "Function in the request."),
    text("ct.request.groupname", "requestParameters.groupName", "Group in the request."),
    text("ct.request.host", "requestParameters.Host", "Host in the request."),
    text("ct.request.name", "requestParameters.name", "Name in the request."),
    text("ct.request.policy", "requestParameters.policy", "Policy in the request."),
    text("ct.request.reason", "requestParameters.reason", "Reason in the request."),
    text("ct.request.serialnumber", "requestParameters.serialNumber", "Serial number in the request."),
    text("ct.request.servicename", "requestParameters.serviceName", "Service in the request."),
    text("ct.request.subnetid", "requestParameters.subnetId", "Subnet in the request."),
    text("ct.request.target", "requestParameters.target", "Target in the request."),
    text("ct.request.taskdefinition", "requestParameters.taskDefinition", "Task definition in the request."),
    text("ct.request.username", "requestParameters.userName", "User in the request."),
    json("ct.response", "responseElements", "All elements of the response, as JSON."),
    text("ct.response.reservationid", "responseElements.reservationId", "Reservation in the response."),
    text("ct.response.subnetid", "responseElements.subnetId", "Subnet in the response."),
)
