"""Builds the images of processes from records."""

from __future__ import annotations

from falcohost_syscall.processes.procfs import SNAP
from falcohost_syscall.processes.table import Image, Session
from falcohost_syscall.records.record import EXECED


def executed_image(data: bytes, args: bytes, env: bytes | None, exepath: bytes, filename: bytes, ts: int) -> Image:
    """Return the image in an exec record; *data* is its ``struct execed``."""
    image = Image(args, env, exepath, ts)
    image.filename = filename
    if not data:
        image.args_cut = len(args) >= SNAP
        return image
    facts = EXECED.unpack_from(data)
    image.args_cut = len(args) < facts[13] or (not facts[13] and len(args) >= SNAP)
    image.env_cut = env is not None and len(env) < facts[14]
    image.ino, image.ctime, image.mtime, image.pidns_start = facts[:4]
    image.caps = facts[4:6]
    image.exe_flags = facts[11]
    image.privileged = bool(facts[12])
    return image


def executed_session(data: bytes) -> Session:
    """Return the ids of session and groups and the terminal in an exec record's ``struct execed``."""
    facts = EXECED.unpack_from(data)
    return facts[6], facts[7], facts[8], facts[9], facts[10]
