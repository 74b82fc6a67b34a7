"""Further lines of host rules: the other ways to do what a rule is about, and those that only look like it.

``record_rule_tests.py`` runs them beside the lines by other hands, and keeps what decides a check that nothing else
does.
"""

from __future__ import annotations

from collections.abc import Mapping

from other_ways import IN_BIN
from tool_lines import LINKER

_ETC = "@implant private /etc folder /etc/falcohost"
_BIN = "@implant private /usr/bin"
_WORKER = "@worker cgroup $service as 33"
_USR = "@implant private /usr folder /usr/bin folder /usr/sbin"
_LOG = "@implant private /var folder /var/log made /var/log/auth.log"
_UNITS = "/etc/systemd/system"
_PATTERN = "folder $tmp/x open write /proc/sys/kernel/core_pattern"
_IN_CONTAINER = "@runc cgroup $cgroup exec"
_SHELLS = ("bash", "zsh", "busybox", "ksh", "fish")
_INTERPRETERS = (
    *(f"/usr/bin/{name}" for name in ("perl", "python3", "ruby", "php", "lua", "node")),
    *(f"/usr/local/bin/{name}" for name in ("perl", "python3", "ruby", "php", "node")),
)
#: Names of services, beside nginx, that the rules take for servers.
SERVERS = (
    *("apache2", "httpd", "lighttpd", "caddy", "php", "mysql", "mariadb", "postgresql", "redis", "memcached", "mongod"),
    *("named", "exim4", "dovecot", "vsftpd", "proftpd"),
)
#: Other cgroups beside the server's, which are none of a server's service.
OTHER_SERVICES = ("other.service", "nginx.scope")


def _in_services(rest: str) -> dict[str, str]:
    names = [*(f"{name}.service" for name in SERVERS), *OTHER_SERVICES]
    return {f"in {name}": f"@worker cgroup $service/../{name} as 33 {rest}" for name in names}


