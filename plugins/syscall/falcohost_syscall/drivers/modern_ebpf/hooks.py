"""Finds the kernel's functions, mostly hooks for security modules, where the probe learns which files a call is about.

Not every kernel allows programs at its functions; see docs/decisions/0021-hooks.md.
"""

from __future__ import annotations

from typing import Final

from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.programs import Kernel

HOOKS: Final = frozenset(
    {
        *(
            "inode_setxattr",
            "move_mount",
            "path_chmod",
            "path_chown",
            "path_link",
            "path_mkdir",
            "path_mknod",
            "path_rename",
        ),
        *("path_rmdir", "path_symlink", "path_truncate", "path_unlink", "sb_mount", "sb_pivotroot", "sb_umount"),
    }
)
"""The programs, named as the kernel's functions without ``security_``."""
ATTRIBUTE: Final = "inode_setxattr"
"""The hook that has the kernel's own copy of an attribute's name."""
INSTALLS: Final = "fd_install"
"""The program at the kernel's function that puts a file behind a new descriptor, named as the function."""
REQUESTS: Final = frozenset({"io_linkat", "io_mkdirat", "io_renameat", "io_symlinkat", "io_unlinkat"})
"""The programs that tell which io_uring request a thread performs, named as the kernel's functions."""


def find(kernel: Kernel) -> frozenset[str]:
    """Return the hooks and the other functions that programs can be attached to."""
    functions = {f"security_{hook}": hook for hook in HOOKS} | {name: name for name in (INSTALLS, *REQUESTS)}
    return frozenset(functions[name] for name in kernel.enterable(functions))


def prepare(probe: Object, hooks: frozenset[str], cpus: int) -> None:
    """Enable the programs of these *hooks* in *probe*, which is not loaded yet."""
    for hook in hooks:
        probe.take_in(hook)
    if hooks:
        probe.resize("hook_scratches", cpus)
    else:
        probe.resize("reached", 1)
