"""A small image for tests with real container runtimes: busybox under a few names, from this machine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

#: The image's name, and what it is made of.
IMAGE: Final = "localhost/falcohost/test:1"
BUSYBOX: Final = Path("/bin/busybox")
_NAMES: Final = ("sh", "cat", "sleep")
_NONE: Final[Mapping[str, bytes]] = MappingProxyType({})


def write_image(path: Path, name: str = IMAGE, command: Sequence[str] = (), files: Mapping[str, bytes] = _NONE) -> None:
    """Write an image as ``docker save`` writes one, which containerd and podman read; *command* is what it runs.

    *files* are further ones, by their paths without the first slash.
    """
    root = root_file_system(files)
    digest = hashlib.sha256(root).hexdigest()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    file_system = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    about = {"architecture": machine, "os": "linux", "config": {"Cmd": list(command)} if command else {}}
    config = json.dumps({**about, "rootfs": file_system}).encode()
    file = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": file, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        _add(tar, file, config)
        _add(tar, f"{digest}/layer.tar", root)
        _add(tar, "manifest.json", manifest)


def root_file_system(files: Mapping[str, bytes] = _NONE) -> bytes:
    """Return a root file system as a tar: busybox, a file of users, and *files*."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        _add(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for file, data in {"etc/passwd": b"root:x:0:0:root:/:/bin/sh\n", **files}.items():
            _add(tar, file, data)
        for name in _NAMES:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return content.getvalue()


def is_static() -> bool:
    """Return whether busybox runs without the libraries of this machine."""
    return b"ld-linux" not in BUSYBOX.read_bytes()[:4096]


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    file = tarfile.TarInfo(name)
    file.size, file.mode = len(data), mode
    tar.addfile(file, io.BytesIO(data))
