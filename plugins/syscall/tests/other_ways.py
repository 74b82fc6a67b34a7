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
    "as if it were of an image that is mounted": (
        "Hidden program started",
        "@a private /tmp folder /tmp/.mount_x installed /tmp/.mount_x/y noop $tmp/x",
    ),
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
    "created": ("Accounts written by hand", "@implant write-create"),
    "a job created": (
        "Scheduled job written",
        "@implant private /etc folder /etc/cron.d creat /etc/cron.d/x",
    ),
    "keys created": ("SSH keys of an account changed", "@implant folder $tmp/.ssh creat $tmp/.ssh/authorized_keys"),
    "a key by handle": (
        "Private SSH key read",
        "@thief folder $tmp/.ssh made $tmp/.ssh/id_ed25519 handle $tmp/.ssh/id_ed25519",
    ),
    "created anew": ("Shell history wiped", "@implant creat $tmp/.bash_history"),
    "renamed away": ("Shell history wiped", "@implant made $tmp/.bash_history rename $tmp/.bash_history $tmp/x"),
    "renamed over": ("Shell history wiped", "@implant made $tmp/x rename $tmp/x $tmp/.bash_history"),
    "the folder of keys renamed": (
        "SSH keys of an account put in place",
        "@implant folder $tmp/x rename $tmp/x $tmp/.ssh",
    ),
    "the folder of keys covered": (
        "SSH keys of an account put in place",
        "@implant private $tmp folder $tmp/.ssh mount tmpfs $tmp/.ssh tmpfs",
    ),
    "by a tool": (
        "Environment of another process read by a program that is not installed",
        f"{IN_BIN}/cat folder $tmp/x open read /proc/$here/environ",
    ),
    **{
        f"by {way}": ("Library preloaded from a temporary folder", f"@a with {value} exec @payload noop $tmp")
        for way, value in {
            "a hidden library": "LD_PRELOAD=/usr/lib/.none.so",
            "a relative folder": "LD_PRELOAD=x/none.so",
            "a second audit library": "LD_AUDIT=/usr/lib/none.so:/tmp/none.so",
            "a library in /var/tmp": "LD_LIBRARY_PATH=/var/tmp/x",
            "an option of Perl": "PERL5OPT=-I/var/tmp/x",
            "an option of Ruby": "RUBYOPT=-r/var/tmp/x",
            "an option of Node": "NODE_OPTIONS=--require=/dev/shm/x",
            "an option of Java": "JAVA_TOOL_OPTIONS=-javaagent:/dev/shm/x",
            "a start of Python": "PYTHONSTARTUP=/dev/shm/x",
            "settings of OpenSSL": "OPENSSL_CONF=/dev/shm/x",
            "a start of a shell": "ENV=/dev/shm/x",
            "a whole folder of engines": "OPENSSL_ENGINES=/dev/shm",
            "Perl's debugger": "PERL5DB=BEGIN{do'/dev/shm/x'}",
            "a start of Lua": "LUA_INIT=dofile'/dev/shm/x.lua'",
            "a start of one version of Lua": "LUA_INIT_5_4=dofile'/dev/shm/x.lua'",
            "modules of Lua": "LUA_PATH=;;/dev/shm/?.lua",
            "libraries of Lua": "LUA_CPATH=;;/var/tmp/?.so",
            "modules of Node": "NODE_PATH=/dev/shm",
            "Git's programs": "GIT_EXEC_PATH=/var/tmp/x",
            "a user's modules of Python": "PYTHONUSERBASE=/dev/shm",
            "languages": "LOCPATH=/dev/shm",
        }.items()
    },
    "a module from elsewhere": (
        "Kernel module loaded by an unusual program",
        f"{IN_BIN}/kmod folder $tmp/x made $tmp/x.ko module-of $tmp/x.ko",
    ),
    "by ICMP": ("Raw network traffic opened by an unusual program", "@sniffer socket icmp"),
    "from Azure": (
        "Cloud credentials fetched from inside a container",
        "@runc cgroup $cgroup exec @thief network 168.63.129.16 connect 168.63.129.16 80",
    ),
    "by an interpreter": (
        "Process traced by a program that is not installed",
        f"{IN_BIN}/python3 folder $tmp/x trace-attach",
    ),
    "a disk beyond those that are listed": (
        "Memory or disk read as bytes",
        f"{IN_BIN}/dd folder $tmp/x private /dev made /dev/sdz open read /dev/sdz",
    ),
    "by a pattern": ("Keys and passwords searched for", "@a run @locate noop id_*"),
    "by another tool": ("Keys and passwords searched for", "@a run @program noop -name id_rsa"),
    "by awk": ("Program handed to the network", "@a run @gawk noop /inet/tcp/0/192.0.2.1/22"),
    "in a line of code": (
        "Program handed to the network",
        f"{IN_BIN}/python3 folder $tmp/socket-subprocess",
    ),
    "at a time": ("Jobs of cron read or changed without a terminal", "@a run @at noop"),
    "by a timer": ("Jobs of cron read or changed without a terminal", "@a run @systemd-run noop --on-calendar=daily"),
    "overwritten": (
        "Log emptied",
        "@implant private /var folder /var/log made /var/log/auth.log open write /var/log/auth.log",
    ),
    "replaced": (
        "Log emptied",
        "@implant private /var folder /var/log made /var/log/x rename /var/log/x /var/log/auth.log",
    ),
    "a journal removed": (
        "Log emptied",
        "@implant private /var folder /var/log/journal/x made /var/log/journal/x/a.journal "
        "unlink /var/log/journal/x/a.journal",
    ),
    "covered": ("Log emptied", "@implant private /var folder /var/log mount tmpfs /var/log tmpfs"),
    "as root in a container": (
        "User namespace made by an unusual program",
        "@runc cgroup $cgroup exec @exploit unshare user",
    ),
    "by curl": (
        "File with credentials read by a tool",
        f"{IN_BIN}/curl folder $tmp/.kube made $tmp/.kube/config open read $tmp/.kube/config",
    ),
    "by a group": ("Account made an administrator", "@a run @gpasswd noop -a x wheel"),
    "by its long option": (
        "Account with root's number made",
        "@a run /usr/sbin/usermod --uid 0 --non-unique --help $tmp/x",
    ),
    "by a signal": ("Watcher stopped by a command", "@a run @killall noop -9 rsyslogd"),
    "by nft": ("Filter of packets emptied", f"{IN_BIN}/nft folder $tmp/x exec @iptables noop -t nat --flush"),
    "of the journal": ("Traces removed by a tool", "@a run @journalctl noop --vacuum-time=1s"),
    "hidden among programs": (
        "Program started from where none are",
        "@a private /usr/bin folder /usr/bin/.x child installed /usr/bin/.x/y folder $tmp/x",
    ),
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
    "a loop device": f"{IN_BIN}/dd folder $tmp/x private /dev made /dev/loop0 open read /dev/loop0",
    "a logger that opens its file anew": "@a run @killall noop -HUP rsyslogd",
    "a journal that is cut to a size": "@a run @journalctl noop --vacuum-size=500M",
    "names of Azure": "@runc cgroup $cgroup exec @tool network 168.63.129.16 connect 168.63.129.16 53",
    "libraries of the system": "@a with LD_PRELOAD=libx.so:/usr/lib/none.so exec @payload noop $tmp",
    "a start of a shell at home": "@a with ENV=/root/.kshrc exec @payload noop $tmp",
    "what sshd tries at each login": f"{INSTALLED}/sshd folder $tmp/x as 65534 become setuid 0",
}
