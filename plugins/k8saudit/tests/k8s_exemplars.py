"""Audit events on which the rules for access, workloads and rights fire, and close ones on which they do not.

Members of requests are those of the Kubernetes API reference.
"""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

REFUSED = {"responseStatus": {"code": 403}}
SWITCHED = {"responseStatus": {"code": 101}}
SYSTEM = {"user": {"username": "system:serviceaccount:kube-system:daemon-set-controller"}}
ANONYMOUS = {"user": {"username": "system:anonymous", "groups": ["system:unauthenticated"]}}
POD = {"user": {"username": "system:serviceaccount:shop:web"}, "userAgent": "kubectl/v1.31.0"}
PUBLIC = {"sourceIPs": ["203.0.113.9"]}
PRIVATE = {"sourceIPs": ["10.0.3.7"]}


def event(verb: str, resource: str, part: str | None = None, *, ns: str = "shop", **members: Any) -> Record:
    """Return the event of a request that succeeded, about *part* of *resource* or all of it."""
    ref = {"resource": resource, "name": "it", "namespace": ns} | ({"subresource": part} if part else {})
    return {
        "kind": "Event",
        "stage": "ResponseComplete",
        "stageTimestamp": "2026-03-01T12:00:00Z",
        "verb": verb,
        "user": {"username": "mona@example.com"},
        "objectRef": ref,
        "responseStatus": {"code": 200},
        **members,
    }


def shell(*command: str, **members: Any) -> Record:
    """Return the event of a command in a pod."""
    uri = "/api/v1/namespaces/shop/pods/it/exec?" + "&".join(f"command={word}" for word in command)
    return event("create", "pods", "exec", requestURI=uri, **(SWITCHED | members))


def started(*, ns: str = "shop", user: Record | None = None, **spec: Any) -> Record:
    """Return the event of a pod that was made with *spec*."""
    spec.setdefault("containers", [{"name": "app", "image": "nginx"}])
    return event("create", "pods", ns=ns, requestObject={"kind": "Pod", "spec": spec}, **(user or {}))


def container(**context: Any) -> list[Record]:
    """Return the containers of a pod of which the only one has a security context."""
    return [{"name": "app", "image": "nginx", "securityContext": context}]


def volume(path: str) -> list[Record]:
    """Return the volumes of a pod that mounts a folder of its host."""
    return [{"name": "v", "hostPath": {"path": path}}]


def role(resources: list[str], verbs: list[str], **members: Any) -> Record:
    """Return the event of a role that was made."""
    return event(
        "create", "clusterroles", requestObject={"rules": [{"resources": resources, "verbs": verbs}]}, **members
    )


def bound(role: str, **members: Any) -> Record:
    """Return the event of a role that was bound."""
    return event("create", "clusterrolebindings", requestObject={"roleRef": {"name": role}, "subjects": []}, **members)


def named(name: str, verb: str, resource: str, **members: Any) -> Record:
    """Return the event of a request about the object *name*."""
    return {**event(verb, resource, **members), "objectRef": {"resource": resource, "name": name}}


def made(resource: str, **spec: Any) -> Record:
    """Return the event of an object that was made with *spec*."""
    return event("create", resource, requestObject={"spec": spec})


_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"

ACCESS = {
    "K8s command run in a pod": (
        [shell("sh"), event("get", "pods", "portforward"), event("create", "pods", "attach", **SWITCHED)],
        [shell("sh", **REFUSED), shell("sh", **SYSTEM), event("get", "pods")],
    ),
    "K8s files copied out of or into a pod": (
        [
            shell("tar", "cf", "-", "/etc"),
            event("create", "pods", "exec", requestObject={"command": ["tar", "xf", "-"]}, **SWITCHED),
        ],
        [shell("ls"), shell("tar", "cf", "-", **REFUSED)],
    ),
    "K8s token of a service account read in a pod": (
        [shell("cat", _TOKEN), event("create", "pods", "exec", requestObject={"command": ["cat", _TOKEN]}, **SWITCHED)],
        [shell("cat", "/etc/hosts"), shell("cat", _TOKEN, **REFUSED)],
    ),
    "K8s anonymous request answered": (
        [
            event("get", "pods", requestURI="/api/v1/pods", **ANONYMOUS),
            event("list", "secrets", requestURI="/api/v1/secrets", **ANONYMOUS, userAgent="kube-probe/1.31"),
        ],
        [
            event("get", "", requestURI="/healthz", **ANONYMOUS),
            event("get", "", requestURI="/api/v1/healthz", **ANONYMOUS, userAgent="GoogleHC/1.0"),
            event("get", "", requestURI="/readyz?verbose", **ANONYMOUS),
            event("get", "pods", **ANONYMOUS, **REFUSED),
        ],
    ),
    "K8s client certificate requested": (
        [event("create", "certificatesigningrequests", requestObject={"spec": {"signerName": "k"}})],
        [
            event("create", "certificatesigningrequests", user={"username": "kubelet-bootstrap"}),
            event("update", "certificatesigningrequests", "status"),
        ],
    ),
    "K8s service account used like a person": (
        [event("list", "pods", **POD, **PUBLIC)],
        [event("list", "pods", **POD, **PRIVATE), event("list", "pods", **PUBLIC, userAgent="kubectl/v1.31.0")],
    ),
    "K8s request refused to a public address": (
        [event("list", "pods", **PUBLIC, **REFUSED)],
        [
            event("list", "pods", **PRIVATE, **REFUSED),
            event("list", "pods", **PUBLIC),
            event("list", "pods", **REFUSED),
        ],
    ),
    "K8s secret refused": (
        [event("get", "secrets", **REFUSED)],
        [event("get", "secrets"), event("get", "secrets", **REFUSED, **SYSTEM), event("get", "configmaps", **REFUSED)],
    ),
    "K8s container added to a running pod": (
        [event("patch", "pods", "ephemeralcontainers")],
        [event("get", "pods", "ephemeralcontainers"), event("patch", "pods")],
    ),
}

