# ruff: noqa: E501
"""Further lines that come as near as one check: calls that fail, folders instead of files, and calls of another type.

``record_rule_tests.py`` runs them like those of ``nearby_lines.py``. A line of another type of call says in
:data:`OTHER_CALLS` which types are looked at beside those of its rule.
"""

from __future__ import annotations

from collections.abc import Mapping

from nearby_lines import _DOCKER, _ETC, _PRIVATE, _SEEN, _STARTED, _called, _python
from other_ways import IN_BIN
from tool_lines import LED_TO_THE_NETWORK, LINKER

_BELOW_A_SCRIPT = {
    "below another script": f"{IN_BIN}/python3 /srv/x {_SEEN}",
    "below a program with a script's name": f"@other /usr/bin/dnf {_SEEN}",
}

#: Types of calls that lines are about, beside those of their rules, by the rule.
OTHER_CALLS: Mapping[str, frozenset[str]] = {
    "Shell history wiped": frozenset({"openat", "link", "linkat"}),
    "Settings of the agent changed": frozenset({"link"}),
    "Alerts of the agent changed": frozenset({"mkdir", "symlink"}),
    "Attempt to become root refused": frozenset({"chown", "lchown", "fchownat"}),
    "Root directory moved to the host from a container": frozenset({"mkdir"}),
    "Raw network traffic opened by an unusual program": frozenset({"socketpair"}),
    "Raw network traffic opened in a container": frozenset({"socketpair"}),
    "Account file replaced": frozenset({"fchmodat", "mkdirat", "openat"}),
    "Program given capabilities": frozenset({"removexattr", "lremovexattr"}),
    "Device node of a disk made by an unusual program": frozenset({"chmod", "fchmodat", "openat"}),
    "Folder of programs changed": frozenset({"chmod", "fchmodat", "link", "linkat", "mount"}),
    "Log emptied": frozenset({"chmod", "fchmodat"}),
    "File that decides put in place": frozenset({"mkdirat", "openat"}),
    "SSH keys of an account put in place": frozenset({"mkdirat", "openat"}),
    "Private SSH key given another name": frozenset({"link", "symlink", "mkdirat", "openat"}),
    "Folder of the system covered": frozenset({"chown", "chroot"}),
    "File shown as a disk mounted": frozenset({"mknod", "mknodat"}),
    "Disk mounted inside a container": frozenset({"mknod", "mknodat"}),
    "Interpreter led to a network connection": frozenset({"fcntl"}),
    "Program without a name started": frozenset({"openat", "fcntl"}),
    "Shell started with a network connection as its input": frozenset({"openat", "fcntl"}),
}


def _copied(code: str) -> str:
    """Return a line that runs *code* by a copy of Python, which nobody has installed."""
    return _python(
        f"__import__('shutil').copy('/usr/bin/python3.13','$tmp/p'),o.spawnl(0,'$tmp/p','p','-c',\"(o:=__import__('os')),{code}\",'$tmp/')"
    )


