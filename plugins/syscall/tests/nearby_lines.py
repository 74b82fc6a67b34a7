# ruff: noqa: E501
"""Lines of host rules that come as near as one check: who may, what is refused, what only looks like it, for each part.

``record_rule_tests.py`` runs them beside the lines by other hands and the further ones, and keeps what decides a check
that nothing else does. Lines in containers have what a runtime would say of these beside them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from other_ways import IN_BIN
from tool_lines import LED_TO_THE_NETWORK, LINKER

_SEEN = "folder $tmp/x"
_ETC = "@implant private /etc"
_ETC_SEEN = f"{_SEEN} private /etc"
_SYSTEMD = "@a private /usr/lib/systemd installed /usr/lib/systemd/systemd"
_PACKED = f"@a private /var folder /var/lib/k0s/bin installed /var/lib/k0s/bin/x {_SEEN}"
_EXECUTOR = f"@a root folder /kaniko installed /kaniko/executor {_SEEN}"
_DOCKER = "@runc cgroup $cgroup exec"
_STARTED = "@runc cgroup $cgroup"
_LOG = "@implant private /var folder /var/log"
_COPY = f"{IN_BIN}/runc {_SEEN} child in-memory runc_cloned:/proc/self/exe {_SEEN}"
_BUSYBOX = "private /usr/bin child installed /usr/bin/busybox exec-as /usr/bin/busybox"
_INTERPRETERS = (
    *(f"/usr/bin/{name}" for name in ("perl", "python3", "ruby", "php", "lua", "node")),
    *(f"/usr/local/bin/{name}" for name in ("perl", "python3", "ruby", "php", "node")),
)
_PLACES = ("/bin", "/sbin", "/lib", "/snap", "/nix/store")


def _python(code: str) -> str:
    """Return a line that runs *code*, which has no blanks, in a child, whose parent names the line's folder."""
    return f"{sys.executable} -c (o:=__import__('os'),{code},'$tmp/')"


def _below(line: str, name: str = "bash") -> dict[str, str]:
    """Return lines with *line* below a package manager, its script, and what only looks like one."""
    rest = f"folder $tmp/y child {line}"
    return {
        f"{name} below a package manager": f"{IN_BIN}/dpkg {rest}",
        f"{name} below a script": f"{IN_BIN}/python3 /usr/bin/dnf {rest}",
        f"{name} below another script": f"{IN_BIN}/python3 /srv/x {rest}",
        f"{name} below a program with a script's name": f"@other /usr/bin/dnf {rest}",
    }


def _called(code: str) -> str:
    return _python(f"(c:=__import__('ctypes')),(l:=c.CDLL(None)),{code}")


#: Mounts of its own, which nobody else sees.
_PRIVATE = "l.unshare(0x20000),l.mount(0,b'/',0,0x44000,0),"
#: A line's process as a shell whose input is a pipe with a name.
_FROM_PIPE = "o.mkfifo('{}',0o600),(p:=o.fork()),(o.dup2(o.open('{}',2),{}),o.execv('{}',{}))if(p==0)else(o.wait())"

