"""What Falco's public rules are fired by in real containers; ``test_public_in_containers.py`` runs it."""

from __future__ import annotations

#: An address of no machine, those that the names of the API server and of a mining pool have, and a private one.
ADDRESS, SERVER, POOL, PRIVATE = "203.0.113.1", "127.9.9.9", "203.0.113.9", "10.1.1.1"

#: The user of the image that is not root.
USER = 48_123


def _to(program: str, port: int, address: str = ADDRESS, how: str = "connect") -> str:
    """Return the line of a program that connects to an address, in a network of its own."""
    return f"!@{program} network {address} {how} {address} {port}"


#: For each rule a command line that fires it, and one that is close but does not. The tests' conftest says how to read
#: them; all run in containers. Behind ``!`` the container is a privileged one; behind ``?`` the command may fail.
LINES = {
    "Directory traversal monitored file read": (
        "@reader child open read $tmp/../../../../../../etc/passwd",
        "@reader child open read /etc/passwd",
    ),
    "Read sensitive file trusted after startup": (
        "@nginx after 5.2 open read /etc/shadow",
        "@nginx after 5.2 open read /etc/group",
    ),
    "Read sensitive file untrusted": ("@cat /etc/shadow", "@cat /etc/group"),
    "Run shell untrusted": ("@nginx run @sh -c :", "@builder run @sh -c :"),
    "System user interactive": ("@sshd child as 1 exec @true", "@sshd child exec @true"),
    "Terminal shell in container": ("@runc terminal exec @sh -c :", "@runc run @sh -c :"),
    "Contact K8S API Server From Container": (f"@client connect {SERVER} 0", "@client connect 127.0.0.1 0"),
    "Netcat Remote Code Execution in Container": ("@nc noop -e /bin/sh", "@nc noop -z localhost"),
    "Search Private Keys or Passwords": ("@find $tmp -name id_rsa", "@find $tmp -name readme"),
    "Clear Log Activities": ("@eraser open truncate $tmp/auth.log", "@logger open append $tmp/auth.log"),
    "Remove Bulk Data from Disk": ("@shred noop", "@shrink noop"),
    "Create Symlink Over Sensitive Files": ("@linker symlink /etc/shadow $tmp/s", "@linker symlink /etc/group $tmp/s"),
    "Create Hardlink Over Sensitive Files": ("@linker link /etc/shadow /etc/h", "@linker link /etc/group /etc/h"),
    "Packet socket created in container": ("!@sniffer socket packet", "!@sniffer socket inet"),
    "Redirect STDOUT/STDIN to Network Connection in Container": ("@shell redirect 0", "@shell redirect 9"),
    "Linux Kernel Module Injection Detected": (
        "!@loader module init",
        f"!@runc as {USER} exec @loader module init",
    ),
    "Debugfs Launched in Privileged Container": ("!@debugfs noop", "@debugfs noop"),
    "Detect release_agent File Container Escapes": (
        "!@escape open write $tmp/release_agent",
        "@escape open write $tmp/release_agent",
    ),
    "PTRACE attached to process": ("@tracer trace attach", "@tracer trace nobody"),
    "PTRACE anti-debug attempt": ("@tracee trace traceme", "@tracee trace nobody"),
    "Find AWS Credentials": ("@grep -vc aws_secret_access_key /etc/passwd", "@grep -vc aws_region /etc/passwd"),
    "Execution from /dev/shm": ("?@sh -c /dev/shm/none", "@sh -c :"),
    "Drop and execute new binary in container": (
        "@runc installed /tmp/dropped noop $tmp/x",
        "@runc exec /bin/busybox true $tmp/x",
    ),
    "Disallowed SSH Connection Non Standard Port": (_to("ssh", 443), _to("ssh", 22)),
    "Fileless execution via memfd_create": ("@loader memory @payload noop", "@loader exec @payload noop"),
    "Modify Shell Configuration File": ("@editor open append $tmp/.bashrc", "@editor open append $tmp/.notes"),
    "Schedule Cron Jobs": ("@crontab noop", "@cronlist noop"),
    "Read ssh information": (
        "@reader folder /home/u/.ssh made /home/u/.ssh/id open read /home/u/.ssh/id",
        "@reader folder /home/u/ssh made /home/u/ssh/id open read /home/u/ssh/id",
    ),
    "DB program spawned process": ("@postgres run @true", "@builder run @true"),
    "Change thread namespace": ("!@escape setns", "!@runc setns"),
    "Change namespace privileges via unshare": ("@escape unshare user", "!@escape unshare user"),
    "System procs network activity": (_to("sleep", 443), "@sleep connect 127.0.0.1 0"),
    "Program run with disallowed http proxy env": (
        "@curl with HTTP_PROXY=http://x exec @curl noop",
        "@curl with LANG=C exec @curl noop",
    ),
    "Unexpected UDP Traffic": (
        _to("sender", 5555, how="connect-datagrams"),
        _to("sender", 53, how="connect-datagrams"),
    ),
    "Non sudo setuid": (f"@server as {USER} become setuid 0", f"@sudo as {USER} become setuid 0"),
    "Create files below dev": ("@hider made /dev/hidden unlink /dev/hidden", "@writer open write /dev/null"),
    "Contact EC2 Instance Metadata Service From Container": (
        _to("thief", 80, "169.254.169.254"),
        _to("thief", 80, PRIVATE),
    ),
    "Contact cloud metadata service from container": (
        _to("thief", 80, "169.254.169.254"),
        _to("thief", 80, PRIVATE),
    ),
    "Launch Package Management Process in Container": ("@apk noop", "@app noop"),
    "Launch Suspicious Network Tool in Container": ("@nmap noop", "@map noop"),
    "Delete or rename shell history": (
        "@eraser made $tmp/.bash_history unlink $tmp/.bash_history",
        "@eraser made $tmp/.notes unlink $tmp/.notes",
    ),
    "Set Setuid or Setgid bit": ("@implant chmod 4755 $tmp/@implant", "@installer chmod 0755 $tmp/@installer"),
    "Launch Remote File Copy Tools in Container": ("@rsync noop", "@sync noop"),
    "Network Connection outside Local Subnet": (_to("client", 443), "!@client connect 127.0.0.1 0"),
    "Mount Launched in Privileged Container": ("!@mount noop none", "@mount noop none"),
    "Launch Ingress Remote File Copy Tools in Container": ("@wget noop", "@get noop"),
    "Read environment variable from /proc files": (
        "@reader open read /proc/self/environ",
        "@reader open read /proc/self/status",
    ),
    "Adding ssh keys to authorized_keys": (
        "@implant folder /home/v/.ssh open append /home/v/.ssh/authorized_keys",
        "@implant folder /home/v/.ssh open append /home/v/.ssh/known_hosts",
    ),
    "Potential Local Privilege Escalation via Environment Variables Misuse": (
        "@exploit with GLIBC_TUNABLES=x exec @payload noop",
        "@exploit with LANG=C exec @payload noop",
    ),
    "Backdoored library loaded into SSHD (CVE-2024-3094)": (
        "@sshd made $tmp/liblzma.so.5.6.1 open read $tmp/liblzma.so.5.6.1",
        "@sshd made $tmp/liblzma.so.5.6.2 open read $tmp/liblzma.so.5.6.2",
    ),
    "BPF Program Not Profiled": ("!@rootkit bpf program", "!@rootkit bpf map"),
    "Unexpected inbound connection source": (_to("server", 443), "@server connect 127.0.0.1 0"),
    "Read Shell Configuration File": (
        "@reader made $tmp/.profile open read $tmp/.profile",
        "@reader made $tmp/.notes open read $tmp/.notes",
    ),
    "Update Package Repository": (
        "@implant folder /etc/apt open write /etc/apt/x.list",
        "@apt folder /etc/apt open write /etc/apt/y.list",
    ),
    "Write below binary dir": ("@implant open write /bin/written", "@implant open write $tmp/written"),
    "Write below monitored dir": (
        "@implant folder /usr/local/lib open write /usr/local/lib/x",
        "@implant folder /usr/local/share open write /usr/local/share/x",
    ),
    "Write below etc": ("@implant open write /etc/written", "@useradd open write /etc/written-too"),
    "Write below root": ("@implant open write /written", "@implant open write /tmp/written"),
    "Write below rpm database": (
        "@implant folder /var/lib/rpm open write /var/lib/rpm/x",
        "@rpm folder /var/lib/rpm open write /var/lib/rpm/y",
    ),
    "Modify binary dirs": ("@implant made /bin/u unlink /bin/u", "@implant made $tmp/u unlink $tmp/u"),
    "Mkdir binary dirs": ("@implant folder /bin/made", "@implant folder $tmp/made"),
    "Interpreted procs inbound network activity": (_to("python", 443), _to("builder", 443)),
    "Interpreted procs outbound network activity": (_to("perl", 443), _to("builder", 443)),
    "Unexpected K8s NodePort Connection": (_to("client", 30080), _to("client", 443)),
    "Create Hidden Files or Directories": ("@hider made $tmp/.x unlink $tmp/.x", "@writer made $tmp/x unlink $tmp/x"),
    "Detect outbound connections to common miner pool ports": (_to("client", 3333, POOL), _to("client", 3332, POOL)),
    "Detect crypto miners using the Stratum protocol": ("@x noop stratum+tcp://pool", "@x noop tcp://pool"),
    "Kubernetes Client Tool Launched in Container": ("@kubectl noop", "@kubernetes noop"),
    "Container Drift Detected (chmod)": ("@implant chmod 0755 $tmp/@implant", "@writer made $tmp/x chmod 0600 $tmp/x"),
    "Container Drift Detected (open+create)": (
        "@implant installed /tmp/drift noop $tmp/x",
        "@implant open write /tmp/no-drift",
    ),
    "Sudo Potential Privilege Escalation": ("@sudo noop -s \\", "@sudo noop -s x"),
    "Unprivileged Delegation of Page Faults Handling to a Userspace Process": (
        f"?!@exploit as {USER} faults",
        "!@exploit faults",
    ),
    "Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)": ("?@pkexec", "@pkexec noop"),
    "Java Process Class File Download": ("@java receive cafebabe", "@java receive cafebeef"),
    "Modify Container Entrypoint": ("@escape open append /proc/self/fd/1", "@escape open append /dev/null"),
    "Decoding Payload in Container": ("@base64 noop -d", "@base64 noop"),
    "Basic Interactive Reconnaissance": ("@sh4 terminal exec @whoami noop", "@sh4 run @whoami noop"),
    "Network Tool Executed During NPM Package Install": ("@npm run @nmap noop", "@builder run @nmap noop"),
    "Known Cryptominer Process Executed": ("@xmrig noop", "@rig noop"),
    "Web Server Spawned Shell": ("@nginx run @sh -c :", "@builder run @sh -c :"),
    "Web Server Spawned Suspicious Child Process": ("@nginx run @curl noop $tmp/x", "@builder run @curl noop $tmp/x"),
    "Reverse Shell from Web Server": (
        "@nginx run @bash noop /dev/tcp/x $tmp/x",
        "@builder run @bash noop /dev/tcp/x $tmp/x",
    ),
    "Privileged Container Device Access": (
        "@thief made /dev/sdz9 open read /dev/sdz9",
        "@thief made /dev/x9 open read /dev/x9",
    ),
    "Container Access to Host Sensitive Paths": (
        "@thief folder /host open write /host/x",
        "@thief folder /hosts open write /hosts/x",
    ),
}