LAST: Mapping[str, Mapping[str, str]] = {
    "Library preloaded into every program": {
        "without the right": f"{_ETC} made /etc/ld.so.preload as 65534 open write /etc/ld.so.preload",
    },
    "Accounts written by hand": {
        "without the right": f"{_ETC} made /etc/passwd as 65534 open write /etc/passwd",
        "of Docker's image": f"{IN_BIN}/runc {_SEEN} private /var folder /var/lib/docker/x/etc made /var/lib/docker/x/etc/passwd "
        "chroot /var/lib/docker/x open write /etc/passwd",
    },
    "Password hashes read": {"of a folder": f"@thief private /etc {_SEEN} folder /etc/shadow open read /etc/shadow"},
    "Password hashes read under a borrowed name": {
        "of a folder": f"@sudo private /etc {_SEEN} folder /etc/shadow open read /etc/shadow",
    },
    "Shell history wiped": {
        "opened as the first file": _python("o.close(0),o.open('$tmp/.bash_history',64)"),
        "linked": _python("open('$tmp/x','w'),o.link('$tmp/x','$tmp/.bash_history')"),
    },
    "Settings of the agent changed": {
        "a link to a folder of it": _python(
            "o.makedirs('/var/cache/falcohost',exist_ok=True),o.symlink('/var/cache/falcohost','$tmp/l')"
        ),
    },
    "Alerts of the agent changed": {
        "a folder with its name": "@implant private /etc folder /etc/alerts folder /etc/alerts/alerts.json folder $tmp/x",
        "a link with its name": f"@implant private /etc {_SEEN} folder /etc/alerts symlink $tmp/x /etc/alerts/alerts.json",
    },
    "Hidden program started": {
        "of Chromium": f"@a private /tmp folder /tmp/.org.chromium.x installed /tmp/.org.chromium.x/y {_SEEN}",
        "of an image that is mounted for reading": _called(
            f"{_PRIVATE}l.mount(b'x',b'/tmp',b'tmpfs',0,0),o.mkdir('/tmp/.mount_x'),"
            "__import__('shutil').copy('/bin/true','/tmp/.mount_x/y'),l.mount(0,b'/tmp',0,33,0),"
            "o.spawnv(0,'/tmp/.mount_x/y',['y','$tmp/x'])"
        ),
        "of an image elsewhere, for reading": _called(
            f"{_PRIVATE}l.mount(b'x',b'/tmp',b'tmpfs',0,0),o.mkdir('/tmp/.x'),"
            "__import__('shutil').copy('/bin/true','/tmp/.x/y'),l.mount(0,b'/tmp',0,33,0),"
            "o.spawnv(0,'/tmp/.x/y',['y','$tmp/x'])"
        ),
    },
    "Process poses as a kernel thread": {
        "asks for a name that it has": _called(
            "l.prctl(15,b'kworker/1',0,0,0),(b:=c.create_string_buffer(16)),l.prctl(16,b,0,0,0)"
        ),
    },
    "Attempt to become root refused": {"a file given to root": _python("o.setuid(65534),o.chown('$tmp',0,0)")},
    "User namespace made by an unusual program": {
        "refused to a user": _called("o.chroot('$tmp'),o.setuid(65534),l.unshare(0x10000000)"),
    },
    "Cgroup left from inside a container": {
        "of a file beside": f"{_DOCKER} @escape open write $cgroup/notify_on_release",
        "a child made as usual": f"{_DOCKER} " + _python("o.posix_spawn('/bin/true',['true','$tmp/x'],{})"),
    },
    "Older cgroups mounted inside a container": {
        "without the right": f"{_DOCKER} @escape as 65534 mount x $tmp cgroup",
    },
    "Root directory moved to the host from a container": {
        "a folder there": f"{_DOCKER} @escape root folder /host/x {_SEEN}",
    },
    "Page faults handled by an unusual program": {
        "by the device, with a number of its own": _python("(f:=o.open('/dev/userfaultfd',0)),o.dup2(f,9)"),
        "with wrong flags": _called("l.syscall(323,0x7fffffff)"),
    },
    "Container runtime driven by an unusual program": {
        "a shim's folder": "@escape private /run folder /run/containerd/s folder $tmp/x connect-unix /run/containerd/s/x",
    },
    "Raw network traffic opened by an unusual program": {
        "by a pair": _called("(p:=(c.c_int*2)()),l.socketpair(17,3,0,p)"),
        "of another family, as packets": _python("__import__('socket').socket(16,10,0)"),
        "of netlink": _python("__import__('socket').socket(16,3,1)"),
        "of IPv6 over SCTP": "@sniffer socket inet",
        "of another protocol": _copied("__import__('socket').socket(2,3,47)"),
        "of netlink, for IPsec": _python("__import__('socket').socket(16,3,6)"),
    },
    "Raw network traffic opened in a container": {
        "by a pair": f"{_DOCKER} " + _called("(p:=(c.c_int*2)()),l.socketpair(17,3,0,p)")
    },
    "Interpreter led to a network connection": {
        "taken as the first": _python(
            "(s:=__import__('socket')),o.close(0),(t:=s.socket(2,1)),t.setblocking(0),t.connect_ex(('127.0.0.1',9))"
        ),
        "taken as a later one": _python(
            "(s:=__import__('socket')),(t:=s.socket(2,1)),t.setblocking(0),t.connect_ex(('127.0.0.1',9))"
        ),
        "asked about as the first": _python(
            "(s:=__import__('socket')),o.close(0),(t:=s.socket(2,2)),t.connect(('127.0.0.1',9)),__import__('fcntl').fcntl(0,3)"
        ),
    },
    "Memory of another process read by a program that is not installed": {
        "to write": "@thief open read-write /proc/$here/mem",
        "only to write": _python("o.open('/proc/$here/mem',1)"),
        "both": _copied("o.open('/proc/$here/mem',2)"),
        "neither": _copied("o.open('/proc/$here/mem',3)"),
    },
    "Account file opened by handle": {
        "without the right": "@thief as 65534 handle /etc/passwd",
    },
    "Account file replaced": {
        "covered without the right": f"{_ETC} {_SEEN} made /etc/shadow as 65534 mount tmpfs /etc/shadow tmpfs",
        "shown elsewhere": f"@implant {_SEEN} private /srv mount /etc/shadow /srv tmpfs",
        "renamed by its full path": _python("o.rename('$tmp/a','$tmp/b')"),
        **{
            f"by the other call, {way}": _called(
                _PRIVATE + f"l.mount(b'x',b'/etc',b'tmpfs',0,0),open('/etc/x','w'),{call}"
            )
            for way, call in {
                "renamed": "l.renameat(-100,b'/etc/x',-100,b'/etc/shadow')",
                "linked": "l.linkat(-100,b'/etc/x',-100,b'/etc/shadow',0)",
                "led": "l.symlinkat(b'/etc/x',-100,b'/etc/shadow')",
                "given other rights": "open('/etc/shadow','w'),l.fchmodat(-100,b'/etc/shadow',0o600,0)",
                "a folder": "l.mkdirat(-100,b'/etc/shadow',0o700)",
            }.items()
        },
    },
    "Program without a name started": {
        "that starts another": _python(
            "(f:=o.open('$tmp',0o20200001,0o700)),o.write(f,open('/usr/bin/python3.13','rb').read()),"
            "(g:=o.open('/proc/self/fd/%d'%f,0)),o.close(f),o.set_inheritable(g,True),"
            "o.execv('/proc/self/fd/%d'%g,['p','-c',\"(o:=__import__('os')),o.dup2(1,9),o.execv('/nowhere',['x'])\",'$tmp/'])"
        ),
        "that fails": _called(
            "(f:=o.open('$tmp',0o20200001,0o700)),o.write(f,b'x'),o.execv('/proc/self/fd/%d'%f,['x','$tmp/x'])"
        ),
    },
    "BPF object of another taken by an unusual program": {
        "that is not there": _called("(a:=(c.c_uint32*32)(99999999)),l.syscall(321,14,a,128),l.syscall(321,13,a,128)"),
    },
    "Places in programs or the kernel watched by a program that is not installed": {
        **{
            f"as a file, {how}": f"@sniffer folder $tmp/tracing {rest}"
            for how, rest in {
                "only as a path": "made $tmp/tracing/uprobe_events open path-write $tmp/tracing/uprobe_events",
                "read": "made $tmp/tracing/uprobe_events open read $tmp/tracing/uprobe_events",
                "created": "creat $tmp/tracing/uprobe_events",
            }.items()
        },
    },
    "Attempt to get capabilities refused": {
        "with wrong data": _called("(h:=(c.c_uint32*2)(0x20080522,0)),l.capset(h,0)")
    },
    "Settings of a user read by a program that is not installed": {
        "with another number": _copied("open('$tmp/.bashrc','w'),(f:=o.open('$tmp/.bashrc',0)),o.dup2(f,9)"),
    },
    "Shell started with a network connection as its input": {
        "that goes on": f"{LED_TO_THE_NETWORK}execv(__import__('sys').argv[1],['bash','redirect','1','$tmp/x']) @bash",
    },
    "Program made with the rights of its owner": {
        "in no folder": _python("o.open('$tmp/n/f',65,0o4755)"),
        "in no folder, by creat": _called("l.creat(b'$tmp/n/f',0o4755)"),
    },
    "Program given capabilities": {
        "taken away": _called("open('$tmp/f','w'),l.removexattr(b'$tmp/f',b'security.capability')"),
    },
    "Device node of a disk made by an unusual program": {
        "a file's rights": _called("open('$tmp/f','w'),l.chmod(b'$tmp/f',0o60600)"),
    },
    "Folder shown elsewhere by a program that is not installed": {
        "without the right": "@thief as 65534 mount $tmp $tmp none",
        **{
            f"by one in {folder}": f"@a root installed {folder}/x overlay $tmp noop"
            for folder in ("/bin", "/sbin", "/lib", "/snap", "/nix/store")
        },
        "in a container": f"{_DOCKER} @thief write-bound-folder",
    },
    "Keys and passwords searched for": {
        "by find, in one's home": "@a linked @tool $tmp/find run $tmp/find noop $tmp id_rsa",
        **{
            f"by {name}, in one's home": f"@a private /usr/bin child installed /usr/bin/{name} {tool} $tmp id_rsa"
            for name, tool in (("busybox", "find"), ("busybox", "ls"), ("x", "find"))
        },
        "by another tool of busybox, in one's home": "@a private /usr/bin child installed /usr/bin/busybox ls $tmp id_rsa",
    },
    "Jobs of cron read or changed without a terminal": {
        "of another account, in a container": f"@a private /usr/bin installed /usr/bin/x {_SEEN} cgroup $cgroup child "
        "installed /usr/bin/crontab -u www-data $tmp/x",
        "by another of such tools": f"{IN_BIN}/x {_SEEN} child installed /usr/bin/at -u www-data $tmp/x",
        "by another crontab": f"{IN_BIN}/x {_SEEN} child installed /usr/bin/y/crontab -u www-data $tmp/x",
        "its own": f"{IN_BIN}/x {_SEEN} child installed /usr/bin/crontab -l $tmp/x",
    },
    "Set-uid program started as exploits do": {
        "by its name": "@a linked @sudo $tmp/sudoedit run $tmp/sudoedit noop -s x\\ $tmp/x",
        "by a link's name": _python(
            "o.symlink('$tmp/sudo','$tmp/sudoedit'),o.execv('$tmp/sudoedit',['x','noop','-s','\\\\'])"
        )
        + " @sudo",
    },
    "Program for logins started by a system account": {
        f"{who}": f"{by} child private /usr/bin installed /usr/bin/su {_SEEN} as 1 exec /usr/bin/su noop $tmp/x"
        for who, by in {
            "below a package manager, too": f"{IN_BIN}/dpkg {_SEEN}",
            "below a script": f"{IN_BIN}/python3 /usr/bin/dnf {_SEEN}",
            **_BELOW_A_SCRIPT,
        }.items()
    },
    "Folder of programs changed": {
        "another right": "@implant private /usr/bin made /usr/bin/y chmod 0755 /usr/bin/y folder $tmp/x",
        "linked by another name": f"@implant private /usr/bin {_SEEN} made /usr/bin/y link /usr/bin/y /usr/bin/z",
        "linked there": f"@implant {_SEEN} private /usr folder /usr/bin made /usr/x link /usr/x /usr/bin/z",
        "linked elsewhere": f"@implant {_SEEN} private /usr folder /usr/bin made /usr/bin/x link /usr/bin/x /usr/z",
        "mounted over": f"@implant {_SEEN} private /srv mount /usr/bin/x /srv tmpfs",
    },
    "Log emptied": {
        "of others in the folder": "@implant private /var folder /var/log open truncate /var/log/x.log",
        "of the journal, with other rights": "@implant private /var folder /var/log made /var/log/auth.log chmod 0600 /var/log/auth.log",
        "created, by an installed program": f"{IN_BIN}/x {_SEEN} private /var folder /var/log creat /var/log/auth.log",
    },
    "Hidden file made in a temporary folder": {
        "in no folder": f"@implant {_SEEN} private /tmp open write /tmp/.falcohost-hidden/x/y",
        "in no folder, by creat": f"@implant {_SEEN} private /tmp creat /tmp/.falcohost-hidden/x/y",
        "by creat": f"@implant {_SEEN} private /tmp creat /tmp/.falcohost-hidden",
        "that is there": f"@implant {_SEEN} private /tmp made /tmp/.falcohost-hidden open write /tmp/.falcohost-hidden",
        "read by a handle": f"@implant {_SEEN} private /tmp made /tmp/.falcohost-hidden open read /tmp/.falcohost-hidden",
    },
    "File that starts a program by itself written": {
        "by Python, with pip, elsewhere": f"{IN_BIN}/python3 -m pip {_SEEN} folder $tmp/.config/autostart "
        "open write $tmp/.config/autostart/x.desktop",
        **{
            f"by {who}, as {what}": f"{by} folder $tmp/site-packages made $tmp/site-packages/x.pth noop -m {what} x"
            for who, by in (("Python", f"{IN_BIN}/python3"), ("another", "@x"))
            for what in ("pip", "x")
        },
        "by cp, elsewhere": f"{IN_BIN}/cp folder $tmp/site-packages open write $tmp/site-packages/x.pth",
        "by cp, of an environment": f"{IN_BIN}/cp folder $tmp/venv/.config/autostart open write $tmp/venv/.config/autostart/x.desktop",
    },
    "File that decides put in place": {
        "covered without the right": f"{_ETC} {_SEEN} folder /etc/cron.d as 65534 mount tmpfs /etc/cron.d tmpfs",
        "linked elsewhere": f"{_ETC} {_SEEN} folder /etc/cron.d made /etc/cron.d/x link /etc/cron.d/x /etc/y",
        **{
            f"by the other call, {way}": _called(
                _PRIVATE + f"l.mount(b'x',b'/etc',b'tmpfs',0,0),o.makedirs('/etc/cron.d'),open('/etc/x','w'),{call}"
            )
            for way, call in {
                "renamed": "l.renameat(-100,b'/etc/x',-100,b'/etc/cron.d/x')",
                "linked": "l.linkat(-100,b'/etc/x',-100,b'/etc/cron.d/x',0)",
                "led": "l.symlinkat(b'/etc/x',-100,b'/etc/cron.d/x')",
                "a folder": "l.mkdirat(-100,b'/etc/cron.d/x',0o700)",
            }.items()
        },
    },
    "SSH keys of an account put in place": {
        "covered without the right": f"@implant {_SEEN} folder $tmp/.ssh as 65534 mount tmpfs $tmp/.ssh tmpfs",
        "linked elsewhere": "@implant folder $tmp/.ssh made $tmp/.ssh/authorized_keys link $tmp/.ssh/authorized_keys $tmp/y",
    }
    | {
        f"by the other call, {way}": _called(f"o.makedirs('$tmp/.ssh'),open('$tmp/x','w'),{call}")
        for way, call in {
            "renamed": "l.renameat(-100,b'$tmp/x',-100,b'$tmp/.ssh/authorized_keys')",
            "linked": "l.linkat(-100,b'$tmp/x',-100,b'$tmp/.ssh/authorized_keys',0)",
            "led": "l.symlinkat(b'$tmp/x',-100,b'$tmp/.ssh/authorized_keys')",
            "a folder": "l.mkdirat(-100,b'$tmp/.ssh/authorized_keys',0o700)",
        }.items()
    },
    "Private SSH key given another name": {
        "a link to its folder": _called("o.makedirs('$tmp/.ssh'),l.symlink(b'$tmp/.ssh',b'$tmp/n')"),
        "to another key by the other call": _called(
            "o.makedirs('$tmp/.ssh'),open('$tmp/.ssh/id_x','w'),l.renameat(-100,b'$tmp/.ssh/id_x',-100,b'$tmp/.ssh/id_y')"
        ),
        "a link": _called("o.makedirs('$tmp/.ssh'),open('$tmp/.ssh/id_x','w'),l.symlink(b'$tmp/n',b'$tmp/.ssh/id_y')"),
    },
    "Folders of the dynamic linker changed": {
        "of a file elsewhere": "@a run @ldconfig noop $tmp/x",
        "without a file": "@ldconfig noop",
    },
    "Environment of another process read by a program that is not installed": {
        "of a folder": f"@thief {_SEEN} private /proc folder /proc/1/environ open read /proc/1/environ",
    },
    "Password hashes read by a shell below a package manager": {
        "without the right": f"{IN_BIN}/dpkg {_SEEN} child exec @bash {_ETC} made /etc/shadow as 65534 open read /etc/shadow",
        **{who: f"{by} child exec @bash {_SEEN} open read /etc/shadow" for who, by in _BELOW_A_SCRIPT.items()},
    },
    "Program in shared memory handed to another": {
        **{
            f"as a relative path, {way}": _python(
                f"o.makedirs('/dev/shm/falcohost-nearby',exist_ok=True),o.chdir('{folder}'),o.execv('/usr/bin/perl',['perl','{script}','$tmp/x'])"
            )
            for way, folder, script in (
                ("there", "/dev/shm/falcohost-nearby", "./x"),
                ("elsewhere", "$tmp", "./x"),
                ("another", "/dev/shm/falcohost-nearby", "y"),
            )
        },
        "to another as busybox": "@a child exec-as @x sh $shm/x noop $tmp/x",
    },
    "Memory or disk read as bytes": {
        "a disk of others": f"{IN_BIN}/dd {_SEEN} private /dev made /dev/vda open read /dev/vda",
        "its own memory": f"{IN_BIN}/perl {_SEEN} open read /proc/self/mem",
    },
    "Disk opened by a program that is not installed": {
        "of others": "@thief private /dev folder $tmp/x made /dev/vda open read /dev/vda",
    },
    "Watcher stopped by a command": {
        "another": "@a run @systemctl stop x.service $tmp/x",
        "nothing": "@a run @pkill -9 x $tmp/x",
    },
    "Code in shared memory loaded": {
        "that is not there": f"{IN_BIN}/bash {_SEEN} private /dev/shm open read /dev/shm/none",
        "a folder, by a shell": f"{IN_BIN}/bash {_SEEN} private /dev/shm folder /dev/shm/x open read /dev/shm/x",
    },
    "Named pipe leads from the network": {
        "to a shell that waits": _python(
            "o.mkfifo('$tmp/f',0o600),(p:=o.fork()),(o.dup2(o.open('$tmp/f',2),0),o.execv('/bin/sh',['sh','-i']))"
            "if(p==0)else(__import__('time').sleep(1),o.kill(p,9))"
        ),
        "from elsewhere to a shell that waits": _python(
            "o.mkfifo('/srv/falcohost-nearby',0o600),(p:=o.fork()),(o.dup2(o.open('/srv/falcohost-nearby',2),0),o.execv('/bin/sh',['sh','-i']))"
            "if(p==0)else(__import__('time').sleep(1),o.kill(p,9),o.unlink('/srv/falcohost-nearby'))"
        ),
        "from a file to a shell that waits": _python(
            "open('$tmp/f','w'),(p:=o.fork()),(o.dup2(o.open('$tmp/f',2),0),o.execv('/bin/sh',['sh','-i']))if(p==0)else(o.wait())"
        ),
        "that is led on": _python(
            "o.mkfifo('$tmp/f',0o600),(p:=o.fork()),(o.dup2(o.open('$tmp/f',2),0),o.execv('$tmp/nc',['nc','redirect','1','$tmp/x']))"
            "if(p==0)else(o.wait())"
        )
        + " @nc",
        "to another program": _python(
            "o.mkfifo('$tmp/f',0o600),(p:=o.fork()),(o.dup2(o.open('$tmp/f',2),0),o.execv('/bin/true',['true','-i']))if(p==0)else(o.wait())"
        ),
        "to another program without arguments": _python(
            "o.mkfifo('$tmp/f',0o600),(p:=o.fork()),(o.dup2(o.open('$tmp/f',2),0),o.execv('/bin/true',['true']))if(p==0)else(o.wait())"
        ),
    },
    "Folder of the system covered": {
        "only given to root": f"{IN_BIN}/x {_SEEN} private /srv " + "chroot /proc/1/root noop",
    },
    "Dynamic linker copied": {
        "that is not there": f"{IN_BIN}/cp {_SEEN} private /usr/lib32 open read /usr/lib32/ld-linux.so.2",
        "of a folder": f"{IN_BIN}/cp {_SEEN} private /usr/lib folder /usr/lib/ld-linux-aarch64.so.1 "
        "open read /usr/lib/ld-linux-aarch64.so.1",
        "below dracut's tool": f"@a private /usr/lib folder /usr/lib/dracut installed /usr/lib/dracut/dracut-install {_SEEN} "
        "made /usr/lib/ld-linux-aarch64.so.1 child exec @x open read /usr/lib/ld-linux-aarch64.so.1",
        **{f"by one {who}": f"{by} child exec @x open read {LINKER}" for who, by in _BELOW_A_SCRIPT.items()},
    },
    **{
        rule: {
            "as busybox, by another program": f"{who} child exec-as @x sh -c $tmp/x",
            "another file as a shell": f"{who} private /usr/bin child installed /usr/bin/x {_SEEN}",
            "and goes on, as before": f"{who} run @bash -c exec${{IFS}}/nowhere$tmp/x",
        }
        for rule, who in {
            "Server that runs no shells started one": "@nginx",
            "Web application started a shell": "@apache2",
        }.items()
    },
    "Tracing of the kernel's functions switched": {
        "by its file": f"@implant {_SEEN} folder $tmp/sys/kernel open write $tmp/sys/kernel/ftrace_enabled",
        "by another file": f"@implant {_SEEN} folder $tmp/sys/kernel open write $tmp/sys/kernel/x",
    },
    "Kernel module loaded by an unusual program": {
        "of the system": "@a private /usr/lib folder /usr/lib/modules/x installed /usr/bin/kmod folder $tmp/x module finit",
    },
    "Environment read by a command in a container": {
        "of a folder": f"{_STARTED} @cat {_SEEN} private /proc folder /proc/1/environ open read /proc/1/environ",
    },
}
