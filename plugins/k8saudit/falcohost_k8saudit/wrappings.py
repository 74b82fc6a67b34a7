"""Takes audit events out of the logs in which clouds deliver them: those of Azure, Google Cloud and CloudWatch.

- Azure Monitor (AKS, category ``kube-audit``): the event is a text in ``properties.log``.
- Cloud Logging (GKE): a log entry with a ``protoPayload`` of the service ``k8s.io``, which says the same in other
  members; documented as "Kubernetes audit logs" and ``google.cloud.audit.AuditLog``.
- CloudWatch Logs (EKS), as a subscription delivers it: the event is a text in ``message``.
"""

from __future__ import annotations

from typing import Any

from falcohost.jsonlog import Refused, whole_record

Record = dict[str, Any]

#: A text without any of these has no wrapped event.
MARKS = (b'"kube-audit', b'"protoPayload"', b'"logEvents"')

_AZURE = ("kube-audit", "kube-audit-admin")

#: HTTP statuses of the codes of google.rpc.Code.
_STATUSES = {1: 499, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 12: 501, 14: 503, 16: 401}
_FAILED = 500


def unwrapped(record: Record) -> Record | None:
    """Return the audit event that *record* wraps, or None if it is none of the known wrappings."""
    if "kind" in record:
        return None
    if record.get("category") in _AZURE:
        return _text(_object(record.get("properties")).get("log"))
    if "message" in record and "timestamp" in record:
        return _text(record["message"])
    payload = _object(record.get("protoPayload"))
    if payload.get("serviceName") == "k8s.io":
        return _of_google(payload, record)
    return None


def _object(value: Any) -> Record:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> Record | None:
    if not isinstance(value, str):
        return None
    try:
        return whole_record(value.encode("utf-8", "replace"))
    except Refused:
        return None


def _of_google(payload: Record, entry: Record) -> Record | None:
    method = payload.get("methodName")
    if not isinstance(method, str) or not method.startswith("io.k8s."):
        return None
    caller = _object(payload.get("requestMetadata"))
    verb = method.rpartition(".")[2]
    name = payload.get("resourceName")
    ref, uri = _place(name if isinstance(name, str) else "", method)
    return {
        "kind": "Event",
        "auditID": entry.get("insertId"),
        "stage": "ResponseComplete",
        "stageTimestamp": entry.get("timestamp"),
        "verb": verb,
        "requestURI": uri,
        "user": {"username": _object(payload.get("authenticationInfo")).get("principalEmail")},
        "sourceIPs": [ip for key in ("callerIp", "callerIP") if isinstance(ip := caller.get(key), str)],
        "userAgent": caller.get("callerSuppliedUserAgent"),
        "objectRef": ref,
        "requestObject": payload.get("request"),
        "responseObject": payload.get("response"),
        "responseStatus": {"code": _status(payload, verb)},
        "annotations": entry.get("labels"),
    }


def _status(payload: Record, verb: str) -> int:
    code = _object(payload.get("status")).get("code", 0)
    if code:
        return _STATUSES.get(code, _FAILED) if isinstance(code, int) else _FAILED
    asked = payload.get("authorizationInfo")
    refused = isinstance(asked, list) and any(_object(one).get("granted") is False for one in asked)
    return 403 if refused else 201 if verb == "create" else 200


def _place(name: str, method: str) -> tuple[Record, str]:
    """Return the object that a resource's *name* means, and the path of its URI.

    ``core/v1/namespaces/shop/pods/web/exec`` is the part ``exec`` of the pod ``web``.
    """
    group, _, rest = name.partition("/")
    version, _, rest = rest.partition("/")
    if not rest or not group:  # not a resource: io.k8s.readyz, or /readyz
        return {}, name if name.startswith("/") else "/" + method.removeprefix("io.k8s.").rpartition(".")[2]
    ref: Record = {"apiVersion": version}
    uri = f"/api/{version}/{rest}"
    if group != "core":
        ref["apiGroup"] = group
        uri = f"/apis/{group}/{version}/{rest}"
    parts = rest.split("/")
    if parts[0] == "namespaces" and len(parts) > 2:
        ref["namespace"] = parts[1]
        parts = parts[2:]
    for key, part in zip(("resource", "name", "subresource"), parts, strict=False):
        ref[key] = part
    return ref, uri