#: Lines of a rule, by what they do.
NEARBY: Mapping[str, Mapping[str, str]] = {
    "Scheduled job written": {
        "for at": "@implant private /var folder /var/spool/at open write /var/spool/at/x",
    },
    "Service unit written": {
        "below /lib": "@implant root folder /lib/systemd/system open write /lib/systemd/system/x.service",
        "by systemctl": f"{IN_BIN}/systemctl {_ETC_SEEN} folder /etc/systemd/system open write /etc/systemd/system/x.service",
    },
    "SSH keys of an account changed": {
        "by Google's agent": f"{IN_BIN}/google_guest_agent folder $tmp/.ssh open write $tmp/.ssh/authorized_keys",
    },
    "Accounts written by hand": {
        "below a tool for accounts": f"@a private /usr/sbin installed /usr/sbin/useradd {_SEEN} child exec @x {_ETC_SEEN} "
        "open write /etc/shadow",
        "of an image, by a copy of a runtime": f"{_COPY} folder $tmp/containers/storage/etc "
        "made $tmp/containers/storage/etc/passwd chroot $tmp/containers/storage open write /etc/passwd",
        "of an image, by another copy": "@x child in-memory runc_cloned:/proc/self/exe folder $tmp/containers/storage/etc "
        "made $tmp/containers/storage/etc/passwd chroot $tmp/containers/storage open write /etc/passwd",
        "of an image, by another program": f"{IN_BIN}/runc child exec @x folder $tmp/containers/storage/etc "
        "made $tmp/containers/storage/etc/passwd chroot $tmp/containers/storage open write /etc/passwd",
    },
    "Login checks changed": {
        "a module": "@implant private /usr/local folder /usr/local/lib/security open write /usr/local/lib/security/pam_x.so",
        "by authselect": f"{IN_BIN}/authselect {_ETC_SEEN} folder /etc/pam.d open write /etc/pam.d/x",
    },
    "Start-up file of all shells changed": {"by name": f"{_ETC} open write /etc/profile"},
    "Password hashes read": {
        "by an account tool with another name": f"@a private /usr/sbin installed /usr/sbin/chpasswd {_SEEN} "
        "run /usr/bin/cat /etc/shadow",
        "by an account tool": f"@a private /usr/sbin installed /usr/sbin/accounts {_SEEN} open read /etc/shadow",
        "by sudo-rs": f"{IN_BIN}/sudo-rs {_SEEN} open read /etc/shadow",
    },
    "Private SSH key read": {
        "by ssh": f"{IN_BIN}/ssh folder $tmp/.ssh made $tmp/.ssh/id_x open read $tmp/.ssh/id_x",
        "the machine's, by tar": f"{IN_BIN}/tar {_ETC_SEEN} folder /etc/ssh made /etc/ssh/ssh_host_x open read "
        "/etc/ssh/ssh_host_x",
    },
    "Program given the rights of its owner": {
        "of its group, for nobody": "@implant chmod 2644 $tmp/@implant",
        "of its group, which may write": "@implant chmod 2775 $tmp/@implant",
    },
    "Shell history wiped": {
        "only as a path": "@implant made $tmp/.bash_history open path-truncate $tmp/.bash_history",
        "elsewhere": "@implant made $tmp/x unlinkat $tmp x",
        "led elsewhere": "@implant symlink /dev/zero $tmp/.bash_history",
        "another led nowhere": "@implant symlink /dev/null $tmp/x",
        "by Python": f"{IN_BIN}/python3 folder $tmp/x open truncate $tmp/x/.python_history",
        "another's by Python": f"{IN_BIN}/python3 folder $tmp/x open truncate $tmp/x/.bash_history",
        "Python's by another": f"{IN_BIN}/x folder $tmp/x open truncate $tmp/x/.python_history",
        "without the right": "@implant made $tmp/.bash_history as 65534 open truncate $tmp/.bash_history",
        "removed without the right": "@implant made $tmp/.bash_history as 65534 unlink $tmp/.bash_history",
    },
    "Settings of the agent changed": {
        "a folder moved": f"{_ETC} folder /etc/falcohost rename /etc/falcohost /etc/x",
        "all caches moved": "@implant private /var folder /var/cache rename /var/cache /var/x",
        "by falcoctl": f"{IN_BIN}/falcoctl {_ETC_SEEN} folder /etc/falco open write /etc/falco/x",
        "an attribute of it": _python(
            "o.makedirs('/var/cache/falcohost',exist_ok=True),(f:=open('/var/cache/falcohost/nearby','w')),"
            "o.setxattr(f.name,'user.x',b'x'),o.unlink(f.name)"
        ),
        "by a cut": _python(
            "o.makedirs('/var/cache/falcohost',exist_ok=True),(f:=open('/var/cache/falcohost/nearby','w')),"
            "o.truncate(f.name,0),o.unlink(f.name)"
        ),
    },
    "Service account ran a program from a temporary folder": {
        **{
            f"in {folder}": f"@server private {folder} installed {folder}/x {_SEEN} as 1 child exec {folder}/x noop $tmp/x"
            for folder in ("/var/tmp", "/run/user")
        },
        "as APT's account": "@server private /tmp installed /tmp/apt.x as 42 child exec /tmp/apt.x noop $tmp/x",
        "as APT's account, another": "@server private /tmp installed /tmp/x as 42 child exec /tmp/x noop $tmp/x",
        "as another account": "@server private /tmp installed /tmp/apt.x as 1 child exec /tmp/apt.x noop $tmp/x",
    },
    "Hidden program started": {
        **{
            f"in {folder}": f"@a private {folder} folder {folder}/.x installed {folder}/.x/y {_SEEN}"
            for folder in ("/var/tmp", "/dev/shm", "/run/user")
        },
        "as of an image that is mounted": "@a private /tmp folder /tmp/.mount_x installed /tmp/.mount_x/y noop $tmp/x",
        "of an image that is mounted": _called(
            f"{_PRIVATE}l.mount(b'x',b'/tmp',b'tmpfs',0,0),o.mkdir('/tmp/.mount_x'),"
            "o.system('cp${IFS}/bin/true${IFS}/tmp/.mount_x/y'),l.mount(0,b'/tmp',0,33,0),o.system('/tmp/.mount_x/y')"
        ),
    },
    "Library preloaded from a temporary folder": {
        f"by {name}": f"@a with {name}={value} exec @payload noop $tmp"
        for name, value in {
            "BASH_ENV": "/tmp/x",
            "OPENSSL_ENGINES": "/dev/shm/x",
            "OPENSSL_MODULES": "/dev/shm/x",
            "PYTHONHOME": "/dev/shm/x",
            "RUBYLIB": "/dev/shm/x",
            "LESSOPEN": "/dev/shm/x",
            "PERL5DB": "BEGIN{do'/dev/shm/x'}",
            "LUA_INIT": "dofile'/dev/shm/x'",
            "LUA_INIT_5_4": "dofile'/dev/shm/x'",
            "LUA_PATH": ";;/dev/shm/?.lua",
            "LUA_CPATH": ";;/dev/shm/?.so",
            "NODE_PATH": "/dev/shm",
            "GIT_EXEC_PATH": "/dev/shm",
            "PYTHONUSERBASE": "/dev/shm",
            "LOCPATH": "/dev/shm",
            "PERL5OPT": "-I/var/tmp/x",
            "RUBYOPT": "-r/var/tmp/x",
            "NODE_OPTIONS": "--require=/dev/shm/x",
            "JAVA_TOOL_OPTIONS": "-javaagent:/dev/shm/x",
            "PYTHONSTARTUP": "/dev/shm/x",
            "OPENSSL_CONF": "/dev/shm/x",
            "ENV": "/dev/shm/x",
        }.items()
    },
    "Library loaded into a program that checks passwords": {
        "not": f"@a private /usr/bin child installed /usr/bin/su {_SEEN}",
        "from elsewhere": f"@a private /usr/bin with LD_PRELOAD=/srv/x.so child installed /usr/bin/su {_SEEN}",
        "to audit": f"@a private /usr/bin with LD_AUDIT=/srv/x.so child installed /usr/bin/su {_SEEN}",
        "of the system": f"@a private /usr/bin with LD_PRELOAD=/usr/lib/x.so child installed /usr/bin/su {_SEEN}",
        "into another": f"@a private /usr/bin with LD_PRELOAD=/srv/x.so child installed /usr/bin/x {_SEEN}",
        "and goes on": "@a private /usr/bin with LD_PRELOAD=/srv/x.so child installed /usr/bin/su goes-on $tmp/x",
        "by another account": f"{IN_BIN}/su {_SEEN} as 65534 with LD_PRELOAD=/srv/x.so child exec /usr/bin/su noop $tmp/x",
    },
    "Process poses as a kernel thread": {
        "by its file's name": "@a linked @x $tmp/[kthreadd] run $tmp/[kthreadd] noop $tmp/x",
        "and goes on": "@miner exec-as @miner [kworker/0:1] goes-on $tmp/x",
        "without brackets": "@miner exec-as @miner kworker/0:1 noop $tmp/x",
        "asks for its name": _called("l.prctl(16,c.create_string_buffer(b'kworker/1'))"),
    },
    "Memory of a process opened for writing": {"by a debugger": f"{IN_BIN}/gdb {_SEEN} open write /proc/self/mem"},
    "Attempt to become root refused": {
        "allowed": "@exploit become setuid 0",
        "allowed by the other call": "@exploit become setresuid 0",
        "another account": "@exploit as 65534 become setuid 33",
        "another account by the other call": "@exploit as 65534 become setresuid 33",
    },
    "User namespace made by an unusual program": {
        "by root": "@exploit unshare user",
        "refused": _called("o.chroot('$tmp'),l.unshare(0x10000000)"),
    },
    "Namespace joined from inside a container": {
        "refused": f"{_DOCKER} @escape as 65534 setns",
        "by ip": f"{_STARTED} private /usr/bin installed /usr/bin/ip {_SEEN} setns",
    },
    "Cgroup left from inside a container": {
        "read": f"{_DOCKER} @escape open read $cgroup/cgroup.procs",
        "without the right": f"{_DOCKER} @escape as 65534 open write $cgroup/cgroup.procs",
        "of another file": f"{_DOCKER} @escape open write $cgroup/cgroup.max.depth",
        "by systemd": f"{_STARTED} private /usr/lib/systemd installed /usr/lib/systemd/systemd {_SEEN} "
        "open write $cgroup/cgroup.procs",
        "of a file with that name": f"{_DOCKER} @escape made $tmp/cgroup.procs open write $tmp/cgroup.procs",
    },
    "Older cgroups mounted inside a container": {
        "by systemd": f"{_STARTED} private /usr/lib/systemd installed /usr/lib/systemd/systemd {_SEEN} agent-mounted",
    },
    "Disk mounted inside a container": {
        "of a user's file system": f"{_DOCKER} @escape private $tmp mount /dev/fuse $tmp fuse",
        "by an iSCSI daemon": f"{_STARTED} private /usr/sbin installed /usr/sbin/iscsid {_SEEN} private $tmp "
        "mount /dev/no-such-disk $tmp ext4",
    },
    "File opened by handle inside a container": {
        "by a file server": f"{_STARTED} private /usr/bin installed /usr/bin/ganesha.nfsd {_SEEN} handle /etc/hostname",
    },
    "Root directory moved to the host from a container": {
        **{
            folder: f"{_DOCKER} @escape root folder {folder}/x private {folder} chroot {folder}"
            for folder in ("/host", "/rootfs")
        },
        **{folder: f"{_DOCKER} @escape private {folder} chroot {folder}" for folder in ("/mnt", "/media")},
        "by an agent": f"{_STARTED} root installed /bin/node_exporter {_SEEN} chroot /proc/self/root",
    },
    "BPF program loaded by an unusual program": {
        "by bpftool": f"@a private /usr/sbin installed /usr/sbin/bpftool {_SEEN} bpf program",
    },
    "Page faults handled by an unusual program": {
        "by another": "@exploit as 65534 faults",
        "by the device, as a path": "@exploit open path /dev/userfaultfd",
        "by the device, without the right": "@exploit as 65534 open read /dev/userfaultfd",
    },
    "Container runtime driven by an unusual program": {
        "a shim": "@escape private /run folder /run/containerd/s connect-unix /run/containerd/s/x",
        "a shim elsewhere": "@escape folder $tmp/containerd-shim connect-unix $tmp/containerd-shim/x",
        "over the network": _python(
            "(s:=__import__('socket').socket()),s.setblocking(0),s.connect_ex(('127.0.0.1',2375))"
        ),
        "over the network, another": _python(
            "(s:=__import__('socket').socket()),s.setblocking(0),s.connect_ex(('127.0.0.1',2374))"
        ),
        "by docker": f"{IN_BIN}/docker {_SEEN} connect-unix $tmp/docker.sock",
    },
    "Raw network traffic opened by an unusual program": {
        **{f"by ICMP, from {folder}": f"@a root installed {folder}/x {_SEEN} socket icmp" for folder in _PLACES},
        "by ICMP, from /usr": f"{IN_BIN}/x {_SEEN} socket icmp",
        "by ICMP, from /opt": f"@a private /opt installed /opt/x {_SEEN} socket icmp",
        "of TCP": _python("__import__('socket').socket(2,3,6)"),
        "of others": _python("__import__('socket').socket(2,3,132)"),
        "of a network, but not raw": _python("__import__('socket').socket(2,2,17)"),
        "without the right": "@sniffer as 65534 socket packet",
        "raw without the right": "@sniffer as 65534 socket icmp",
        "of the older kind": _python("__import__('socket').socket(2,10,768)"),
        "of the older kind, elsewhere": _python("__import__('socket').socket(1,2,0)"),
        "by XDP": _python("__import__('socket').socket(44,3,0)"),
    },
    "Interpreter led to a network connection": {
        "by a program that is not installed": "@x redirect 0",
        **{f"by a program in {folder}": f"@a root installed {folder}/x {_SEEN} redirect 0" for folder in _PLACES},
        "by an installed program": f"{IN_BIN}/x {_SEEN} redirect 0",
        "by a program in /opt": f"@a private /opt installed /opt/x {_SEEN} redirect 0",
        "by a version": f"{IN_BIN}/python3.13 {_SEEN} redirect 0",
        "of no network": "@perl open read /dev/null",
        **{
            f"by a copy of a number{way}": _python(
                f"(s:=__import__('socket').socket(2,{kind})),s.connect(('127.0.0.1',9)),o.close(0),"
                f"__import__('fcntl').fcntl({of},{command},{least})"
            )
            for way, kind, of, command, least in (
                ("", 2, "s.fileno()", 0, 0),
                (", another", 2, "s.fileno()", 0, 9),
                (", asked about", 2, "s.fileno()", 1, 0),
                (", of a file", 2, "1", 0, 0),
            )
        },
    },
    "Cloud credentials fetched from inside a container": {
        "by Amazon's agent": f"{_STARTED} private /usr/bin installed /usr/bin/amazon-ssm-agent {_SEEN} "
        "network 169.254.169.254 connect 169.254.169.254 80",
        "from another address at that port": f"{_DOCKER} @thief network 192.0.2.1 connect 192.0.2.1 80",
    },
    "Protection of the kernel lowered": {
        "by systemd": f"{_SYSTEMD} {_SEEN} open write /proc/sys/kernel/randomize_va_space",
    },
    "Shell started with a network connection as its input": {
        **{
            name: f"{LED_TO_THE_NETWORK}execv(__import__('sys').argv[1],['{name}','goes-on','$tmp/x']) @{name}"
            for name in ("bash", "zsh", "busybox", "ksh", "fish", "other")
        },
        "below systemd": f"{_SYSTEMD} {_SEEN} child exec {LED_TO_THE_NETWORK}execv('/bin/sh',['sh','-c',':','$tmp/'])",
    },
    "Memory of another process read by a program that is not installed": {
        "to write": "@thief open write /proc/$here/mem",
    },
    "Account file opened by handle": {
        "in a container": f"{_DOCKER} @thief handle /etc/passwd",
        "by a file server": f"{IN_BIN}/ganesha.nfsd {_SEEN} handle /etc/passwd",
    },
    "Account file replaced": {
        "without the right": f"{_ETC} folder /etc/x made /etc/x/y made /etc/shadow as 65534 rename /etc/shadow /etc/y",
        "linked by a relative path": f"{_ETC} made /etc/shadow linkat /etc/shadow /etc/y",
        "led there by the other call": f"{_ETC} symlinkat /tmp/x /etc/shadow",
        "led elsewhere by the other call": f"{_ETC} symlinkat /tmp/x /etc/y",
        "below a tool for accounts": f"@a private /usr/sbin installed /usr/sbin/useradd {_SEEN} child exec @x "
        f"{_ETC_SEEN} made /etc/shadow rename /etc/shadow /etc/y",
        "by a tree": f"{IN_BIN}/k3s {_SEEN} write-tree-over",
        "another cut off": _python("open('$tmp/f','w'),o.truncate('$tmp/f',0)"),
    },
    "Program run from memory": {"and goes on": "@loader memory @payload goes-on $tmp/x"},
    "Program started from shared memory": {
        "and goes on": "@a run $shm/@dropped goes-on $tmp/x",
        "at its other place": f"@a private /run folder /run/shm child installed /run/shm/x {_SEEN}",
    },
    "Program started through the dynamic linker": {
        "and goes on": f"@a run {LINKER} $tmp/@payload goes-on $tmp/x",
        "of musl": "@a run @ld-musl-x86_64.so.1 noop $tmp/x",
        "for its help": f"@a run {LINKER} --help $tmp/x",
        "from a snap": "@a root folder /snap/snapd/1/usr/lib/snapd child installed /snap/snapd/1/usr/lib/snapd/x "
        f"{_SEEN} child exec {LINKER} $tmp/@payload noop $tmp/x",
    },
    "Server started an interpreter with a program as argument": {
        "and goes on": "@nginx run /usr/bin/perl -e syscall(272,512);exec('/nowhere$tmp/x')",
    },
    "Shell started in the service of a server": {
        "and goes on": "@worker cgroup $service as 33 run @bash goes-on $tmp/x",
    },
    "Process traced by a program that is not installed": {
        path: f"@a private {path.rpartition('/')[0]} child installed {path} {_SEEN} trace-attach"
        for path in _INTERPRETERS
    },
    "Agent reached through the kernel": {
        "its memory": "@thief open read /proc/$agent/mem",
        "its memory, without the right": "@thief as 65534 open read /proc/$agent/mem",
        "another file of it": "@thief open read /proc/$agent/status",
        "its open files": "@thief open read /proc/$agent/fd/0",
        "a number of it": _python("open('/proc/$agent/fdinfo/0')"),
        "traced": _called("l.ptrace(0x4206,$agent,0,0)"),
        "traced without the right": _called("o.setuid(65534),l.ptrace(0x4206,$agent,0,0)"),
        "asked about": _called("l.ptrace(0x4201,$agent,0,0)"),
        "its memory by a call": _called("(b:=c.create_string_buffer(64)),l.process_vm_readv($agent,b,0,b,0,0)"),
        "its memory by a call, without the right": _called(
            "(b:=c.create_string_buffer(64)),o.setuid(65534),l.process_vm_readv($agent,b,1,b,1,0)"
        ),
        "a descriptor": _called("(p:=o.pidfd_open($agent)),l.syscall(438,p,0,0)"),
        "a descriptor that is not there": _called("(p:=o.pidfd_open($agent)),l.syscall(438,p,99999,0)"),
    },
    "Places in programs or the kernel watched by a program that is not installed": {
        "only as a path": "@sniffer open path-write /sys/kernel/tracing/uprobe_events",
        "without the right": "@sniffer as 65534 open write /sys/kernel/tracing/uprobe_events",
        "read": "@sniffer open read /sys/kernel/tracing/uprobe_events",
        "created": "@sniffer creat $tmp/x/tracing/uprobe_events",
        "another file there": "@sniffer folder $tmp/tracing open write $tmp/tracing/x",
        "such a file elsewhere": "@sniffer open write $tmp/uprobe_events",
        "such a file, created": "@sniffer folder $tmp/tracing creat $tmp/tracing/uprobe_events",
    },
    "User namespace made for a child": {"by root": "@exploit user-namespace-clone"},
    "Attempt to get capabilities refused": {"allowed": "@exploit root-capset"},
    "Program made with the rights of its owner": {
        "that is there": _python("o.umask(0),(f:=o.open('$tmp/f',65,0o4755)),o.open('$tmp/f',65,0o4755)"),
        "without the right": _python("o.umask(0),o.mkdir('$tmp/d',0o755),o.setuid(65534),o.open('$tmp/d/f',65,0o4755)"),
        "by mknod, that is there": _python("o.umask(0),o.mknod('$tmp/f',0o104755),o.mknod('$tmp/f',0o104755)"),
    },
    "Program given capabilities": {
        "another attribute": _python("open('$tmp/f','w'),o.setxattr('$tmp/f','user.x',b'x')"),
    },
    "Device node of a disk made by an unusual program": {
        "without the right": _python("o.setuid(65534),o.mknod('$tmp/f',0o60600,0x700)"),
    },
    "Disk opened by a program that is not installed": {
        "beyond the first": "@thief private /dev made /dev/sdz open read /dev/sdz",
        "a loop device": "@thief private /dev made /dev/loop0 open read /dev/loop0",
        "a later loop device": "@thief private /dev made /dev/loop33 open read /dev/loop33",
        "by an unpacked runtime": f"{_PACKED} private /dev made /dev/sda open read /dev/sda",
    },
    **{
        rule: {"by an unpacked runtime": f"{_PACKED} {command}"}
        for rule, command in {
            "Folder shown elsewhere by a program that is not installed": "write-bound-folder",
            "Mounts changed by the newer calls": "read-detached-tree",
            "Root directory exchanged by a program that is not installed": "read-pivoted",
            "Namespace joined by a program that is not installed": "setns",
        }.items()
    },
    "Root directory changed by a program that is not installed": {
        "by an unpacked runtime": f"{_PACKED} read-chroot",
        "without the right": "@thief as 65534 chroot $tmp",
    },
    "Process renamed through its file": {"of a thread": "@miner open write /proc/thread-self/comm"},
    "Keys and passwords searched for": {
        "by find": "@a linked @tool $tmp/find run $tmp/find noop -name id_rsa",
        "by busybox": "@a private /usr/bin child installed /usr/bin/busybox find $tmp -name id_rsa",
        "by another tool of busybox": "@a private /usr/bin child installed /usr/bin/busybox ls $tmp -name id_rsa",
    },
    "Files overwritten for good": {
        "from a device to a device": "@a run @dd noop if=/dev/zero of=/dev/sdz $tmp/x",
        "from a file to a device": "@a run @dd noop if=/srv/x of=/dev/sdz $tmp/x",
        "from a device to a file": "@a run @dd noop if=/dev/zero of=/srv/x $tmp/x",
        "by another tool": "@a run @tool noop if=/dev/zero of=/dev/sdz $tmp/x",
        "to nowhere": "@a run @dd noop if=/dev/zero of=/dev/null $tmp/x",
    },
    "Program handed to the network": {
        "under another name": "@a linked @nc.openbsd $tmp/tool run $tmp/tool noop -e /bin/sh",
        "by its name": "@a linked @tool $tmp/ncat run $tmp/ncat noop -e /bin/sh",
        "at once": "@a run @ncat -e /bin/sh $tmp/x",
        "by socat": "@a run @socat noop TCP:192.0.2.1:22 EXEC:sh $tmp/x",
        "by awk, and goes on": "@a run @gawk goes-on /inet/tcp/0/192.0.2.1/22 $tmp/x",
        "in a line of code, and goes on": f"{IN_BIN}/python3 goes-on $tmp/socket-subprocess",
        "in a line of code without a connection": f"{IN_BIN}/python3 folder $tmp/subprocess",
        **{
            f"in a line of code of {path}": f"@a private {path.rpartition('/')[0]} child installed {path} "
            "folder $tmp/socket-subprocess"
            for path in _INTERPRETERS
        },
    },
    "Database started a program": {
        "that goes on": "@mysqld run @x goes-on $tmp/x",
        "that is itself": "@mysqld run @mysqld noop $tmp/x",
    },
    "Jobs of cron read or changed without a terminal": {
        "by a timer that is no job": "@a run @systemd-run noop --user $tmp/x",
        "in a container": "@a cgroup $cgroup private /usr/bin child installed /usr/bin/crontab -u www-data $tmp/x",
        "by another account": f"{IN_BIN}/x {_SEEN} private /usr/bin as 33 child installed /usr/bin/crontab -u www-data $tmp/x",
        "of another account": f"{IN_BIN}/x {_SEEN} child exec /usr/bin/crontab -u www-data $tmp/x",
        "of its own": f"{IN_BIN}/x {_SEEN} child exec /usr/bin/crontab -l $tmp/x",
    },
    "C library tuned as exploits do": {
        "by a name that there is not": "@a with GLIBC_TUNABLES=glibc.tune.x=1 run @program noop",
    },
    "Set-uid program started as exploits do": {
        "by its file's name": "@a linked @sudo $tmp/sudoedit run $tmp/sudoedit noop -s x\\",
        "without arguments": _python("o.fork()or(o.execv('$tmp/pkexec',['pkexec']))") + " @pkexec",
    },
    "Program for logins started by a system account": {
        "and goes on": f"{IN_BIN}/su {_SEEN} as 1 exec /usr/bin/su goes-on $tmp/x",
        "below a package manager": f"{IN_BIN}/dpkg {_SEEN} as 1 child private /usr/bin installed /usr/bin/su",
    },
    "SSH used at a port of another service": {
        "by git": "@a run @git child exec @ssh noop -p 443 user@host",
    },
    "Program with a name of the system's": {
        **{f"in {folder}": f"@a root installed {folder}/sha1sum {_SEEN}" for folder in _PLACES},
        "in /opt": f"@a private /opt installed /opt/sha1sum {_SEEN}",
        "beside an unpacked runtime": "@a private /var folder /var/lib/k0s/bin "
        f"child installed /var/lib/k0s/bin/mount {_SEEN}",
    },
    "Folder of programs changed": {
        "by another image builder": f"@a private /usr/local folder /usr/local/bin installed /usr/local/bin/buildkitd {_SEEN} "
        "private /usr/bin open write /usr/bin/y",
        "by mmdebstrap": f"{IN_BIN}/mmdebstrap {_SEEN} private /usr/sbin open write /usr/sbin/y",
        "by systemd": f"{_SYSTEMD} {_SEEN} private /usr/bin open write /usr/bin/y",
        "without the right": "@implant private /usr/bin made /usr/bin/y as 65534 open write /usr/bin/y",
        "a folder without the right": "@implant as 65534 folder /usr/bin/y",
        "linked without the right": "@implant private /usr/bin folder /usr/bin/x made /usr/bin/x/y as 65534 "
        "link /usr/bin/x/y /usr/bin/x/z",
        "renamed without the right": "@implant private /usr/bin folder /usr/bin/x made /usr/bin/x/y as 65534 "
        "rename /usr/bin/x/y /usr/bin/x/z",
    },
    "File of the system written by a program that is not installed": {
        "without the right": f"{_ETC} made /etc/x as 65534 open write /etc/x",
        "in a container": f"{_DOCKER} @implant private /etc open write /etc/x",
        "by a builder": f"{_EXECUTOR} private /etc open write /etc/x",
    },
    "Log emptied": {
        "without the right": "@implant made $tmp/auth.log as 65534 open truncate $tmp/auth.log",
        "only as a path": "@implant made $tmp/auth.log open path-truncate $tmp/auth.log",
        "created": "@implant creat $tmp/auth.log",
        "created where logs are": f"{_LOG} creat /var/log/auth.log",
        "created where logs are, another": f"{_LOG} creat /var/log/access.log",
        "another emptied": "@implant open truncate $tmp/x.log",
        "appended to": f"{_LOG} open append /var/log/auth.log",
        "renamed without the right": f"{_LOG} folder /var/log/audit made /var/log/audit/audit.log as 65534 "
        "rename /var/log/audit/audit.log /var/log/audit/x",
        "removed without the right": f"{_LOG} folder /var/log/audit made /var/log/audit/audit.log as 65534 "
        "unlink /var/log/audit/audit.log",
        "covered below": f"{_LOG} folder /var/log/x mount tmpfs /var/log/x tmpfs",
        "covered without the right": f"{_LOG} as 65534 mount tmpfs /var/log tmpfs",
        "covered by systemd's child": f"{_SYSTEMD} {_SEEN} child exec @x private /var folder /var/log mount tmpfs /var/log tmpfs",
        "covered in a container": f"{_DOCKER} @x private /var folder /var/log mount tmpfs /var/log tmpfs",
        "by systemd": f"{_SYSTEMD} {_SEEN} private /var folder /var/log open truncate /var/log/auth.log",
        **{
            f"covered by a tree {where}": f"{before} private /var folder /var/log/x tree-over {folder}"
            for where, before, folder in (
                ("wholly", "@implant", "/var/log"),
                ("below", "@implant", "/var/log/x"),
                ("elsewhere", "@implant", "/var"),
                ("by systemd's child", f"{_SYSTEMD} {_SEEN} child exec @x", "/var/log"),
                ("in a container", f"{_DOCKER} @x", "/var/log"),
            )
        },
    },
    "Start-up file of a user's shell changed": {
        "of all": f"{_ETC} folder /etc/skel open write /etc/skel/.bashrc",
        "by an editor": f"{IN_BIN}/vim {_SEEN} open write $tmp/.bashrc",
        "without the right": "@implant made $tmp/.bashrc as 65534 open write $tmp/.bashrc",
    },
    "Settings of a user read by a program that is not installed": {
        "without the right": "@thief made $tmp/.bashrc as 65534 open read $tmp/.bashrc",
        "a folder": "@thief folder $tmp/.bashrc open read $tmp/.bashrc",
        "where nobody lives": f"{_ETC} folder /etc/skel made /etc/skel/.bashrc open read /etc/skel/.bashrc",
        "by a builder": f"{_EXECUTOR} made $tmp/.bashrc open read $tmp/.bashrc",
    },
    "Hidden file made in a temporary folder": {
        "without the right": "@implant private /tmp folder /tmp/.falcohost-hidden as 65534 folder /tmp/.falcohost-hidden/x",
        "created": "@implant private /tmp creat /tmp/.falcohost-hidden",
        "only as a path": "@implant private /tmp open path-truncate /tmp/.falcohost-hidden",
        "by an unpacked runtime": f"{_PACKED} private /tmp open write /tmp/.falcohost-hidden",
        "by a builder": f"{_EXECUTOR} private /tmp open write /tmp/.falcohost-hidden",
    },
    "Link made to files that only root may see": {
        "by a builder": f"{_EXECUTOR} symlink /etc $tmp/y",
        "by mmdebstrap": f"{IN_BIN}/mmdebstrap {_SEEN} symlink /etc $tmp/y",
        "by systemd": f"{_SYSTEMD} {_SEEN} symlink /etc $tmp/y",
        **_below("exec @x symlink /etc $tmp/z", "made"),
    },
    "File that starts a program by itself written": {
        "by Python, with pip": f"{IN_BIN}/python3 -m pip folder $tmp/site-packages made $tmp/site-packages/x.pth noop",
        "by pip": _python("o.makedirs('$tmp/site-packages'),open('$tmp/site-packages/x.pth','w'),'/bin/pip'"),
        "by pip, no path": _python(
            "o.makedirs('$tmp/.config/autostart'),open('$tmp/.config/autostart/x.desktop','w'),'/bin/pip'"
        ),
        "by tar": f"{IN_BIN}/tar folder $tmp/venv/site-packages made $tmp/venv/site-packages/x.pth noop",
        "of an environment": "@implant folder $tmp/venv/site-packages made $tmp/venv/site-packages/x.pth noop",
        "of an environment, no path": "@implant folder $tmp/venv/.config/autostart "
        "made $tmp/venv/.config/autostart/x.desktop noop",
        "at a login to a desktop": "@implant open write $tmp/.xsessionrc",
        "by systemctl": f"{IN_BIN}/systemctl {_ETC_SEEN} folder /etc/udev/rules.d open write /etc/udev/rules.d/x.rules",
    },
    "File that decides put in place": {
        **{
            f"exchanged{way}": _called(
                _PRIVATE
                + "l.mount(b'x',b'/etc',b'tmpfs',0,0),o.makedirs('/etc/cron.d'),open('/etc/cron.d/x','w'),open('/etc/y','w'),"
                f"l.renameat2(-100,b'{source}',-100,b'{target}',{flags})"
            )
            for way, source, target, flags in (
                ("", "/etc/cron.d/x", "/etc/y", 2),
                (", moved away", "/etc/cron.d/x", "/etc/z", 0),
                (" elsewhere", "/etc/y", "/etc/passwd", 2),
            )
        },
        "by a tree": f"{_ETC} folder /etc/cron.d tree-over /etc/cron.d",
        "by a tree elsewhere": f"{_ETC} folder /etc/x tree-over /etc/x",
    },
    "SSH keys of an account put in place": {
        "by a tree": "@implant private $tmp folder $tmp/.ssh tree-over $tmp/.ssh",
        "by a tree elsewhere": "@implant private $tmp folder $tmp/x tree-over $tmp/x",
    },
    "Private SSH key given another name": {
        **{
            f"renamed{way}": f"@thief folder $tmp/.ssh made $tmp/.ssh/{name} rename $tmp/.ssh/{name} $tmp/{to}"
            for way, name, to in (
                ("", "id_x", "n"),
                (", a public one", "id_x.pub", "n"),
                (", another", "x", "n"),
                (" to another key", "id_x", ".ssh/id_y"),
            )
        },
        "with its folder": "@thief folder $tmp/.ssh rename $tmp/.ssh $tmp/n",
        "renamed without the right": "@thief folder $tmp/.ssh made $tmp/.ssh/id_x as 65534 rename $tmp/.ssh/id_x $tmp/n",
        "by the other call": "@thief folder $tmp/.ssh made $tmp/.ssh/id_x linkat $tmp/.ssh/id_x $tmp/n",
        "a public one by the other call": "@thief folder $tmp/.ssh made $tmp/.ssh/id_x.pub linkat $tmp/.ssh/id_x.pub $tmp/n",
        "another by the other call": "@thief folder $tmp/.ssh made $tmp/.ssh/x linkat $tmp/.ssh/x $tmp/n",
    },
    "Folders of the dynamic linker changed": {
        "its own file": f"{_ETC} open write /etc/ld.so.conf",
        "by another configuration": "@a run @ldconfig noop -f $tmp/x",
        "and goes on": "@a run @ldconfig goes-on -f $tmp/x",
        "by another tool": "@a run @x noop -f $tmp/x",
        "in another root": "@a run @ldconfig noop -r /tmp/x $tmp/x",
        "not": "@a private /usr/sbin child installed /usr/sbin/ldconfig noop",
        **_below("exec @ldconfig noop -f $tmp/x", "told"),
        "below a builder": f"{IN_BIN}/buildah {_SEEN} child exec @ldconfig noop -f $tmp/x",
    },
    "Environment of another process read by a program that is not installed": {
        "by sed": f"{IN_BIN}/sed {_SEEN} open read /proc/$here/environ",
        "by a shell": f"{IN_BIN}/bash {_SEEN} open read /proc/$here/environ",
        "in a container": f"{_DOCKER} @thief open read /proc/$here/environ",
        "of a file with that name": "@thief made $tmp/environ open read $tmp/environ",
    },
    "Password hashes handed to an editor": {
        "by sudo": f"{IN_BIN}/x {_SEEN} private /usr/bin child installed /usr/bin/sudo -e /etc/shadow $tmp/x",
        "by sudo, to look": f"{IN_BIN}/x {_SEEN} private /usr/bin child installed /usr/bin/sudo -l /etc/shadow $tmp/x",
        "by another": f"{IN_BIN}/x {_SEEN} private /usr/bin child installed /usr/bin/sudoers -e /etc/shadow $tmp/x",
    },
    "Program in shared memory handed to another": {
        **{
            f"to {path}, as its script": f"@a private {path.rpartition('/')[0]} child installed {path} $shm/x noop $tmp/x"
            for path in _INTERPRETERS
        },
        **{f"to one in {folder}": f"@a root installed {folder}/x $shm/x noop $tmp/x" for folder in _PLACES},
        "and goes on": f"{IN_BIN}/perl $shm/x goes-on $tmp/x",
        "to busybox as a shell": f"@a {_BUSYBOX} sh $shm/x noop $tmp/x",
        "to busybox as another": f"@a {_BUSYBOX} vi $shm/x noop $tmp/x",
        "to awk": f"{IN_BIN}/gawk {_SEEN} child exec /usr/bin/gawk $shm/x -f $tmp/x",
        "to an editor, with an option": f"{IN_BIN}/vi {_SEEN} child exec /usr/bin/vi $shm/x -f $tmp/x",
    },
    "Memory or disk read as bytes": {
        "only as a path": f"{IN_BIN}/dd {_SEEN} private /dev made /dev/sdz open path /dev/sdz",
        "one of those that are listed": f"{IN_BIN}/dd {_SEEN} private /dev made /dev/sda open read /dev/sda",
        "of the kernel": f"{IN_BIN}/dd {_SEEN} private /dev made /dev/mem open read /dev/mem",
        "by an interpreter": f"{IN_BIN}/perl {_SEEN} private /dev made /dev/sda open read /dev/sda",
        "by another": f"{IN_BIN}/x {_SEEN} private /dev made /dev/sda open read /dev/sda",
    },
    **{
        rule: {
            "and goes on": f"{who} private /usr/bin child installed /usr/bin/perl {script} goes-on $tmp/x",
            "to another program": f"{who} private /usr/bin child installed /usr/bin/x {script} noop $tmp/x",
            "to a shell": f"{who} private /usr/bin child installed /usr/bin/zsh {script} noop $tmp/x",
            "to busybox as a shell": f"{who} {_BUSYBOX} sh {script} noop $tmp/x",
            "to busybox as another": f"{who} {_BUSYBOX} vi {script} noop $tmp/x",
            "to another as a shell": f"{who} child exec-as @x sh {script} noop $tmp/x",
            "by another": f"{'@bash' if who == '@a' else '@a'} private /usr/bin child installed /usr/bin/perl {script} "
            "noop $tmp/x",
        }
        for rule, (who, script) in {
            "Script without a name started": ("@a", "/dev/fd/0"),
            "Script handed over by a shell without a file": ("@bash", "/dev/fd/0"),
        }.items()
    },
    "Program started from where none are": {
        "and goes on": "@a private /etc child installed /etc/x goes-on $tmp/x",
        **{
            who: f"{IN_BIN}/{by} child private /etc installed /etc/x {_SEEN}"
            for who, by in {
                "below a package manager": f"dpkg {_SEEN}",
                "below a script": f"python3 /usr/bin/dnf {_SEEN}",
                "below another script": f"python3 /srv/x {_SEEN}",
                "below a builder": f"buildah {_SEEN}",
            }.items()
        },
        "below a program with a script's name": f"@other /usr/bin/dnf {_SEEN} child private /etc installed /etc/x {_SEEN}",
    },
    **{
        rule: {
            "beside an unpacked runtime": f"{_STARTED} private /var folder /var/lib/k0s/bin child installed "
            f"/var/lib/k0s/bin/{name} {rest}"
        }
        for rule, (name, rest) in {
            "Package manager started in a running container": ("apk", _SEEN),
            "Files fetched or sent by a tool in a container": ("wget", _SEEN),
            "Client of Kubernetes or a runtime started in a container": ("crictl", _SEEN),
            "Environment read by a command in a container": ("cat", f"{_SEEN} open read /proc/self/environ"),
        }.items()
    },
    "Network tool started in a container": {
        "beside an unpacked runtime": f"{_STARTED} private /var folder /var/lib/k0s/bin child installed "
        f"/var/lib/k0s/bin/telnet {_SEEN}",
        "netcat by its file": f"{_STARTED} linked @nc.openbsd $tmp/tool run $tmp/tool noop 192.0.2.1 22",
    },
    "Tool for disks and mounts started in a container": {
        "beside an unpacked runtime": f"{_STARTED} private /var folder /var/lib/k0s/bin child installed "
        f"/var/lib/k0s/bin/debugfs {_SEEN}",
        "by its name": f"{_STARTED} linked @tool $tmp/mount run $tmp/mount noop",
        "by its file": f"{_STARTED} linked @mount $tmp/tool run $tmp/tool noop",
    },
    **{
        rule: {
            "by an unpacked runtime": f"{_STARTED} private /var folder /var/lib/k0s/bin child installed "
            f"/var/lib/k0s/bin/x {command}",
            "by a builder": f"{_STARTED} root folder /kaniko child installed /kaniko/executor {command}",
            "by a runtime's copy": f"{_STARTED} private /usr/bin child installed /usr/bin/runc {_SEEN} {before}"
            f"in-memory runc_cloned:/proc/self/exe {command}",
            "by another's copy": f"{_STARTED} child {before}in-memory runc_cloned:/proc/self/exe {command}",
            "by a runtime's other copy": f"{_STARTED} private /usr/bin child installed /usr/bin/runc {_SEEN} {before}"
            f"in-memory x {command}",
        }
        for rule, (before, command) in {
            "Encoded text decoded by a command in a container": ("", f"{_SEEN} child exec @x noop | base64 -d"),
            "Namespaces changed without the right to in a container": ("as 65534 child ", f"{_SEEN} unshare fs"),
        }.items()
    },
    "Raw network traffic opened in a container": {
        "without the right": f"{_DOCKER} @sniffer as 65534 socket packet",
        "by ip": f"{_STARTED} private /usr/bin child installed /usr/bin/ip {_SEEN} socket packet",
    },
    "Watcher stopped by a command": {
        "by a script": "@a private /usr/bin child installed /usr/bin/dash /usr/sbin/service noop rsyslog stop $tmp/x",
        "by another program": "@a private /usr/bin child installed /usr/bin/x /usr/sbin/service noop rsyslog stop $tmp/x",
        "by another script": "@a private /usr/bin child installed /usr/bin/dash /usr/sbin/x noop rsyslog stop $tmp/x",
        "by busybox": f"@a {_BUSYBOX} sh /usr/sbin/service noop rsyslog stop $tmp/x",
        "by busybox as another": f"@a {_BUSYBOX} vi /usr/sbin/service noop rsyslog stop $tmp/x",
        "by another as a shell": "@a exec-as @x sh /usr/sbin/service noop rsyslog stop $tmp/x",
        "at once": "@a run @systemctl mask rsyslog $tmp/x",
        "by a link to pgrep": "@a linked @pgrep $tmp/pkill run $tmp/pkill noop rsyslogd",
        "by pgrep": "@a run @pgrep noop rsyslogd",
        "by another link": "@a linked @x $tmp/pkill run $tmp/pkill noop rsyslogd",
        "another program": "@a run @systemctl noop stop nginx $tmp/x",
        "auditing": "@a run @auditctl -D $tmp/x",
        "auditing asked about": "@a run @auditctl -l $tmp/x",
        "auditing by another": "@a run @x -D $tmp/x",
        "the firewall": "@a run $tmp/@x noop /usr/sbin/ufw disable",
        **_below("exec @systemctl noop stop auditd.service $tmp/x", "stopped"),
    },
    "Filter of packets emptied": {
        "wholly": "@a run $tmp/@iptables -F",
        "by nft": "@a run $tmp/@nft flush ruleset",
        "by nft, but shown": "@a run $tmp/@nft list ruleset",
        "by another": "@a run $tmp/@x flush ruleset",
        "below systemd": f"{_SYSTEMD} {_SEEN} child exec @iptables noop -F",
        "beside an unpacked runtime": "@a private /var folder /var/lib/k0s/bin child installed /var/lib/k0s/bin/iptables -F",
        **_below("exec @iptables noop -F", "emptied"),
    },
    "Traces removed by a tool": {
        "and goes on": "@a run @dmesg goes-on -C $tmp/x",
        "with another option first": "@a run @dmesg noop -T -c $tmp/x",
        "by busybox": f"@a {_BUSYBOX} dmesg -c $tmp/x",
        "by busybox, read": f"@a {_BUSYBOX} dmesg -r $tmp/x",
        "by busybox as another": f"@a {_BUSYBOX} vi -c $tmp/x",
        "by another": "@a exec-as @x dmesg -c $tmp/x",
        **_below("exec @dmesg noop -C $tmp/x", "removed"),
    },
    "File made unchangeable or changeable again": {
        "at once": "@a run @chattr +i $tmp/x",
        **_below("exec @chattr noop +i $tmp/x", "held"),
    },
    "Account with root's number made": {"and goes on": "@a run @useradd goes-on -o -u 0 $tmp/x"},
    "Account made an administrator": {
        "and goes on": "@a run @usermod goes-on -aG sudo $tmp/x",
        "without an option": "@a run @usermod noop sudo $tmp/x",
        "in root's group": "@a run @usermod noop -aG root $tmp/x",
        "without a password": "@a run @passwd -d x $tmp/x",
        "shown": "@a run @passwd -S x $tmp/x",
        "by another": "@a run @x -d x $tmp/x",
        **_below("exec @usermod noop -aG sudo $tmp/x", "made"),
    },
    "Kernel told to run a program by sysctl": _below("exec @sysctl noop kernel.modprobe=$tmp/x", "told"),
    "Code in shared memory loaded": {
        "by a shell": f"{IN_BIN}/zsh {_SEEN} made $shm/n open read $shm/n",
        "its own": f"{IN_BIN}/zsh {_SEEN} made $shm/sh-thd.x open read $shm/sh-thd.x",
        "by another": f"{IN_BIN}/x {_SEEN} made $shm/n open read $shm/n",
        "a folder": "@a folder $shm/x.so.d open read $shm/x.so.d",
        "without the right": "@a made $shm/x.so as 65534 open read $shm/x.so",
        **_below("exec @x made $shm/x.so open read $shm/x.so", "loaded"),
    },
    "Named pipe leads from the network": {
        "and goes on": _python(_FROM_PIPE.format("$tmp/f", "$tmp/f", 1, "$tmp/nc", "['nc','goes-on','$tmp/x']"))
        + " @nc",
        "to another": _python(_FROM_PIPE.format("$tmp/f", "$tmp/f", 1, "$tmp/x", "['nc','noop','$tmp/x']")) + " @x",
        "the other way": _python(_FROM_PIPE.format("$tmp/f", "$tmp/f", 0, "$tmp/nc", "['nc','noop','$tmp/x']"))
        + " @nc",
        "the other way, from elsewhere": _python(
            _FROM_PIPE.format("/srv/nearby", "/srv/nearby", 0, "$tmp/nc", "['nc','noop','$tmp/x']")
            + ",o.unlink('/srv/nearby')"
        )
        + " @nc",
        "to elsewhere": _python(
            _FROM_PIPE.format("/srv/nearby", "/srv/nearby", 1, "$tmp/nc", "['nc','noop','$tmp/x']")
            + ",o.unlink('/srv/nearby')"
        )
        + " @nc",
        "the other way, from a file": _python(
            "open('$tmp/f','w'),(p:=o.fork()),(o.dup2(o.open('$tmp/f',2),0),o.execv('$tmp/nc',['nc','noop','$tmp/x']))"
            "if(p==0)else(o.wait())"
        )
        + " @nc",
        "to a shell": _python(
            _FROM_PIPE.format("$tmp/f", "$tmp/f", 0, "/bin/sh", "['sh','-i']").replace("o.wait()", "o.kill(p,9)")
        )
        + " @nc",
        "to a shell with a script": _python(_FROM_PIPE.format("$tmp/f", "$tmp/f", 0, "/bin/sh", "['sh','/dev/null']")),
        "from elsewhere to a shell": _python(
            _FROM_PIPE.format("/srv/nearby", "/srv/nearby", 0, "/bin/sh", "['sh','-i']").replace(
                "o.wait()", "o.kill(p,9)"
            )
            + ",o.unlink('/srv/nearby')"
        ),
        "from a file to a shell": _python(
            "open('$tmp/f','w'),(p:=o.fork()),(o.dup2(o.open('$tmp/f',2),0),o.execv('/bin/sh',['sh','-i']))if(p==0)else(o.wait())"
        ),
    },
    "File with credentials read by a tool": {
        "by sed": f"{IN_BIN}/sed folder $tmp/.aws made $tmp/.aws/credentials open read $tmp/.aws/credentials",
        "a ticket": f"{IN_BIN}/base64 {_SEEN} private /tmp made /tmp/krb5cc_x open read /tmp/krb5cc_x",
        "of a package": f"{IN_BIN}/base64 {_SEEN} private /usr/share folder /usr/share/.aws made /usr/share/.aws/credentials "
        "open read /usr/share/.aws/credentials",
        "only as a path": f"{IN_BIN}/base64 folder $tmp/.aws made $tmp/.aws/credentials open path $tmp/.aws/credentials",
        "a folder": f"{IN_BIN}/base64 folder $tmp/.aws/credentials open read $tmp/.aws/credentials",
        "without the right": f"{IN_BIN}/base64 folder $tmp/.aws made $tmp/.aws/credentials as 65534 "
        "open read $tmp/.aws/credentials",
        **{
            f"below {who}": f"{by} {_SEEN} child private /usr/bin installed /usr/bin/base64 folder $tmp/.aws "
            "made $tmp/.aws/credentials open read $tmp/.aws/credentials"
            for who, by in {
                "a package manager": f"{IN_BIN}/dpkg",
                "a script": f"{IN_BIN}/python3 /usr/bin/dnf",
                "another script": f"{IN_BIN}/python3 /srv/x",
                "a program with a script's name": "@other /usr/bin/dnf",
                "a builder": f"{IN_BIN}/buildah",
            }.items()
        },
    },
    "File shown as a disk mounted": {
        **{
            f"by {path}": f"@a private {folder} folder {path.rpartition('/')[0]} installed {path} private $tmp folder $tmp/x "
            "mount /dev/loop99 $tmp/x tmpfs"
            for path, folder in {
                "/usr/lib/systemd/systemd": "/usr/lib/systemd",
                "/usr/libexec/udisks2/udisksd": "/usr/libexec",
            }.items()
        },
        "below systemd": f"{_SYSTEMD} {_SEEN} child exec @x private $tmp folder $tmp/x mount /dev/loop99 $tmp/x tmpfs",
        "in a container": f"{_DOCKER} @x private $tmp folder $tmp/x mount /dev/loop99 $tmp/x tmpfs",
        "without set-uid": _called(_PRIVATE + "o.mkdir('$tmp/m'),l.mount(b'/dev/loop99',b'$tmp/m',b'tmpfs',2,0)"),
        "anew": _called(
            _PRIVATE + "o.mkdir('$tmp/m'),l.mount(b'x',b'$tmp/m',b'tmpfs',0,0),"
            "l.mount(b'/dev/loop99',b'$tmp/m',b'tmpfs',32,0)"
        ),
        "by newer calls": _called("(f:=l.syscall(430,b'ext4',0)),l.syscall(431,f,1,b'source',b'/dev/loop99',0)"),
        "another by newer calls": _called("(f:=l.syscall(430,b'ext4',0)),l.syscall(431,f,1,b'source',b'/dev/x',0)"),
        "another key by newer calls": _called(
            "(f:=l.syscall(430,b'tmpfs',0)),l.syscall(431,f,1,b'mode',b'/dev/loop9',0),"
            "l.syscall(431,f,1,b'huge',b'/dev/loop9',0)"
        ),
        "by newer calls, without a context": _called("l.syscall(431,0,1,b'source',b'/dev/loop99',0)"),
    },
    "Folder of the system covered": {
        **{
            f"by one in {folder}": f"@a root installed {folder}/x {_ETC_SEEN} mount tmpfs /etc tmpfs"
            for folder in _PLACES
        },
        "by one in /opt": f"@a private /opt installed /opt/x {_ETC_SEEN} mount tmpfs /etc tmpfs",
        "without the right": f"{IN_BIN}/x {_ETC_SEEN} as 65534 mount tmpfs /etc tmpfs",
        "in a container": f"{_STARTED} private /usr/bin child installed /usr/bin/x {_ETC_SEEN} mount tmpfs /etc tmpfs",
        "by a runtime": f"{IN_BIN}/runc {_ETC_SEEN} mount tmpfs /etc tmpfs",
        "by systemd": f"{_SYSTEMD} {_ETC_SEEN} mount tmpfs /etc tmpfs",
        "below systemd": f"{_SYSTEMD} {_SEEN} child private /usr/bin installed /usr/bin/x {_ETC_SEEN} mount tmpfs /etc tmpfs",
        "only shared": _called(_PRIVATE + "l.mount(b'/etc',b'/etc',0,4096,0),l.mount(0,b'/etc',0,0x40000,0)"),
        "by a tree": f"{IN_BIN}/x {_ETC_SEEN} tree-over /etc",
        "another by a tree": f"{IN_BIN}/x {_SEEN} private /srv tree-over /srv",
        "a process": f"{IN_BIN}/x {_SEEN} private /srv mount tmpfs /proc/self tmpfs",
        "a process by a tree": f"{IN_BIN}/x {_SEEN} private /srv tree-over /proc/self",
        **{
            f"process 1{way}": f"{IN_BIN}/x {_SEEN} private /srv {line}"
            for way, line in (("", "mount tmpfs /proc/1 tmpfs"), (" by a tree", "tree-over /proc/1"))
        },
    },
    "Dynamic linker copied": {
        "a folder": f"{IN_BIN}/cp {_SEEN} private /usr/lib32 folder /usr/lib32/ld-linux.so.2 open read /usr/lib32/ld-linux.so.2",
        "in a container": f"{_DOCKER} @thief open read {LINKER}",
        "by a builder": f"{_EXECUTOR} open read {LINKER}",
        "below dracut": f"@a private /usr/lib/dracut installed /usr/lib/dracut/dracut-install {_SEEN} child exec @x open read {LINKER}",
        **{
            f"below {who}": f"@a private /usr/bin installed /usr/bin/{by} {_SEEN} child exec @x open read {LINKER}"
            for who, by in {
                "mkinitramfs": "dash /usr/sbin/mkinitramfs",
                "another script": "dash /usr/sbin/mkx",
                "a program with its name": "x /usr/sbin/mkinitramfs",
            }.items()
        },
    },
    "Server that runs no shells started one": {
        "and goes on": "@nginx run @bash goes-on $tmp/x",
        "from elsewhere": "@nginx run @sh noop $tmp/x",
        "as busybox": f"@nginx {_BUSYBOX} sh noop $tmp/x",
        "busybox itself": "@nginx private /usr/bin child installed /usr/bin/busybox noop $tmp/x",
        "another as a shell": "@nginx exec-as @sh sh noop $tmp/x",
        **{
            f"below {who}": f"@nginx private /usr/bin child installed /usr/bin/{by} {_SEEN} child exec @bash noop $tmp/x"
            for who, by in {
                "a package manager": "dpkg",
                "a script": "python3 /usr/bin/dnf",
                "another script": "python3 /srv/x",
                "a program with a script's name": "x /usr/bin/dnf",
            }.items()
        },
    },
    "Web application started a shell": {
        "and goes on": "@apache2 run /bin/bash -c exec${IFS}0</dev/null;exec${IFS}/nowhere$tmp/x",
        "from elsewhere": "@apache2 run @sh -c $tmp/x",
        "as busybox": f"@apache2 {_BUSYBOX} sh -c $tmp/x",
        "as busybox that is no shell": f"@apache2 {_BUSYBOX} vi -c $tmp/x",
        "by a workers' master": "@php-fpm8.2 run /bin/sh -c : $tmp/x",
        "another as a shell": "@apache2 exec-as @x sh -c $tmp/x",
    },
    "Alerts of the agent changed": {
        f"{name}": f"@implant private /etc folder /etc/alerts made /etc/alerts/alerts.json {rest}"
        for name, rest in {
            "written": "open write /etc/alerts/alerts.json",
            "another written": "open write /etc/alerts/x.json",
            "read": "open read /etc/alerts/alerts.json",
            "created": "creat /etc/alerts/alerts.json",
            "only as a path": "open path-write /etc/alerts/alerts.json",
            "without the right": "as 65534 open write /etc/alerts/alerts.json",
            "removed": "unlink /etc/alerts/alerts.json",
            "another removed": "made /etc/alerts/x unlink /etc/alerts/x",
            "removed without the right": "as 65534 unlink /etc/alerts/alerts.json",
            "changed": "chmod 0777 /etc/alerts/alerts.json",
            "another changed": "made /etc/alerts/x chmod 0777 /etc/alerts/x",
            "changed without the right": "as 65534 chmod 0777 /etc/alerts/alerts.json",
            "renamed": "rename /etc/alerts/alerts.json /etc/alerts/x",
            "replaced": "made /etc/alerts/x rename /etc/alerts/x /etc/alerts/alerts.json",
            "another renamed": "made /etc/alerts/x rename /etc/alerts/x /etc/alerts/y",
        }.items()
    }
    | {
        "cut off": _called(
            _PRIVATE + "l.mount(b'x',b'/etc',b'tmpfs',0,0),o.mkdir('/etc/alerts'),"
            "open('/etc/alerts/alerts.json','w'),o.truncate('/etc/alerts/alerts.json',0),"
            "o.setxattr('/etc/alerts/alerts.json','trusted.x',b'x'),open('/etc/alerts/x','w'),o.truncate('/etc/alerts/x',0),"
            "o.setxattr('/etc/alerts/x','trusted.x',b'x')"
        ),
        "by logrotate": f"@a private /usr/sbin installed /usr/sbin/logrotate {_ETC_SEEN} folder /etc/alerts "
        "made /etc/alerts/alerts.json rename /etc/alerts/alerts.json /etc/alerts/x",
    },
}

