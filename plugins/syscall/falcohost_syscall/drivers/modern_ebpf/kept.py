"""Builds the kernel's context of processes that started before the probe, from their table entries."""

from __future__ import annotations

from falcohost_syscall.processes.boot_clock import is_rounded
from falcohost_syscall.processes.table import Image, Process
from falcohost_syscall.records.record import ARGS_KEPT, EXE_KEPT, EXECED, Execed, Kept, LargeImage

_IMAGE = 2  # the number of the first image: even, and not 0, which stands for none


def kept(process: Process) -> tuple[Kept, LargeImage | None]:
    """Return the ``struct process`` of *process*, marked as already sent, and its texts if they are long."""
    image, parent = process.image, process.parent
    exe, args = image.exepath_raw, image.args_raw
    large = len(exe) > EXE_KEPT or len(args) > ARGS_KEPT
    comm = process.comm.encode(errors="replace")[:15]
    exact = not is_rounded(process.start)
    found = Kept(
        start=process.start if exact else 0,
        exec_ts=image.exec_ts,
        told_of=process.start if exact else 0,
        told_start=0 if parent is None else parent.start,
        seq=_IMAGE,
        told_seq=_IMAGE,
        told_ppid=process.ppid,
        told_sid=process.session[0],
        told_pgid=process.session[1],
        exe_len=len(exe),
        args_len=len(args),
        arg0_len=len(args.split(b"\0", 1)[0][: ARGS_KEPT - 1]),
        comm_len=len(comm),
        known=1,
        has_image=1,
        large=large,
        execed=_execed(image, process),
        comm=comm,
        exe=exe,
        args=args,
    )
    return found, LargeImage(payer=0, payer_kind=0, env_len=0, exe=exe, args=args, env=b"") if large else None


def _execed(image: Image, process: Process) -> bytes:
    sid, pgid, vsid, vpgid, tty = process.session
    permitted, inheritable = image.caps or (0, 0)
    facts = Execed(
        exe_ino=image.ino,
        exe_ctime=image.ctime,
        exe_mtime=image.mtime,
        pidns_start=image.pidns_start,
        caps_permitted=permitted,
        caps_inheritable=inheritable,
        sid=sid,
        pgid=pgid,
        vsid=vsid,
        vpgid=vpgid,
        tty=tty,
        exe_flags=image.exe_flags,
        unconfined=bool(image.privileged),
        args_size=0,
        env_size=0,
    )
    return EXECED.pack(*facts)
