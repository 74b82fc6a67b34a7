"""Other ways of doing what the plugin's rules are about; ``test_own_rules.py`` runs them beside the first ones."""

from __future__ import annotations

import sys

#: Runs the rest of the line by a program that lies where packages put theirs; the folder is seen in the command line.
INSTALLED = "@a private /usr/sbin installed /usr/sbin"
IN_BIN = "@a private /usr/bin installed /usr/bin"

#: For each way its rule and the command line, which conftest says how to read.
MORE = {
    "removed": (
        "Log emptied",
        "@implant private /var folder /var/log made /var/log/auth.log unlink /var/log/auth.log",
    ),
    "set-gid": ("Program given the rights of its owner", "@implant chmod 2755 $tmp/@implant"),
    "behind another library": (
        "Library preloaded from a temporary folder",
        "@a with LD_PRELOAD=/usr/lib/none.so:/tmp/none.so exec @payload noop $tmp",
    ),
    "by conversions of characters": (
        "Library preloaded from a temporary folder",
        "@a with GCONV_PATH=/tmp/x exec @payload noop $tmp",
    ),
    "as a thread for swapping": ("Process poses as a kernel thread", "@miner name kswapd0"),
    "account file written by a container runtime": (
        "Accounts written by hand",
        f"{IN_BIN}/podman folder $tmp/x private /etc made /etc/passwd open write /etc/passwd",
    ),
    "by a program called crontab": (
        "Scheduled job written",
        "@a terminal exec @crontab private /etc folder /etc/cron.d open write /etc/cron.d/update",
    ),
    "below a program called dpkg": (
        "Service unit written",
        "@dpkg private /etc folder /etc/systemd/system child open write /etc/systemd/system/x.service",
    ),
    "by a program called visudo": ("Rules of sudo changed", "@visudo private /etc open write /etc/sudoers"),
    "by a program called useradd": ("Accounts written by hand", "@useradd private /etc open write /etc/shadow"),
    "by an installed program with another name": (
        "Password hashes read under a borrowed name",
        "@a private /usr/sbin folder /usr/sbin/x installed /usr/sbin/x/sshd folder $tmp/x open read /etc/shadow",
    ),
    "led there": (
        "File that decides put in place",
        "@implant private /etc folder /etc/sudoers.d symlink /tmp/x /etc/sudoers.d/y",
    ),
    "mounted there": (
        "File that decides put in place",
        "@implant private /etc folder /etc/profile.d mount tmpfs /etc/profile.d tmpfs",
    ),
    "by an audit library": (
        "Library preloaded from a temporary folder",
        "@a with LD_AUDIT=/tmp/none.so exec @payload noop $tmp",
    ),
    "by a relative path": (
        "Library preloaded from a temporary folder",
        "@a with LD_PRELOAD=./none.so exec @payload noop $tmp",
    ),
    "of another cloud": (
        "Cloud credentials fetched from inside a container",
        "@runc cgroup $cgroup exec @thief network 100.100.100.200 connect 100.100.100.200 80",
    ),
    "in a container": ("Interpreter led to a network connection", "@runc cgroup $cgroup exec @perl redirect 0"),
    "removed by unlinkat": ("Shell history wiped", "@implant made $tmp/.zsh_history unlinkat $tmp .zsh_history"),
    "emptied": ("Shell history wiped", "@implant open truncate $tmp/.bash_history"),
    "led to nothing": ("Shell history wiped", "@implant symlink /dev/null $tmp/.bash_history"),
    "by descriptor": ("Program given the rights of its owner", "@implant fchmod 4755 $tmp/@implant"),
    "by its file": ("Process poses as a kernel thread", f"{INSTALLED}/criu folder $tmp/x name-by-file"),
    "by the name at start": ("Process poses as a kernel thread", "@miner exec-as @miner [kworker/0:1] noop $tmp/x"),
    "setuid": ("Attempt to become root refused", "@exploit as 65534 become setuid 0"),
    "setreuid": ("Attempt to become root refused", "@exploit as 65534 become setreuid 0"),
    "renamed from a folder": ("Account file replaced", "@implant write-rename-relative"),
    "mounted by a tree": ("Account file replaced", f"{IN_BIN}/k3s folder $tmp/x write-tree-over-linked"),
    "mounted by a link": ("Account file replaced", "@k3s write-mount-over-linked"),
    "a disk by another name": ("Disk mounted inside a container", "@runc cgroup $cgroup exec @escape disk-other-name"),
    "a disk by newer calls": ("Disk mounted inside a container", "@runc cgroup $cgroup exec @escape disk-new-calls"),
    "by a link to the host": (
        "Root directory moved to the host from a container",
        "@runc cgroup $cgroup exec @escape host-root-symlink",
    ),
    "exchanged": ("Account file replaced", "@implant write-exchange"),
    "linked": ("Account file replaced", "@implant write-link"),
    "led elsewhere": ("Account file replaced", "@implant write-symlink-in-place"),
    "linked from no name": ("Account file replaced", "@implant write-unnamed"),
    "created": ("Account file replaced", "@implant write-create"),
    "cut off": ("Account file replaced", "@implant write-truncate"),
    "renamed to be read": ("Account file replaced", "@thief read-renamed-file"),
    "from memory as runc": ("Program run from memory", "@loader exec-memory-as-runc @payload"),
    "by a descriptor": ("Program started from shared memory", "@loader exec-proc-descriptor $shm/@dropped"),
    "read": ("Memory of another process reached by a call", "@thief memory-read"),
    "by clone3": ("User namespace made for a child", "@exploit as 65534 user-namespace-clone3"),
    "by mknod": ("Program made with the rights of its owner", "@implant setuid-mknod"),
    "over a layer": ("Folder shown elsewhere by a program that is not installed", "@thief read-overlay"),
    "by the device": ("Page faults handled by an unusual program", "@exploit faults-by-device"),
    "sent to": (
        "Cloud credentials fetched from inside a container",
        "@runc cgroup $cgroup exec @thief network 169.254.169.254 datagram 169.254.169.254",
    ),
    "a copy that is edited": ("Password hashes read", "@thief read-edited"),
    "for an empty cgroup": ("Kernel told to run a program", "@escape agent-file"),
    "by creat": ("Program made with the rights of its owner", "@implant setuid-create"),
    "without a name": ("Program made with the rights of its owner", "@implant setuid-unnamed"),
    "by setxattrat": ("Program given capabilities", "@implant file-capability-at"),
    "by a ring": ("Program given capabilities", f"{IN_BIN}/node folder $tmp/x file-capability-ring"),
    "from its start": ("Process traced by a program that is not installed", "@thief read-traced"),
    "by a file": (
        "Places in programs or the kernel watched by a program that is not installed",
        "@sniffer probes-file",
    ),
    "for a child": ("Cgroup left from inside a container", "@runc cgroup $cgroup exec @escape cgroup-clone"),
    "named by the newer calls": (
        "Older cgroups mounted inside a container",
        "@runc cgroup $cgroup exec @escape agent-new-calls",
    ),
    "in memory": ("Kernel module loaded by an unusual program", "@rootkit module init"),
    "a script of a shell": (
        "Program in shared memory handed to another",
        f"{IN_BIN}/dash folder $tmp/x installed /usr/bin/bash $shm/x noop",
    ),
    "by cron in a container": (
        "Scheduled job written",
        "@runc cgroup $cgroup exec @implant private /var folder /var/spool/cron open write /var/spool/cron/root",
    ),
    "with the set-gid bit by mknod": (
        "Program made with the rights of its owner",
        f"{sys.executable} -c __import__('os').mknod('$tmp/x',0o102755)",
    ),
    "behind another library, in /var/tmp": (
        "Library preloaded from a temporary folder",
        "@a with LD_PRELOAD=/usr/lib/none.so:/var/tmp/none.so exec @payload noop $tmp",
    ),
    "by dots": (
        "Library preloaded from a temporary folder",
        "@a with LD_PRELOAD=/usr/../tmp/none.so exec @payload noop $tmp",
    ),
    "by the folder of its libraries": (
        "Library preloaded from a temporary folder",
        "@a with LD_LIBRARY_PATH=/dev/shm/x exec @payload noop $tmp",
    ),
    "by Python's modules": (
        "Library preloaded from a temporary folder",
        "@a with PYTHONPATH=/dev/shm/x exec @payload noop $tmp",
    ),
    "by Perl's modules": (
        "Library preloaded from a temporary folder",
        "@a with PERL5LIB=/dev/shm/x exec @payload noop $tmp",
    ),
    "the machine's own": (
        "Private SSH key read",
        "@thief private /etc folder /etc/ssh made /etc/ssh/ssh_host_x_key open read /etc/ssh/ssh_host_x_key",
    ),
    "to perl behind an option": (
        "Program in shared memory handed to another",
        "@loader made $shm/x run /usr/bin/perl -w $shm/x",
    ),
    "from Oracle's cloud": (
        "Cloud credentials fetched from inside a container",
        "@runc cgroup $cgroup exec @thief network 192.0.0.192 connect 192.0.0.192 80",
    ),
    "for the power button": (
        "File that starts a program by itself written",
        "@implant private /etc folder /etc/acpi open write /etc/acpi/x",
    ),
    "as bash reads a pipe": ("Script without a name started", "@loader run /bin/bash /dev/fd/0 $tmp/x"),
}

#: Harmless lines beside the twins, which fire nothing.
QUIET = {
    "a log of its own": "@tool open truncate $tmp/error.log",
    "its own environment": "@tool open read /proc/self/environ",
    "that of its own thread": "@tool open read /proc/thread-self/environ",
    "an account file of an image": f"{IN_BIN}/podman folder $tmp/containers/storage/etc "
    "made $tmp/containers/storage/etc/passwd chroot $tmp/containers/storage open write /etc/passwd",
    "a machine's key in a backup": f"{IN_BIN}/tar folder $tmp/x private /etc folder /etc/ssh "
    "made /etc/ssh/ssh_host_x_key open read /etc/ssh/ssh_host_x_key",
    "a machine's public key": "@tool private /etc folder /etc/ssh made /etc/ssh/ssh_host_x_key.pub open read "
    "/etc/ssh/ssh_host_x_key.pub",
    "a file in shared memory that is told to a script": "@loader run /usr/bin/perl -e 1 $shm/x",
    "what sshd tries at each login": f"{INSTALLED}/sshd folder $tmp/x as 65534 become setuid 0",
}