#: Rules about what is done outside of containers: the line that fires them there is their twin in a container.
OUTSIDE = {
    "User mgmt binaries": "@useradd noop",
    "Launch Suspicious Network Tool on Host": "@nmap noop",
    "Netcat/Socat Remote Code Execution on Host": "@nc noop -e /bin/sh",
}

#: Rules about how a container is started.
STARTS = {
    "Launch Privileged Container",
    "Launch Excessively Capable Container",
    "Launch Sensitive Mount Container",
    "Launch Disallowed Container",
    "Container Run as Root User",
}

#: The rule about what starts a container only to copy files out of it, with its line and its twin's.
COPIED = ("Exfiltrating Artifacts via Kubernetes Control Plane", "@tar open read $tmp/@tar", "@tar open read $tmp/@tar")

#: The kinds of rules that introductions to Falco show, written as they are written there.
FIRST_RULES = """
- macro: outside_connection
  condition: >
    evt.type = connect and evt.dir = < and fd.typechar in (4, 6)   # both kinds of addresses
    and not fd.rip in (127.0.0.1, ::1)
    and not fd.rip startswith "10."
- list: first_package_managers
  items: [apt, apt-get, dpkg, apk, yum]
- rule: First terminal shell in container
  desc: A shell with a terminal in a container.
  condition: evt.type = execve and container.id != host and proc.name in (bash, sh) and proc.tty != 0
  output: shell (user=%user.name image=%container.image.repository command=%proc.cmdline tid=%proc.tid)
  priority: NOTICE
- rule: First sensitive file
  desc: Somebody else than root reads the password hashes.
  condition: >
    evt.type in (open, openat) and evt.arg.flags contains O_RDONLY and fd.name = /etc/shadow and user.uid != 0
  output: read (user=%user.name group=%user.group gid=%user.gid file=%fd.name exe=%proc.exepath)
  priority: WARNING
- rule: First outbound connection from a container
  desc: A connection out of a container.
  condition: outside_connection and container.id != host
  output: connection (%fd.name exe=%proc.exepath pod=%k8s.pod.name ns=%k8s.ns.name image=%container.image)
  priority: NOTICE
- rule: First package manager in container
  desc: A package manager in a container.
  condition: evt.type = execve and container and proc.name in (first_package_managers)
  output: package manager (exe=%proc.exepath image=%container.image.repository:%container.image.tag)
  priority: ERROR
- rule: First package manager in container
  condition: append and not proc.args contains --version
  override: {condition: append}
- rule: First write below etc
  desc: A file in /etc is written.
  condition: evt.type in (open, openat) and evt.is_open_write = true and fd.name startswith /etc/
  exceptions:
    - name: package_managers
      fields: [proc.name, fd.name]
      comps: [in, startswith]
      values:
        - [dpkg, /etc/apt]
  output: write (file=%fd.name exe=%proc.exepath)
  priority: ERROR
"""

#: Their lines.
FIRST = {
    "First terminal shell in container": ("@runc terminal exec @sh -c : $tmp/x", "@runc run @sh -c : $tmp/x"),
    "First sensitive file": (f"@reader as {USER} open read /etc/shadow", "@reader open read /etc/shadow"),
    "First outbound connection from a container": (_to("client", 443), _to("client", 443, PRIVATE)),
    "First package manager in container": ("@apk noop", "@apk noop --version"),
    "First write below etc": (
        "@dpkg open write /etc/first",
        "@dpkg folder /etc/apt open write /etc/apt/first",
    ),
}
