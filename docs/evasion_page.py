"""Writes docs/evasion.md from the tables of techniques.

script/evasion runs it after all techniques gave the results in the tables.
plugins/syscall/tests/test_evasion.py compares, so the page is never out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "evasion.md"

sys.path.insert(0, str(ROOT / "plugins" / "syscall" / "tester"))

from evasion.technique import MATURITY, Group, Technique  # noqa: E402
from evasion.techniques import GROUPS  # noqa: E402

INTRODUCTION = """# Evasion: what is detected, and what is not

Each technique on this page is a small program in `plugins/syscall/tester/evasion`. It does something that rules look
for, in a way that may hide it. Every technique runs against falcohost with two sets of rules: Falco's public rules
(stable, incubating and sandbox, unchanged), and the rules that falcohost ships. The tables name all rules that fire.
"Only the way" means that our rules detect a step towards the action, but not the action itself.

`script/evasion` runs the techniques and writes this page. `plugins/syscall/tests/test_evasion.py` fails if a result
changes.

"An unusual program" means that the rule only looks at programs outside of `/usr`, `/bin`, `/sbin`, `/lib`, `/opt`,
`/snap` and `/nix/store`, where these programs are. The rule does not detect an installed interpreter that does the
same.
"""


HOOKED = """The results are from a kernel without hooks for calls that name a file and leave no descriptor (`rename`,
`mount`, …). On a kernel with these hooks ([0021](decisions/0021-hooks.md)), the following are detected too, measured
with Linux 6.12 of Debian 13:
"""


NOT_TOLD = """## Further ways, and why they are not told

Some 400 further ways were tried with programs that are on every machine. These are told by no rule of the default profile:

| way | why not |
|---|---|
| a copy of a program is started by a descriptor after its name was removed | the kernel names the file as before, and launchers start programs by descriptors |
| a script lies in a file system in memory that was mounted elsewhere | the program is the shell, and where its script lies is not known; in `/dev/shm` it is told |
| a copy of the dynamic linker that was made on another machine | a file like any other; copying the machine's own is told, and so is a hard link to it |
| `LD_LIBRARY_PATH`, `PYTHONPATH`, `PERL5DB`, `LUA_INIT`, `NODE_PATH`, `GIT_EXEC_PATH`, `LOCPATH` and the like in `/tmp` | builds, AppImages and programs that unpack themselves set them all day; in `/dev/shm` all are told, in `/var/tmp` all but `PYTHONPATH` and `PERL5LIB` |
| `LD_PRELOAD` of a library in `/srv`, `/home` and the like | allocators and applications with libraries of their own lie there; programs that check passwords are told |
| a shell led to the host of its virtual machine (`AF_VSOCK`) | such a socket has no type here, like many descriptors that are none |
| a hidden program below `/tmp/.mount_*` that nobody may write, not even root | AppImages are mounted there for reading only; one that can be written is told |
| a library with a plain name behind a link in an installed folder, or `LD_PRELOAD` without a slash | the name says nothing of where the library lies |
| `bash <(command)` by an administrator | installers are documented so; a rule of the profile `wide` tells |
| a web application's shell (`sh -c` below PHP, Apache, gunicorn …) | many applications do so all day; a rule of the profile `wide` tells. Servers that have no use for a shell are told |
| credentials of tasks and pods at 169.254.170.2 and 169.254.170.23 | every program in such a container asks there, as it should |
| the system's D-Bus, or systemd's own socket, from inside a container | images with a systemd of their own do so |
| namespaces of users made by root outside of containers | root has all that they give |
| times of files set back (`touch -r`), parts of logs cut out (`fallocate`) | builds and archivers set times; the second call is not collected, and opening a text log other than to append is told |
| a watcher ended by kill(2) with its number | the event has the number, not who it was; `pkill`, `killall` and `systemctl stop` are told by their arguments |
| devices allowed to a cgroup (`devices.allow`), `kernel.yama.ptrace_scope` lowered | container runtimes do the first at each start, developers the second |
| `mount -o remount,exec` of a temporary folder | containers and sandboxes do so at their start |
| `/proc/keys`, `passwd -S` and other questions that give no secret | hardly a step towards anything |
| Python or Perl reads its code from `/dev/shm` itself (`exec(open(…))`, `-m` there) | Python's own libraries keep files there; being started with such a file is told, and shells that read one |
| a private key is read by `ssh-keygen -p`, or a shell's history is switched off by `HISTFILE=/dev/null` | the first is what it is for; images set the second |
| `ps e` shows environments | so do administrators look; other tools that read them in /proc are told |
| a tunnel by `ssh -R`, or by `/dev/net/tun` | the network's own tools and VPNs; ports of other services are told |
| start-up files of editors and terminals (`.vimrc`, `.tmux.conf`) | people write them all day; those of sessions, mail and debuggers are told |
| a disk that lies under a device mapper's | `dmsetup` does not open it; reading `/dev/dm-*` by a tool for bytes is told |
"""  # noqa: E501


def page() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, summary(), HOOKED, hooked(), *(section(group) for group in GROUPS), NOT_TOLD])


def summary() -> str:
    """Return the table of counts."""
    rows = [
        "| | techniques | detected by public rules | by stable ones | by ours | only the way | not detected |",
        "|---|---|---|---|---|---|---|",
    ]
    for group in GROUPS:
        rows.append(f"| {group.title} | {counts(group.techniques.values())} |")
    rows.append(f"| all | {counts(technique for group in GROUPS for technique in group.techniques.values())} |")
    return "\n".join(rows) + "\n"


def hooked() -> str:
    """Return the list of techniques that are detected on kernels with hooks."""
    techniques = [item for group in GROUPS for item in group.techniques.items() if item[1].hooked]
    return "".join(f"- `{name}`: {', '.join(technique.hooked)}\n" for name, technique in techniques)


def counts(techniques: Iterable[Technique]) -> str:
    """Return the cells of a row: how many techniques there are, and how many of them each set of rules detects."""
    seen = [technique.seen for technique in techniques]
    numbers = (
        len(seen),
        sum(bool(each.public) for each in seen),
        sum(any(MATURITY[rule] == "stable" for rule in each.public) for each in seen),
        sum(bool(each.own) and not each.way for each in seen),
        sum(each.way for each in seen),
        sum(not each.public and not each.own for each in seen),
    )
    return " | ".join(str(number) for number in numbers)


def section(group: Group) -> str:
    """Return a group's heading and table."""
    rows = ["| technique | what it does | public rules | our rules | how, or why not |", "|---|---|---|---|---|"]
    for name, (does, seen, *_) in group.techniques.items():
        public = ", ".join(with_maturity(seen.public)) or "no"
        own = ", ".join(seen.own) + (" (only the way)" if seen.way else "") or "no"
        rows.append(f"| `{name}` | {does} | {public} | {own} | {seen.how} |")
    return f"## {group.title}\n\n{group.about}\n\n" + "\n".join(rows) + "\n"


def with_maturity(rules: Iterable[str]) -> Iterator[str]:
    """Yield names of public rules with their maturity, if that is not stable."""
    for rule in rules:
        yield rule if MATURITY[rule] == "stable" else f"{rule} ({MATURITY[rule]})"


if __name__ == "__main__":
    PAGE.write_text(page())
