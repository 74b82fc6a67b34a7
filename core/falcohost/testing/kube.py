"""A real kube-apiserver on a real etcd, for tests; what a cluster's other parts do, tests do themselves.

Both programs have to be on PATH: Debian has etcd-server, and sources from which kube-apiserver can be built.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from falcohost.testing.ports import Port
from falcohost.testing.skips import skip_or_fail
from falcohost.testing.waiting import wait_until

Json = Mapping[str, Any]

ADMIN = "admin-of-the-test"

#: Where objects are, by kind.
PLURALS = {
    "Namespace": "api/v1/namespaces",
    "Node": "api/v1/nodes",
    "Pod": "api/v1/namespaces/{}/pods",
    "Service": "api/v1/namespaces/{}/services",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "ReplicationController": "api/v1/namespaces/{}/replicationcontrollers",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "DaemonSet": "apis/apps/v1/namespaces/{}/daemonsets",
    "ReplicaSet": "apis/apps/v1/namespaces/{}/replicasets",
    "Job": "apis/batch/v1/namespaces/{}/jobs",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}


class Api:
    """What can be done with an API server by the administrator.

    :ivar folder: with the certificate of its authority, ``ca.crt``.
    :ivar port: it listens there on 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0

    def ask(self, method: str, path: str, body: Json | None = None, kind: str = "application/json") -> Any:
        """Send a request as the administrator; return the answer.

        :raises OSError: it is refused.
        """
        raise NotImplementedError

    def start(self) -> None:
        """Start it again."""
        raise NotImplementedError

    def stop(self) -> None:
        """Have it answer no more."""
        raise NotImplementedError

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    def make(self, kind: str, name: str, namespace: str = "default", *, labels: Json | None = None, **more: Any) -> Any:
        """Create an object; return what the server has made of it."""
        owner = more.pop("owner", None)
        metadata: dict[str, Any] = {"name": name, "labels": labels or {}, **more.pop("metadata", {})}
        if owner is not None:
            metadata["ownerReferences"] = [
                {
                    "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                    "uid": owner["metadata"]["uid"], "controller": True,
                }
            ]  # fmt: skip
        return self.apply({"apiVersion": _version(kind), "kind": kind, "metadata": metadata, **more}, namespace)

    def apply(self, manifest: Json, namespace: str = "default") -> Any:
        """Create what a manifest describes."""
        place = manifest["metadata"].get("namespace", namespace)
        path = PLURALS[manifest["kind"]].format(place)
        return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], **self.ask("POST", path, manifest)}

    def path(self, kind: str, name: str, namespace: str = "default") -> str:
        """Return the path of an object."""
        return f"{PLURALS[kind].format(namespace)}/{name}"

    def merge(self, kind: str, name: str, change: Json, namespace: str = "default", part: str = "") -> Any:
        """Change an object, or a *part* of it such as ``/status``."""
        path = self.path(kind, name, namespace) + part
        return self.ask("PATCH", path, change, "application/merge-patch+json")

    def delete(self, kind: str, name: str, namespace: str = "default") -> None:
        """Delete an object at once."""
        self.ask("DELETE", self.path(kind, name, namespace), {"gracePeriodSeconds": 0})

    def token(self, account: str, namespace: str, seconds: int = 3600) -> str:
        """Return a token of a service account, as a projected volume has it."""
        path = f"api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        wanted = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        return str(self.ask("POST", path, wanted)["status"]["token"])


class Kube(Api):
    """A running kube-apiserver, with etcd."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in ("etcd", "kube-apiserver", "openssl") if shutil.which(name) is None]
        if missing:
            skip_or_fail("kubernetes", f"{', '.join(missing)} missing on PATH")
        super().__init__(folder)
        self._ports = [Port() for _ in range(3)]
        self.port, self._etcd_port, peers = (port.number for port in self._ports)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        certify(folder)
        (folder / "tokens.csv").write_text(f"{ADMIN},admin,admin,system:masters\n")
        etcd = f"http://127.0.0.1:{self._etcd_port}"
        self._commands = {
            "etcd": [
                "etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync",
                f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls=http://127.0.0.1:{peers}",
            ],
            "kube-apiserver": [
                "kube-apiserver", f"--etcd-servers={etcd}", f"--secure-port={self.port}", "--bind-address=127.0.0.1",
                f"--cert-dir={folder}/run", f"--tls-cert-file={folder}/server.crt",
                f"--tls-private-key-file={folder}/server.key", f"--token-auth-file={folder}/tokens.csv",
                "--authorization-mode=RBAC", "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={folder}/server.key",
                f"--service-account-signing-key-file={folder}/server.key",
                "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.96.0.0/16",
                "--advertise-address=127.0.0.1", "--allow-privileged",
            ],
        }  # fmt: skip
        self.start("etcd")
        self.start("kube-apiserver")

    @property
    def address(self) -> str:
        """Return its URL."""
        return f"https://127.0.0.1:{self.port}"

    def start(self, name: str = "kube-apiserver") -> None:
        """Start one of the two, and wait for it."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._commands[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        wait_until(lambda: self._answers(name), lambda: (self.folder / f"{name}.log").read_text()[-2000:])

    def stop(self, name: str = "kube-apiserver") -> None:
        """Kill one of the two."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def close(self) -> None:
        """End both."""
        for name in [*self._processes]:
            self.stop(name)
        for port in self._ports:
            port.close()

    def _answers(self, name: str) -> bool:
        assert self._processes[name].poll() is None, (self.folder / f"{name}.log").read_text()[-2000:]
        if name == "etcd":
            with socket.socket() as link:
                return link.connect_ex(("127.0.0.1", self._etcd_port)) == 0
        try:
            self.ask("GET", "readyz")
            self.ask("GET", "api/v1/namespaces/default")
        except (OSError, ValueError):
            return False
        return True

    def ask(self, method: str, path: str, body: Json | None = None, kind: str = "application/json") -> Any:
        """Send a request as the administrator; return the answer.

        :raises OSError: it is refused.
        """
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        request = urllib.request.Request(
            f"{self.address}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {ADMIN}", "Content-Type": kind},
        )
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise OSError(f"{method} {path}: {error.code} {error.read().decode()}") from error
        return json.loads(text) if text.startswith(b"{") else text


def template(labels: Json) -> Json:
    """Return a template of pods."""
    return {"metadata": {"labels": labels}, "spec": {"containers": CONTAINERS}}


CONTAINERS = [{"name": "web", "image": "localhost/falcohost/test:1"}]


def manifests(text: str) -> Iterator[Json]:
    """Yield the manifests in a file."""
    yield from yaml.safe_load_all(text)


def _version(kind: str) -> str:
    path = PLURALS[kind].split("/")
    return path[1] if path[0] == "api" else f"{path[1]}/{path[2]}"


def certify(folder: Path) -> None:
    """Make a certificate authority, ``ca.crt``, and by it a certificate for 127.0.0.1, ``server.crt``."""
    command = (  # as strict as Python 3.13 checks them
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=test-ca -days 2"
        " -addext keyUsage=critical,keyCertSign,cRLSign &&"
        " openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=127.0.0.1 &&"
        " printf 'subjectAltName=IP:127.0.0.1\\nauthorityKeyIdentifier=keyid' > names &&"
        " openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2"
        " -extfile names"
    )
    subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=True, capture_output=True)