#: Lines that other hands run instead of a rule's own, where these cannot.
BASES: Mapping[str, str] = {
    "Disk opened by a program that is not installed": "@thief private /dev made /dev/sda open read /dev/sda",
    "Link made to files that only root may see": "@implant symlink /etc $tmp/y",
    "Environment read by a command in a container": f"{_IN_CONTAINER} @strings open read /proc/self/environ",
    "Hidden file made in a temporary folder": "@implant private /tmp open write /tmp/.falcohost-hidden",
    "Log emptied": "@implant private /var folder /var/log open truncate /var/log/auth.log",
    "Dynamic linker copied": f"@thief open read {LINKER}",
}
#: More lines of a rule, by what they do.
FURTHER: Mapping[str, Mapping[str, str]] = {
    "Settings of the agent changed": {
        "removed": f"{_ETC} made /etc/falcohost/x unlink /etc/falcohost/x",
        "removed without the right": f"{_ETC} made /etc/falcohost/x as 65534 unlink /etc/falcohost/x",
        "opened to everybody": f"{_ETC} made /etc/falcohost/x chmod 0777 /etc/falcohost/x",
        "opened without the right": f"{_ETC} made /etc/falcohost/x as 65534 chmod 0777 /etc/falcohost/x",
        "the folder opened to everybody": f"{_ETC} chmod 0777 /etc/falcohost",
        "linked": f"{_ETC} made /etc/x link /etc/x /etc/falcohost/y",
        "linked elsewhere": f"{_ETC} made /etc/falcohost/x link /etc/falcohost/x /etc/y",
        "linked without the right": f"{_ETC} made /etc/x as 65534 link /etc/x /etc/falcohost/y",
        "led there": f"{_ETC} symlink /tmp/x /etc/falcohost/y",
        "covered": f"{_ETC} mount tmpfs /etc/falcohost tmpfs",
        "all settings covered": "@implant private /etc mount tmpfs /etc tmpfs",
        "another file removed": "@implant private /etc made /etc/x unlink /etc/x",
        "another file opened": "@implant private /etc made /etc/x chmod 0777 /etc/x",
        "another link": "@implant private /etc made /etc/x link /etc/x /etc/y",
    },
    "Hidden file made in a temporary folder": {
        "a folder in /tmp": "@implant private /tmp folder /tmp/.falcohost-hidden",
        "a folder that is there": "@implant private /tmp folder /tmp/.falcohost-hidden folder /tmp/.falcohost-hidden",
        "a folder of the desktop": "@implant private /tmp folder /tmp/.X11-unix",
        "of the desktop": "@implant private /tmp made /tmp/.X0-lock noop",
        "that is there": "@implant private /tmp made /tmp/.falcohost-hidden open write /tmp/.falcohost-hidden",
        "to be read": "@implant private /tmp made /tmp/.falcohost-hidden open read /tmp/.falcohost-hidden",
        "a folder": "@implant private /var/tmp folder /var/tmp/.x",
        "a folder of the system": "@implant private /var/tmp folder /var/tmp/.X11-unix",
        "a folder that is not hidden": "@implant private /var/tmp folder /var/tmp/x",
        "a file of the system": "@implant private /var/tmp made /var/tmp/.X11-unix noop",
        "a folder by a tool": f"{IN_BIN}/mkdir folder $tmp/x private /var/tmp folder /var/tmp/.x",
        "a folder by another program": f"{IN_BIN}/x folder $tmp/x private /var/tmp folder /var/tmp/.x",
    },
    "File that starts a program by itself written": {
        "at a login to a desktop": "@implant folder $tmp/.config/autostart made $tmp/.config/autostart/x.desktop noop",
        "by a user's systemd": "@implant folder $tmp/.config/systemd/user made $tmp/.config/systemd/user/x.timer noop",
        "by a user's systemd, elsewhere": "@implant folder $tmp/.local/share/systemd/user made "
        "$tmp/.local/share/systemd/user/x.service noop",
        "at a login": "@implant folder $tmp/.ssh made $tmp/.ssh/rc noop",
        "of ssh, but nothing that starts": "@implant folder $tmp/.ssh made $tmp/.ssh/known_hosts noop",
        "elsewhere": "@implant folder $tmp/ssh made $tmp/ssh/rc noop",
        "by Python": "@implant folder $tmp/site-packages made $tmp/site-packages/x.pth noop",
        "by Python, but no start": "@implant folder $tmp/site-packages made $tmp/site-packages/x.py noop",
        "not by Python": "@implant folder $tmp/packages.d made $tmp/packages.d/x.pth noop",
    },
    "Folder of programs changed": {
        "linked": f"{_USR} made /usr/sbin/x link /usr/sbin/x /usr/bin/y",
        "linked, but nothing is there": f"{_USR} link /usr/sbin/x /usr/bin/y",
        "linked into another folder": f"{_USR} made /usr/x link /usr/x /usr/y",
        "renamed": f"{_USR} made /usr/x rename /usr/x /usr/bin/y",
        "a folder that is there": f"{_BIN} folder /usr/bin/y folder /usr/bin/y",
        "led elsewhere": f"{_BIN} symlink /tmp/x /usr/bin/y",
        "a folder": f"{_BIN} folder /usr/bin/y",
        "removed": f"{_BIN} made /usr/bin/y unlink /usr/bin/y",
        "removed without the right": f"{_BIN} made /usr/bin/y as 65534 unlink /usr/bin/y",
        "led elsewhere without the right": f"{_BIN} as 65534 symlink /tmp/x /usr/bin/y",
    },
    "Server started a program that is not installed": {
        **_in_services("run @payload noop $tmp/x"),
        **{
            f"in {folder}": f"@nginx child root installed {folder}/x folder $tmp/x"
            for folder in ("/bin", "/sbin", "/lib", "/snap", "/nix/store")
        },
        "in /opt": "@nginx child private /opt installed /opt/x folder $tmp/x",
        "in a container": "@nginx cgroup $cgroup run @payload noop $tmp/x",
        "in its service": f"{_WORKER} run @payload noop $tmp/x",
        "in its service, by a person": "@worker cgroup $service as 1000 run @payload noop $tmp/x",
        "in its service, by root": "@worker cgroup $service run @payload noop $tmp/x",
        "in its service, by a dynamic account": "@worker cgroup $service as 61184 run @payload noop $tmp/x",
        "in its service, by an account too high": "@worker cgroup $service as 70000 run @payload noop $tmp/x",
        "outside its service": "@worker as 33 run @payload noop $tmp/x",
        "a workers' master": "@php-fpm8.2 as 33 run @payload noop $tmp/x",
    },
    "Shell started in the service of a server": {
        **_in_services("run @bash noop $tmp/x"),
        "in a container in its service": "@worker cgroup $cgroup/nginx.service as 33 run @bash noop $tmp/x",
        **{shell: f"{_WORKER} run @{shell} noop $tmp/x" for shell in ("bash", "dash", "zsh", "busybox", "ksh", "fish")},
        "no shell": f"{_WORKER} run @payload noop $tmp/x",
        "by a person": "@worker cgroup $service as 1000 run @bash noop $tmp/x",
        "by root": "@worker cgroup $service run @bash noop $tmp/x",
        "by a dynamic account": "@worker cgroup $service as 61184 run @bash noop $tmp/x",
        "by an account too high": "@worker cgroup $service as 70000 run @bash noop $tmp/x",
        "outside its service": "@worker as 33 run @bash noop $tmp/x",
        "by the server itself": "@nginx cgroup $service as 33 run @bash noop $tmp/x",
        "by a workers' master": "@php-fpm8.2 cgroup $service as 33 run @bash noop $tmp/x",
        "a script of the system": f"{_WORKER} run @bash /usr/x noop $tmp/x",
        "a script of the settings": f"{_WORKER} run @bash /etc/x noop $tmp/x",
        "a script in /opt": f"{_WORKER} run @bash /opt/x noop $tmp/x",
        "in a container": "@worker cgroup $cgroup as 33 run @bash noop $tmp/x",
    },
    "Program run from memory": {
        "by itself": "@loader memory @payload noop $tmp/x",
        "not": "@loader exec @payload noop $tmp/x",
    },
    "Program in shared memory handed to another": {
        **{
            f"to {path}": f"@a private {path.rpartition('/')[0]} child installed {path} folder $shm/x"
            for path in _INTERPRETERS
        },
        "that is in a foreign folder": "@loader run @payload folder $shm/x",
        "to perl": "@loader run /usr/bin/perl $shm/x",
        "to Python": "@loader run /usr/bin/python3 $shm/x",
        "to an installed program": "@loader run /usr/bin/true $shm/x",
        "to a program in /opt": "@a private /opt installed /opt/x run /opt/x $shm/x",
    },
    "Service unit written": {
        **{
            f"a file named {name}": f"@implant private /etc folder {_UNITS} open write {_UNITS}/{name}"
            for name in ("x.timer", "x.socket", "x.path", "x.conf", "x.txt")
        },
        "of the distribution": "@implant private /usr/lib/systemd folder /usr/lib/systemd/system "
        "open write /usr/lib/systemd/system/x.service",
        "of the administrator": "@implant private /usr/local folder /usr/local/lib/systemd/system "
        "open write /usr/local/lib/systemd/system/x.service",
    },
    "Server started a shell under another name": {
        **{shell: f"@nginx linked @{shell} $tmp/tool run $tmp/tool goes-on" for shell in _SHELLS},
        "by a workers' master": "@php-fpm8.2 linked @bash $tmp/tool run $tmp/tool noop",
        "under its own name": "@nginx run @bash goes-on",
    },
    "Server started a script": {
        **{shell: f"@nginx linked @{shell} $tmp/tool run $tmp/tool goes-on" for shell in _SHELLS},
        **{
            f"that is in {folder}": f"@nginx linked @bash $tmp/tool run $tmp/tool noop {folder}/x"
            for folder in ("/usr", "/opt", "/etc", "/bin", "/lib", "/snap", "/nix", "/var", "/srv")
        },
        "by a workers' master": "@php-fpm8.2 linked @bash $tmp/tool run $tmp/tool noop",
        "in a container": "@nginx cgroup $cgroup linked @bash $tmp/tool run $tmp/tool noop",
    },
    "Server started an interpreter with a program as argument": {
        **{
            path: f"@nginx private {path.rpartition('/')[0]} child installed {path} -e folder $tmp/x"
            for path in _INTERPRETERS
        },
        "with further options": "@nginx private /usr/bin child installed /usr/bin/perl -w -e $tmp/x",
        "with other options": "@nginx private /usr/bin child installed /usr/bin/perl -w $tmp/x",
        "with a file, and an option for it": "@nginx private /usr/bin child installed /usr/bin/perl $tmp/x -e x",
        "by a workers' master": "@php-fpm8.2 private /usr/bin child installed /usr/bin/perl -e $tmp/x",
    },
    "File that decides put in place": {
        **{
            way: f"@implant private /etc folder /etc/cron.d made /etc/x {way} /etc/x /etc/cron.d/y"
            for way in ("rename", "renameat", "linkat", "symlinkat", "symlink")
        },
        **{
            f"{way} elsewhere": f"@implant private /etc made $tmp/x made /etc/x {way} /etc/x /etc/y"
            for way in ("renameat", "linkat", "symlinkat", "symlink")
        },
        "mounted elsewhere": "@implant private /etc folder /etc/cron.x mount tmpfs /etc/x tmpfs",
    },
    "SSH keys of an account put in place": {
        **{
            f"{way}, {name}": f"@implant folder $tmp/.ssh made $tmp/.ssh/t {way} $tmp/.ssh/t $tmp/.ssh/{name}"
            for way in ("rename", "renameat", "linkat", "symlinkat", "symlink")
            for name in ("authorized_keys", "known_hosts")
        },
        "by Google's agent": f"{IN_BIN}/google_guest_agent folder $tmp/.ssh made $tmp/.ssh/t "
        "rename $tmp/.ssh/t $tmp/.ssh/authorized_keys",
    },
    "Set-uid program started as exploits do": {
        "without arguments": "@a exec-as @pkexec",
        "without arguments, but another": "@a exec-as @pkexecute",
        "with arguments": "@a exec-as @pkexec pkexec noop",
        "by its own name": "@a run @sudoedit noop -s $tmp\\",
        "for an edit": "@a run @sudo -e noop -s $tmp\\",
        "as another": "@a exec-as @tool sudoedit noop -s $tmp\\",
        "without the option": "@a exec-as @sudo sudoedit noop $tmp\\",
        "under its own name": "@a exec-as @sudo sudo noop -s $tmp\\",
    },
    "Kernel told to run a program": {
        "by a format of programs": "@escape folder $tmp/binfmt_misc open write $tmp/binfmt_misc/register",
        "by another file there": "@escape folder $tmp/binfmt_misc open write $tmp/binfmt_misc/x",
        "by such a file elsewhere": "@escape folder $tmp/misc open write $tmp/misc/register",
        "by a format, in a container": "@runc cgroup $cgroup exec @escape folder $tmp/binfmt_misc "
        "open write $tmp/binfmt_misc/register",
        "by systemd": f"@a private /usr/lib/systemd installed /usr/lib/systemd/systemd {_PATTERN}",
        "by a program with systemd's path, in a container": "@runc cgroup $cgroup exec @a private /usr/lib/systemd "
        f"installed /usr/lib/systemd/systemd {_PATTERN}",
        "by apport": f"{IN_BIN}/python3 /usr/share/apport/apport {_PATTERN}",
        "by another script": f"{IN_BIN}/python3 /srv/apport {_PATTERN}",
        "by a program with apport's argument": f"{IN_BIN}/perl /usr/share/apport/apport {_PATTERN}",
        "by apport in a container": "@runc cgroup $cgroup exec @a private /usr/bin installed /usr/bin/python3 "
        f"/usr/share/apport/apport {_PATTERN}",
    },
    "Log emptied": {
        "where logs are": "@implant private /var folder /var/log open truncate /var/log/auth.log",
        "where logs are, by an installed program": f"{IN_BIN}/x folder $tmp/x private /var folder /var/log "
        "open truncate /var/log/auth.log",
        "elsewhere, by an installed program": f"{IN_BIN}/x folder $tmp/x open truncate $tmp/x/auth.log",
        "of a server": "@implant private /var folder /var/log open truncate /var/log/error.log",
        "renamed": f"{_LOG} rename /var/log/auth.log /var/log/x",
        "renamed by the other call": f"{_LOG} renameat /var/log/auth.log /var/log/x",
        "renamed to nowhere": f"{_LOG} rename /var/log/auth.log /nowhere/x",
        "another file renamed": f"{_LOG} made /var/log/x rename /var/log/x /var/log/y",
        "linked": f"{_LOG} link /var/log/auth.log /var/log/x",
        "removed without the right": f"{_LOG} as 65534 unlink /var/log/auth.log",
    },
    "Program made in a temporary folder of a container": {
        "made executable": f"{_IN_CONTAINER} @implant open-executable $tmp/x",
        "made without the right": f"{_IN_CONTAINER} @implant as 65534 open-executable $tmp/x",
        "made elsewhere": f"{_IN_CONTAINER} @implant private /srv open-executable /srv/x",
        "not executable": f"{_IN_CONTAINER} @implant open write $tmp/x",
        "changed elsewhere": f"{_IN_CONTAINER} @implant private /srv made /srv/x chmod 0755 /srv/x",
        "changed without the right": f"{_IN_CONTAINER} @implant as 65534 chmod 0755 $tmp/@implant",
    },
    "Environment read by a command in a container": {
        "below a builder": f"{IN_BIN}/buildah folder $tmp/x cgroup $cgroup run @strings open read /proc/self/environ",
        "by another program": f"{_IN_CONTAINER} @tool open read /proc/self/environ",
        "outside": "@strings open read /proc/self/environ",
        "of a file with that name": f"{_IN_CONTAINER} @strings made $tmp/environ open read $tmp/environ",
        "to write": f"{_IN_CONTAINER} @strings open write /proc/self/environ",
    },
    "Password hashes read by a shell below a package manager": {
        **{
            who: f"{parent} private /usr/bin folder /usr/bin/x child installed /usr/bin/x/bash folder $tmp/x "
            "open read /etc/shadow"
            for who, parent in {
                "below a script": f"{IN_BIN}/python3 /usr/bin/dnf folder $tmp/x",
                "below another script": f"{IN_BIN}/python3 /srv/x folder $tmp/x",
                "below a program with a script's name": "@other /usr/bin/dnf folder $tmp/x",
                "below a manager of configuration": "@a private /var folder /var/cfengine/bin "
                "installed /var/cfengine/bin/cf-agent folder $tmp/x",
                "below nobody": "@other folder $tmp/x",
            }.items()
        },
        **{
            how: f"{IN_BIN}/apk folder /usr/bin/x child installed /usr/bin/x/bash folder $tmp/x private /etc {what}"
            for how, what in {
                "only as a path": "made /etc/shadow open path /etc/shadow",
                "of a pipe": "pipe /etc/shadow",
                "by a handle": "made /etc/shadow handle /etc/shadow",
                "to write": "made /etc/shadow open write /etc/shadow",
                "of a folder": "folder /etc/shadow open read /etc/shadow",
            }.items()
        },
    },
    "Container runtime driven by an unusual program": {
        socket: f"@escape folder $tmp/lxd folder $tmp/incus connect-unix $tmp/{socket}"
        for socket in (
            "containerd.sock",
            "crio.sock",
            "podman.sock",
            "cri-dockerd.sock",
            "buildkitd.sock",
            "lxd/unix.socket",
            "incus/unix.socket",
        )
    },
    "Service account ran a program from a temporary folder": {
        "in shared memory": "@server as 1 run $shm/@dropped noop",
        "as nobody": "@server as 65534 run @dropped noop",
        "as a person": "@server as 1000 run @dropped noop",
        "as root": "@server run @dropped noop",
    },
    "Network scanned or listened to": {
        "under another name": "@a linked @nmap $tmp/tool run $tmp/tool noop",
        "by another program": "@a linked @tool $tmp/nmap run $tmp/nmap noop",
    },
    **{
        rule: {
            "under another name": f"@runc cgroup $cgroup linked @{file} $tmp/tool run $tmp/tool {rest}",
            "by another program": f"@runc cgroup $cgroup linked @program $tmp/{name} run $tmp/{name} {rest}",
            "outside": f"@a run @{file} {rest}",
            "below a runtime": f"@a cgroup $cgroup child private /usr/local/bin installed /usr/local/bin/runc "
            f"exec $tmp/@{file} {rest}",
            "below a builder": f"{IN_BIN}/buildah folder $tmp/x cgroup $cgroup run @{file} {rest}",
            "below a package manager": f"{IN_BIN}/apt folder $tmp/x cgroup $cgroup run @{file} {rest}",
        }
        for rule, (file, name, rest) in {
            "Package manager started in a running container": ("dpkg", "apt", "goes-on -i $tmp"),
            "Files fetched or sent by a tool in a container": ("scp", "wget", "goes-on $tmp"),
            "Network tool started in a container": ("telnet", "telnet", "goes-on $tmp"),
            "Client of Kubernetes or a runtime started in a container": ("kubectl", "kubectl", "goes-on $tmp"),
            "Tool for disks and mounts started in a container": ("debugfs", "debugfs", "goes-on $tmp"),
        }.items()
    },
}