_IMAGE = "container.image.repository"
_NODE = "registry.k8s.io/kube-proxy"
_PLAIN: Mapping[str, Any] = {"container.privileged": False, _IMAGE: "docker.io/library/x"}
_FIRST = f"{_STARTED} pids exec @app"
_ENTERED = f"@a private /usr/bin child installed /usr/bin/runc {_SEEN} cgroup $cgroup"
_HOST, _OWN = {"container.host_pid": True}, {"container.host_pid": False}
_CHECKS = ("is_container_healthcheck", "is_container_liveness_probe", "is_container_readiness_probe")
_NO_CHECK = {f"proc.{name}": False for name in _CHECKS}
_CAME = {"proc.entered_with": ["runc", "exec"]}
_NEW = "overlay $tmp exec $tmp/root/new"
#: What an image that may do more is called, by rule, and the line that its program is about.
_MAY: Mapping[str, tuple[str, str]] = {
    "Client of Kubernetes or a runtime started in a container": ("registry.k8s.io/kubectl", "run @kubectl noop $tmp/x"),
    "Tool for disks and mounts started in a container": (_NODE, "run @debugfs noop $tmp/x"),
    "Kernel module loaded from inside a container": (_NODE, "exec @rootkit module init"),
    "Raw network traffic opened in a container": (_NODE, "exec @sniffer socket packet"),
}
_CHECKED = {
    "Files fetched or sent by a tool in a container": "run @wget noop $tmp/x",
    "Network tool started in a container": "run @telnet noop $tmp/x",
    "Client of Kubernetes or a runtime started in a container": "run @kubectl noop $tmp/x",
    "Encoded text decoded by a command in a container": "run @program noop $tmp/x | base64 -d",
}


