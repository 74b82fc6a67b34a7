"""The service account that docs/kubernetes.md describes, made on a real API server."""

from __future__ import annotations

import re
from pathlib import Path

from falcohost.testing.kube import Kube, manifests
from falcohost_k8smeta.config import Config

NODE = "node-1"
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def documented(root: Path, kind: str) -> str:
    """Return the first block of YAML in the documentation that has this kind of object."""
    blocks = BLOCK.findall((root / "docs" / "kubernetes.md").read_text())
    return next(block for block in blocks if f"kind: {kind}\n" in block)


def account(kube: Kube, root: Path, folder: Path) -> Config:
    """Make the account with its rights; return the settings with its token in *folder*."""
    for manifest in manifests(documented(root, "ClusterRole")):
        kube.apply(manifest)
    (folder / "token").write_text(kube.token("falcohost", "falcohost"))
    return Config(
        host="127.0.0.1",
        port=kube.port,
        token=str(folder / "token"),
        authority=str(kube.folder / "ca.crt"),
        node=NODE,
    )
