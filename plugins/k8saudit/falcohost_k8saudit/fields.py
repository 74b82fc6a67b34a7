"""The fields of the source ``k8s_audit``: those of Falco's plugin, and the ``json.*`` fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from falcohost import Arg, ArgKind, Field, FieldType
from falcohost.jsonlog import ABSENT, JSON_FIELDS, json_text, lookup
from falcohost_k8saudit.fields_containers import container_fields
from falcohost_k8saudit.fields_roles import role_fields
from falcohost_k8saudit.fields_volumes import volume_fields
from falcohost_k8saudit.rows import list_at, read_at, text_at
from falcohost_k8saudit.values import text

_SPEC = "requestObject.spec"
_SECURITY = f"{_SPEC}.securityContext"


def _rows() -> Iterator[Field]:
    yield from _request_fields()
    yield from _target_fields()
    yield from role_fields()
    yield from _object_fields()
    yield from _pod_fields()
    yield from container_fields()
    yield from volume_fields()
    yield from _response_fields()
    yield from JSON_FIELDS


def _request_fields() -> Iterator[Field]:
    yield text_at("ka.auditid", "auditID", "Id of the audit event.")
    yield text_at("ka.stage", "stage", "Stage of the request (RequestReceived, ResponseComplete).")
    yield text_at("ka.auth.decision", _annotation("authorization.k8s.io/decision"), "Decision (allow, forbid).")
    yield text_at("ka.auth.reason", _annotation("authorization.k8s.io/reason"), "Reason for the decision.")
    yield text_at(
        "ka.auth.openshift.decision",
        _annotation("authentication.openshift.io/decision"),
        "Decision of OpenShift's authentication.",
    )
    yield text_at(
        "ka.auth.openshift.username",
        _annotation("authentication.openshift.io/username"),
        "User that OpenShift authenticated.",
    )
    yield text_at(
        "ka.validations.admission.policy.failure",
        _annotation("validation.policy.admission.k8s.io/validation_failure"),
        "Failure that a validating admission policy reported.",
    )
    yield text_at(
        "ka.security.pod.violations",
        _annotation("pod-security.kubernetes.io/audit-violations"),
        "Violations of the pod security standard.",
    )
    yield text_at("ka.cluster.name", "annotations.cluster_name", "Name of the cluster.")
    yield text_at("ka.user.name", "user.username", "User who made the request.")
    yield list_at("ka.user.groups", "user.groups", "Groups of the user.")
    yield text_at("ka.impuser.name", "impersonatedUser.username", "User that is impersonated.")
    yield text_at("ka.verb", "verb", "Verb of the request (create, delete).")
    yield text_at("ka.uri", "requestURI", "URI of the request, as the client sent it.")
    yield read_at(
        "ka.uri.param", "requestURI", "First value of this parameter in the URI's query.", _parameter, arg=ArgKind.KEY
    )
    yield text_at("ka.useragent", "userAgent", "User agent of the client.")


def _target_fields() -> Iterator[Field]:
    for last in ("name", "namespace", "resource", "subresource"):
        yield text_at(f"ka.target.{last}", f"objectRef.{last}", f"{last.capitalize()} of the object of the request.")
    yield _pod_name()


def _object_fields() -> Iterator[Field]:
    yield text_at("ka.req.configmap.name", "objectRef.name", "Name of the config map.")
    yield text_at("ka.req.configmap.obj", "requestObject.data", "Content of the config map, as JSON.")
    yield text_at("ka.req.service.type", f"{_SPEC}.type", "Type of the service.")
    yield read_at(
        "ka.req.service.ports",
        f"{_SPEC}.ports",
        "Ports of the service, as one JSON array.",
        lambda value, index: None if value is ABSENT else (json_text(value),),
        arg=ArgKind.INDEX,
        is_list=True,
    )


def _pod_fields() -> Iterator[Field]:
    yield text_at("ka.req.pod.host_ipc", f"{_SPEC}.hostIPC", "Whether the pod uses the host's IPC namespace.")
    yield text_at("ka.req.pod.host_network", f"{_SPEC}.hostNetwork", "Whether the pod uses the host's network.")
    yield text_at("ka.req.pod.host_pid", f"{_SPEC}.hostPID", "Whether the pod sees the host's processes.")
    yield text_at(
        "ka.req.container.host_network",
        f"{_SPEC}.hostNetwork",
        "The same as ka.req.pod.host_network.",
    )
    yield text_at("ka.req.pod.run_as_user", f"{_SECURITY}.runAsUser", "User id that the pod requests.")
    yield text_at("ka.req.pod.run_as_group", f"{_SECURITY}.runAsGroup", "Group id that the pod requests.")
    yield text_at("ka.req.pod.fs_group", f"{_SECURITY}.fsGroup", "Group id of the pod's volumes.")
    yield list_at(
        "ka.req.pod.supplemental_groups", f"{_SECURITY}.supplementalGroups", "Further group ids that the pod requests."
    )


def _response_fields() -> Iterator[Field]:
    yield text_at("ka.resp.name", "responseObject.metadata.name", "Name of the object in the response.")
    yield text_at("ka.response.code", "responseStatus.code", "HTTP status of the response.")
    yield text_at("ka.response.reason", "responseStatus.reason", "Reason why the request failed.")


def _annotation(key: str) -> str:
    return f"annotations[{json_text(key)}]"


def _pod_name() -> Field:
    """Return the field that is present for requests about a pod itself, not about a subresource of it."""
    resource, subresource = lookup("objectRef.resource"), lookup("objectRef.subresource")
    name = lookup("responseObject.metadata.name")

    def get(event: Any, arg: Arg) -> str | None:
        record = event.record
        part = subresource(record)
        whole = resource(record) == "pods" and (not isinstance(part, str) or part == "")
        return text(name(record)) if whole else None

    return Field(
        name="ka.target.pod.name",
        type=FieldType.CHARBUF,
        description="Name of the pod of the request, as in the response.",
        get=get,
        reads=("objectRef.resource", "objectRef.subresource", "responseObject.metadata.name"),
    )


def _parameter(value: Any, arg: Any) -> str | None:
    """Return the first value of a parameter; None if the query does not have it."""
    _, _, query = (text(value) or "").partition("#")[0].partition("?")
    for pair in query.split("&"):
        key, _, found = pair.partition("=")
        if pair and unquote_plus(key) == arg:
            return unquote_plus(found)
    return None


FIELDS: tuple[Field, ...] = tuple(_rows())
