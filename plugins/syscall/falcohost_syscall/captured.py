"""What is recorded after alerts, unless the configuration says otherwise: what is rare and tells what has happened."""

from __future__ import annotations

from typing import Final

from falcohost.recording import Recorded

#: The fields whose data has to be collected so that nothing is missing in a capture.
FIELDS: Final = ("evt.args", "proc.cwd", "proc.env", "proc.sid", "proc.cmdline", "fd.name", "container.id")

_TYPES: Final = (
    *("clone", "clone3", "fork", "vfork", "execve", "execveat", "procexit", "setsid"),
    *("connect", "accept", "accept4", "bind", "listen", "memfd_create"),
    *("setuid", "setgid", "setresuid", "setresgid", "setreuid", "setregid", "capset"),
    *("chroot", "setns", "unshare", "mount", "umount", "umount2", "ptrace", "kill", "bpf"),
    *("process_vm_readv", "process_vm_writev", "init_module", "finit_module", "delete_module"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat"),
    *("mkdir", "mkdirat", "rmdir", "mknod", "mknodat"),
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "lchown", "chdir", "fchdir"),
)
_OPENS: Final = "evt.type in (open, openat, openat2, creat, open_by_handle_at) and evt.is_open_write = true"

CAPTURED: Final = Recorded(
    fields=FIELDS,
    filter=f"evt.type in ({', '.join(_TYPES)}) or ({_OPENS})",
    always=frozenset({"procexit"}),
)
