"""A storage with a pod and a container as CRI-O leaves them there, for tests; Debian has no package of CRI-O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NOTE = "io.kubernetes.cri-o."
IMAGE = "registry.example/shop/web"
UID = "7f3c1e52-0d49-4c38-9d7e-5d0a3e3f1a77"
NAMES = {"io.kubernetes.pod.name": "shop-0", "io.kubernetes.pod.namespace": "prod", "io.kubernetes.pod.uid": UID}


def write(storage: Path, sandbox: str, container: str, *, config: Mapping[str, Any] | None = None) -> None:
    """Write what CRI-O writes before it starts *container*, whose ``config.json`` is *config* and annotations."""
    folder, image = storage / "overlay-containers", "1" * 64
    pod = {"pod-name": f"k8s_shop-0_prod_{UID}_0", "pod-id": sandbox, "created-at": 1, "mountlabel": ""}
    of_sandbox = {**pod, "image-name": "registry.example/pause:1", "image-id": "2" * 64, "pod": True}
    of_sandbox |= {"name": f"k8s_POD_shop-0_prod_{UID}_0", "metadata-name": "shop-0", "uid": UID, "namespace": "prod"}
    of_container = {**pod, "image-name": f"{IMAGE}:2", "image-id": image}
    of_container |= {"name": f"k8s_web_shop-0_prod_{UID}_0", "metadata-name": "web"}
    stored = [_stored(sandbox, of_sandbox), _stored(container, of_container)]
    images = [{"id": image, "digest": f"sha256:{'3' * 64}", "names": [f"{IMAGE}:2", f"{IMAGE}@sha256:{'3' * 64}"]}]
    _write(storage / "overlay-images/images.json", images)
    pods_labels = {**NAMES, "app": "shop"}
    labels = {**NAMES, "io.kubernetes.container.name": "web"}
    volumes = [
        {"container_path": "/data", "host_path": "/srv/data", "readonly": True, "propagation": 0},
        {"container_path": "/etc/hosts", "host_path": "/var/lib/kubelet/hosts", "readonly": False, "propagation": 1},
    ]
    own = {"linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "ipc", "path": "/run/ipcns/x"}]}}
    notes = {"Labels": json.dumps(pods_labels), "IP.0": "10.85.0.7", "ContainerType": "sandbox", "KubeName": "shop-0"}
    _write(folder / sandbox / "userdata/config.json", {**own, "annotations": _noted(notes)})
    notes = {"Labels": json.dumps(labels), "Volumes": json.dumps(volumes), "ContainerType": "container"}
    _write(folder / container / "userdata/config.json", {**(config or own), "annotations": _noted(notes)})
    _write(folder / "volatile-containers.json", stored)


def _stored(ident: str, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    names = {"names": [metadata["name"]], "image": metadata["image-id"], "layer": "4" * 64}
    return {"id": ident, **names, "metadata": json.dumps(metadata), "created": "2026-01-01T00:00:00Z"}


def _noted(notes: Mapping[str, str]) -> Mapping[str, str]:
    return {f"{NOTE}{name}": value for name, value in notes.items()}


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