def _first_of(value: Mapping[str, Any], no_value: Mapping[str, Any]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return lines of which some start a container's first program; its runtime says *value* of the container."""
    told = {**_PLAIN, **value}
    runtime = f"{_ENTERED} in-memory runc_cloned:/proc/self/exe {_SEEN} child exec @app noop $tmp/x"
    return {
        "first": (f"{_FIRST} noop $tmp/x", told),
        "another": (f"{_FIRST} noop $tmp/x", {**_PLAIN, **no_value}),
        "of the system": (f"{_FIRST} noop $tmp/x", {**told, _IMAGE: _NODE}),
        "goes on": (f"{_FIRST} goes-on $tmp/x", told),
        "outside": ("@a pids exec @app noop $tmp/x", told),
        "later": (f"{_STARTED} run @app noop $tmp/x", told),
        "with the host's processes": (f"{_ENTERED} child exec @app noop $tmp/x", {**told, **_HOST}),
        "with the host's processes, later": (f"{_STARTED} run @app noop $tmp/x", {**told, **_HOST}),
        "with its own processes": (f"{_ENTERED} child exec @app noop $tmp/x", {**told, **_OWN}),
        "by a copy of a runtime": (runtime, {**told, **_HOST}),
    }


#: The same for lines in containers, with what their runtime says of these.
TOLD: Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "Privileged container started": _first_of({"container.privileged": True}, {"container.privileged": False}),
    "Container started with the root of the host": _first_of(
        {"container.mount[^/(etc|root|boot|proc)?/?$]": "/:/host:::true:rprivate"}, {}
    ),
    "Container started with the socket of a container runtime": _first_of(
        {
            "container.mount[^(/var)?/run(/containerd|/crio|/podman)?/?$|/(docker|containerd|crio|podman).sock$]": (
                "/run/docker.sock:/run/docker.sock::true:rprivate"
            )
        },
        {},
    ),
    "Container of an image that is not allowed started": _first_of({}, {}),
    "Program that the image does not have started in a container": {
        "new": (f"{_STARTED} {_NEW} noop $tmp/x", _PLAIN),
        "of the image": (f"{_STARTED} overlay $tmp exec $tmp/root/old noop $tmp/x", _PLAIN),
        "and goes on": (f"{_STARTED} {_NEW} goes-on $tmp/x", _PLAIN),
        "outside": (f"@a {_NEW} noop $tmp/x", {}),
        **{
            who: (f"{before} {_SEEN} cgroup $cgroup {_NEW} noop $tmp/x".replace("overlay", "child overlay"), _PLAIN)
            for who, before in {
                "below a package manager": f"{IN_BIN}/dpkg",
                "below a script": f"{IN_BIN}/python3 /usr/bin/dnf",
                "below another script": f"{IN_BIN}/python3 /srv/x",
                "below a program with a script's name": "@other /usr/bin/dnf",
            }.items()
        },
    },
    "Command run in a container from outside": {
        "by docker": (f"{_ENTERED} child exec @app noop $tmp/x", {**_PLAIN, **_NO_CHECK, **_CAME}),
        "by docker, and goes on": (f"{_ENTERED} child exec @app goes-on $tmp/x", {**_PLAIN, **_NO_CHECK, **_CAME}),
        "at a terminal": (f"{_ENTERED} terminal exec @app noop $tmp/x", {**_PLAIN, **_NO_CHECK, **_CAME}),
        "a check at a terminal": (
            f"{_ENTERED} terminal exec @app noop $tmp/x",
            {**_PLAIN, **_NO_CHECK, **_CAME, "proc.is_container_healthcheck": True},
        ),
        "its own": (f"{_ENTERED} child exec @app noop $tmp/x", {**_PLAIN, **_NO_CHECK}),
        "by one that came": (f"{_STARTED} child exec @app noop $tmp/x", {**_PLAIN, **_NO_CHECK, **_CAME}),
        "outside": (f"{IN_BIN}/runc {_SEEN} child exec @app noop $tmp/x", {**_PLAIN, **_NO_CHECK, **_CAME}),
        **{
            f"for {name}": (
                f"{_ENTERED} child exec @app noop $tmp/x",
                {**_PLAIN, **_NO_CHECK, **_CAME, f"proc.{name}": True},
            )
            for name in _CHECKS
        },
    },
    **{
        rule: {
            **{f"for {name}": (f"{_STARTED} {line}", {**_PLAIN, f"proc.{name}": True}) for name in _CHECKS},
            **({"of such an image": (f"{_STARTED} {line}", {_IMAGE: _MAY[rule][0]})} if rule in _MAY else {}),
        }
        for rule, line in _CHECKED.items()
    },
    **{
        rule: {"of such an image": (f"{_STARTED} {line}", {_IMAGE: image})}
        for rule, (image, line) in _MAY.items()
        if rule not in _CHECKED
    },
}
