"""Says at which bytes members of the kernel's structures lie, from the types that the running kernel describes (BTF).

A kernel without BTF has these from its headers; :func:`defines` then leaves it to the compiler. Where both are there,
the kernel itself counts: headers may be those of another build.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from falcohost_syscall.kernel.btf import Types

#: What the program reads, as structure and member. Some kernels lack a member, or call it otherwise.
MEMBERS: Final = """
    task_struct: mm real_parent tgid group_leader cred files fs signal thread_pid thread_info loginuid exit_code seccomp
    thread_info: status
    mm_struct: arg_start arg_end env_start env_end exe_file
    cred: euid egid cap_inheritable cap_permitted cap_effective cap_bset
    signal_struct: rlim tty pids
    tty_struct: driver index
    tty_driver: major minor_start
    files_struct: fdt
    fdtable: fd max_fds
    file: f_inode f_path f_mode private_data
    inode: i_ino i_mode i_sb
    super_block: s_dev s_magic
    dentry: d_parent d_name d_inode d_sb
    vfsmount: mnt_root
    fs_struct: root
    socket: sk
    sock_common: skc_family skc_num skc_dport skc_daddr skc_rcv_saddr skc_v6_daddr skc_v6_rcv_saddr
    pid: level numbers
    upid: ns
    pid_namespace: child_reaper
"""
_SINCE: Final = "LINUX_VERSION_CODE >= KERNEL_VERSION(4, {}, 0)"
#: Members that old kernels have elsewhere, or call otherwise: the first 4.x as ours, and where they are before.
_FORMER: Final = {
    ("task_struct", "thread_pid"): (19, "offsetof(struct task_struct, pids[0].pid)"),
    ("signal_struct", "pids"): (19, "offsetof(struct signal_struct, leader_pid)"),
    ("thread_info", "status"): (
        16,
        "(offsetof(struct task_struct, thread.status) - offsetof(struct task_struct, thread_info))",
    ),
}
#: Structures whose sizes are told, too.
_SIZED: Final = ("upid", "inode")


def members() -> dict[str, tuple[str, ...]]:
    """Return the names of the members that are read, by their structure."""
    lines = (line.strip().split(": ") for line in MEMBERS.strip().splitlines())
    return {name: tuple(rest.split()) for name, rest in lines}


def from_headers() -> str:
    """Return lines of C that have the compiler look where members lie."""
    lines = [f"#define SIZE_{name} sizeof(struct {name})" for name in _SIZED]
    lines.append(f"#define HAS_SIGNAL_PIDS ({_SINCE.format(19)})")
    for structure, names in members().items():
        for name in names:
            begin = f"#define AT_{structure}__{name}"
            line = f"{begin} offsetof(struct {structure}, {name})"
            former = _FORMER.get((structure, name))
            if former is None:
                lines.append(line)
            else:
                since, there = former
                lines += [f"#if {_SINCE.format(since)}", line, "#else", f"{begin} {there}", "#endif"]
    return "\n".join(lines)


def from_kernel(path: Path) -> str | None:
    """Return lines of C with the places of all members, from the BTF in the file *path*; None if it lacks one."""
    try:
        types = Types(path.read_bytes())
    except (OSError, ValueError):
        return None
    sizes = {name: types.size(name) for name in _SIZED}
    lines = [*(f"#define SIZE_{name} {size}" for name, size in sizes.items()), "#define HAS_SIGNAL_PIDS 1"]
    for structure, names in members().items():
        for name in names:
            place = types.place(structure, name)
            if place is None:
                return None
            lines.append(f"#define AT_{structure}__{name} {place}")
    return None if None in sizes.values() else "\n".join(lines)