WORKLOADS = {
    "K8s pod near the host started": (
        [
            started(hostPID=True),
            started(hostIPC=True),
            started(hostNetwork=True),
            started(containers=container(privileged=True)),
        ],
        [
            started(hostPID=False),
            started(containers=container(privileged=False)),
            started(hostNetwork=True, user=SYSTEM),
        ],
    ),
    "K8s pod given capabilities": (
        [
            started(containers=container(capabilities={"add": ["CHOWN", "SYS_ADMIN"]})),
            started(containers=container(capabilities={"add": ["CAP_BPF"]})),
        ],
        [
            started(containers=container(capabilities={"add": ["NET_BIND_SERVICE"]})),
            started(containers=container(capabilities={"drop": ["ALL"]})),
        ],
    ),
    "K8s host's folder mounted into a pod": (
        [
            started(volumes=volume("/var/lib/kubelet")),
            started(volumes=volume("/")),
            made("deployments", template={"spec": {"volumes": volume("/etc")}}),
        ],
        [started(volumes=volume("/data")), started(volumes=[{"name": "v", "emptyDir": {}}])],
    ),
    "K8s pod started in a namespace of the cluster": (
        [started(ns="kube-system"), started(ns="kube-node-lease")],
        [started(), started(ns="kube-system", user=SYSTEM), event("create", "pods", "eviction", ns="kube-system")],
    ),
    "K8s job by the clock made": (
        [made("cronjobs", schedule="0 2 * * *"), event("patch", "cronjobs")],
        [event("get", "cronjobs"), event("update", "cronjobs", "status"), event("create", "jobs")],
    ),
    "K8s pod on every node": ([made("daemonsets")], [event("get", "daemonsets"), event("update", "daemonsets")]),
    "K8s service opened on every node": (
        [made("services", type="NodePort")],
        [made("services", type="ClusterIP"), event("update", "services", requestObject={"spec": {"type": "NodePort"}})],
    ),
    "K8s ingress without encryption": (
        [made("ingresses", rules=[{"host": "a"}])],
        [made("ingresses", rules=[{"host": "a"}], tls=[{"secretName": "s"}]), event("update", "ingresses")],
    ),
}

RIGHTS = {
    "K8s administrator of the cluster made": (
        [bound("cluster-admin")],
        [bound("view"), bound("cluster-admin", **REFUSED), bound("cluster-admin", **SYSTEM)],
    ),
    "K8s role with all rights on something": (
        [role(["secrets"], ["*"]), role(["*"], ["get"])],
        [role(["pods"], ["get"]), role(["*"], ["*"], **REFUSED)],
    ),
    "K8s role that reaches nodes or into pods": (
        [role(["nodes/proxy"], ["get"]), role(["pods", "pods/exec"], ["get"])],
        [role(["pods", "pods/log"], ["get"]), role(["pods/exec"], ["create"], **SYSTEM)],
    ),
    "K8s role that can change things": (
        [role(["configmaps"], ["get", "patch"]), role(["pods"], ["deletecollection"])],
        [role(["pods"], ["get", "list", "watch"])],
    ),
    "K8s role of the cluster changed": (
        [named("system:kube-scheduler", "delete", "clusterroles"), named("cluster-admin", "patch", "clusterroles")],
        [named("shop-reader", "update", "clusterroles"), named("system:node", "update", "clusterroles", **SYSTEM)],
    ),
    "K8s users of the cloud changed": (
        [named("aws-auth", "patch", "configmaps")],
        [named("aws-auth", "get", "configmaps"), named("settings", "patch", "configmaps")],
    ),
}

EXEMPLARS = ACCESS | WORKLOADS | RIGHTS
