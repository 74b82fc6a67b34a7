"""The rules that the plugin ships: each fires for its command, and none fires for the command's harmless twin."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from other_ways import IN_BIN, INSTALLED, MORE, QUIET
from tool_lines import BY_THE_WAY, LINKER, TOOL_LINES

from falcohost_rules import shared_rules

OWN = sorted((Path(__file__).resolve().parent.parent / "falcohost_syscall" / "rules").glob("*.yaml"))
RULES = [*OWN, *shared_rules({"syscall"})]
IN_CONTAINERS = OWN[0].parent / "falcohost_run_containers_rules.yaml"

#: A file to which the agent is said to write alerts.
ALERTS = Path("/etc/alerts/alerts.json")
WRITES_ALERTS = f"""
- list: fh_agent_outputs
  items: [{ALERTS}]
  override: {{items: append}}
"""

#: For each rule a command line that fires it and one that is close but fires nothing; conftest says how to read them.
LINES = {
    **TOOL_LINES,
    "Attack tool started": ("@peirates open read /etc/hostname", "@pirates open read /etc/hostname"),
    "Library preloaded into every program": (
        "@rootkit private /etc open write /etc/ld.so.preload",
        "@linker private /etc open write /etc/ld.so.cache",
    ),
    "Scheduled job written": (
        "@implant private /etc folder /etc/cron.d open write /etc/cron.d/update",
        f"{INSTALLED}/cron folder $tmp/x private /etc folder /etc/cron.d open write /etc/cron.d/update",
    ),
    "Service unit written": (
        "@implant private /etc folder /etc/systemd/system open write /etc/systemd/system/x.service",
        f"{INSTALLED}/apk folder $tmp/x private /etc folder /etc/systemd/system child open write "
        "/etc/systemd/system/x.service",
    ),
    "SSH keys of an account changed": (
        "@implant folder $tmp/.ssh open append $tmp/.ssh/authorized_keys",
        "@sshd folder $tmp/.ssh made $tmp/.ssh/known_hosts open read $tmp/.ssh/known_hosts",
    ),
    "Rules of sudo changed": (
        "@implant private /etc folder /etc/sudoers.d open write /etc/sudoers.d/me",
        f"{INSTALLED}/visudo folder $tmp/x private /etc open write /etc/sudoers",
    ),
    "Accounts written by hand": (
        "@implant private /etc open write /etc/shadow",
        f"{INSTALLED}/useradd folder $tmp/x private /etc open write /etc/shadow",
    ),
    "Login checks changed": (
        "@implant private /etc folder /etc/pam.d open write /etc/pam.d/sshd",
        "@login private /etc folder /etc/pam.d child open write /etc/pam.conf",
    ),
    "Start-up file of all shells changed": (
        "@implant private /etc folder /etc/profile.d open write /etc/profile.d/a.sh",
        "@shell open read /etc/profile",
    ),
    "Password hashes read": (
        "@thief open read /etc/shadow",
        "@thief open read /etc/passwd",
    ),
    "Private SSH key read": (
        "@thief folder $tmp/.ssh made $tmp/.ssh/id_ed25519 open read $tmp/.ssh/id_ed25519",
        "@thief folder $tmp/.ssh made $tmp/.ssh/id_ed25519.pub open read $tmp/.ssh/id_ed25519.pub",
    ),
    "Program given the rights of its owner": (
        "@implant chmod 4755 $tmp/@implant",
        "@installer chmod 0755 $tmp/@installer",
    ),
    "Shell history wiped": (
        "@implant made $tmp/.bash_history unlink $tmp/.bash_history",
        f"{IN_BIN}/bash folder $tmp/x open truncate $tmp/x/.bash_history",
    ),
    "Kernel told to run a program": (
        "@escape open write /proc/sys/kernel/core_pattern",
        "@reader open read /proc/sys/kernel/core_pattern",
    ),
    "Tracing of the kernel's functions switched": (
        "@implant open write /proc/sys/kernel/ftrace_enabled",
        "@reader open read /proc/sys/kernel/ftrace_enabled",
    ),
    "Service account ran a program from a temporary folder": (
        "@server as 1 exec @dropped noop",
        "@server as 1 exec /usr/bin/true",
    ),
    "Hidden program started": ("@server exec $tmp/.x/@dropped noop", "@server exec $tmp/x/@dropped noop"),
    "Library preloaded from a temporary folder": (
        "@server with LD_PRELOAD=/tmp/none.so exec @program noop",
        "@server with LD_PRELOAD=/usr/lib/none.so exec @program noop",
    ),
    "Process poses as a kernel thread": ("@miner name kworker/0:1", "@worker name worker/0:1"),
    "Memory of a process opened for writing": (
        "@injector open write /proc/self/mem",
        "@reader open read /proc/self/mem",
    ),
    "Attempt to become root refused": (
        "@exploit as 65534 become setresuid 0",
        "@server as 65534 become setresuid 65534",
    ),
    "User namespace made by an unusual program": (
        "@exploit as 65534 unshare user",
        f"{IN_BIN}/bwrap folder $tmp/x as 65534 unshare user",
    ),
    "Namespace joined from inside a container": (
        "@runc cgroup $cgroup exec @escape setns",
        f"{IN_BIN}/nsenter folder $tmp/x setns",
    ),
    "Disk mounted inside a container": (
        "@runc cgroup $cgroup exec @escape private $tmp mount /dev/no-such-disk $tmp ext4",
        "@runc cgroup $cgroup exec @tool private $tmp mount tmpfs $tmp tmpfs",
    ),
    "File opened by handle inside a container": (
        "@runc cgroup $cgroup exec @escape handle /etc/hostname",
        "@tool handle /etc/hostname",
    ),
    "Root directory moved to the host from a container": (
        "@runc cgroup $cgroup exec @escape chroot /proc/self/root",
        "@runc cgroup $cgroup exec @tool chroot $tmp",
    ),
    "Kernel module loaded by an unusual program": (
        "@rootkit module finit",
        f"{IN_BIN}/kmod folder $tmp/x module finit",
    ),
    "BPF program loaded by an unusual program": ("@rootkit bpf program", "@tool bpf map"),
    "Ring for system calls made by a program that is not installed": (
        "@implant ring",
        f"{IN_BIN}/node folder $tmp/x ring",
    ),
    "Page faults handled by an unusual program": ("@exploit faults", f"{INSTALLED}/criu folder $tmp/x faults"),
    "Container runtime driven by an unusual program": (
        "@escape connect-unix $tmp/docker.sock",
        "@tool connect-unix $tmp/other.sock",
    ),
    "Raw network traffic opened by an unusual program": (
        "@sniffer socket packet",
        f"{IN_BIN}/tcpdump folder $tmp/x socket packet",
    ),
    "Interpreter led to a network connection": ("@perl redirect 0", "@perl redirect 9"),
    "Cloud credentials fetched from inside a container": (
        "@runc cgroup $cgroup exec @thief network 169.254.169.254 connect 169.254.169.254 80",
        "@runc cgroup $cgroup exec @tool connect 127.0.0.1 0",
    ),
    "Account file opened by handle": ("@thief handle /etc/passwd", "@thief handle /etc/hostname"),
    "Account file replaced": (
        "@implant write-rename",
        f"{INSTALLED}/useradd folder $tmp/x write-rename",
    ),
    "Password hashes read under a borrowed name": ("@sshd open read /etc/shadow", "@sshd open read /etc/passwd"),
    "Program run from memory": ("@loader exec-memory @payload", "@loader exec @payload noop"),
    "Program without a name started": ("@loader exec-unnamed @payload", "@loader exec-descriptor @payload"),
    "Program started from a file system in memory": ("@loader exec-tmpfs @payload", "@loader exec-descriptor @payload"),
    "Program started from shared memory": (
        "@loader exec-argument0 $shm/@dropped",
        "@loader exec-argument0 @dropped",
    ),
    "Program started through the dynamic linker": (
        "@loader exec-linker @payload",
        f"@a with LD_TRACE_LOADED_OBJECTS=1 exec {LINKER} @payload",
    ),
    "Server started a program that is not installed": ("@nginx shell-copied", "@builder shell-copied"),
    "Server started a shell under another name": ("@nginx shell-linked", "@builder shell-linked"),
    "Memory of another process reached by a call": (
        "@injector memory-written",
        f"{IN_BIN}/gdb folder $tmp/x memory-written",
    ),
    "Descriptor taken out of another process": (
        "@thief descriptor-taken",
        f"{INSTALLED}/criu folder $tmp/x descriptor-taken",
    ),
    "User namespace made for a child": (
        "@exploit as 65534 user-namespace-clone",
        f"{IN_BIN}/bwrap folder $tmp/x as 65534 user-namespace-clone",
    ),
    "Attempt to get capabilities refused": (
        "@exploit as 65534 root-capset",
        f"{IN_BIN}/bwrap folder $tmp/x as 65534 root-capset",
    ),
    "Program made with the rights of its owner": ("@implant setuid-open", f"{IN_BIN}/tar folder $tmp/x setuid-open"),
    "Program given capabilities": ("@implant file-capability", f"{IN_BIN}/tar folder $tmp/x file-capability"),
    "Device node of a disk made by an unusual program": (
        "@maker read-disk",
        f"{INSTALLED}/runc folder $tmp/x read-disk",
    ),
    "Disk opened by a program that is not installed": (
        "@thief read-disk",
        f"{INSTALLED}/mdadm folder $tmp/x read-disk",
    ),
    "Folder shown elsewhere by a program that is not installed": (
        "@implant write-bound-folder",
        f"{IN_BIN}/bwrap folder $tmp/x write-bound-folder",
    ),
    "Mounts changed by the newer calls": (
        "@thief read-detached-tree",
        f"{IN_BIN}/bwrap folder $tmp/x read-detached-tree",
    ),
    "Root directory exchanged by a program that is not installed": (
        "@thief read-pivoted",
        f"{IN_BIN}/bwrap folder $tmp/x read-pivoted",
    ),
    "Root directory changed by a program that is not installed": (
        "@thief read-chroot",
        f"{IN_BIN}/bwrap folder $tmp/x read-chroot",
    ),
    "Process renamed through its file": ("@miner open write /proc/self/comm", "@miner open read /proc/self/comm"),
    "Rights to files changed by a program that is not installed": (
        "@exploit root-fsuid",
        f"{INSTALLED}/smbd folder $tmp/x root-fsuid",
    ),
    "Shell started in the service of a server": (
        "@nginx cgroup $service shell-orphaned-itself",
        "@nginx shell-orphaned-itself",
    ),
    "Process traced by a program that is not installed": (
        "@injector trace-attach",
        f"{IN_BIN}/gdb folder $tmp/x trace-attach",
    ),
    "Server started a script": ("@nginx shell-script", "@builder shell-script"),
    "Server started an interpreter with a program as argument": (
        "@nginx shell-interpreter",
        "@builder shell-interpreter",
    ),
    "BPF object of another taken by an unusual program": (
        "@thief map-by-number",
        f"{INSTALLED}/bpftool folder $tmp/x map-by-number",
    ),
    "Agent reached through the kernel": (
        f"{INSTALLED}/bpftool folder $tmp/x read-left-out",
        f"{INSTALLED}/bpftool folder $tmp/x map-by-number",
    ),
    "Settings of the agent changed": (
        "@implant private /etc folder /etc/falcohost open write /etc/falcohost/falcohost.yaml",
        "@implant private /etc folder /etc/falcohost made /etc/other open read /etc/other",
    ),
    "Alerts of the agent changed": (
        f"@implant private /etc folder {ALERTS.parent} open write {ALERTS}",
        f"@implant private /etc folder {ALERTS.parent} made {ALERTS}.1 open read {ALERTS}.1",
    ),
    "Opened files reported to a program that is not installed": (
        "@thief read-reported",
        f"{INSTALLED}/clamonacc folder $tmp/x read-reported",
    ),
    "Places in programs or the kernel watched by a program that is not installed": (
        "@sniffer probes-call",
        f"{IN_BIN}/perf folder $tmp/x probes-call",
    ),
    "Cgroup left from inside a container": (
        "@runc cgroup $cgroup exec @escape cgroup-file $cgroup",
        "@tool cgroup-file $cgroup",
    ),
    "Older cgroups mounted inside a container": (
        "@runc cgroup $cgroup exec @escape agent-mounted",
        "@tool agent-mounted",
    ),
    "Kernel replaced while running": ("@implant kernel-replaced", f"{INSTALLED}/kexec folder $tmp/x kernel-replaced"),
    "Arguments of a call changed while it ran": (
        "@implant open-rewritten",
        "@useradd private /etc made /etc/passwd- unlink /etc/passwd-",
    ),
    "File that decides put in place": (
        "@implant private /etc folder /etc/cron.d made /etc/x link /etc/x /etc/cron.d/y",
        "@implant private /etc made /etc/x link /etc/x /etc/y",
    ),
    "SSH keys of an account put in place": (
        "@implant folder $tmp/.ssh made $tmp/.ssh/t link $tmp/.ssh/t $tmp/.ssh/authorized_keys",
        "@implant folder $tmp/.ssh made $tmp/.ssh/t link $tmp/.ssh/t $tmp/.ssh/known_hosts",
    ),
    "Private SSH key given another name": (
        "@thief folder $tmp/.ssh made $tmp/.ssh/id_ed25519 link $tmp/.ssh/id_ed25519 $tmp/n",
        "@thief folder $tmp/.ssh made $tmp/.ssh/id_ed25519.pub link $tmp/.ssh/id_ed25519.pub $tmp/n",
    ),
    "Folders of the dynamic linker changed": (
        "@implant private /etc folder /etc/ld.so.conf.d open write /etc/ld.so.conf.d/x.conf",
        "@implant private /etc made /etc/ld.so.conf.x open read /etc/ld.so.conf.x",
    ),
    "Environment of another process read by a program that is not installed": (
        "@thief open read /proc/$here/environ",
        f"{IN_BIN}/ps folder $tmp/x open read /proc/$here/environ",
    ),
    "Password hashes handed to an editor": (
        "@a exec-as @editor sudoedit noop /etc/shadow $tmp",
        "@a exec-as @editor sudoedit noop /etc/motd $tmp",
    ),
    "Password hashes read by a shell below a package manager": (
        f"{IN_BIN}/apk folder /usr/bin/x child installed /usr/bin/x/bash folder $tmp/x open read /etc/shadow",
        f"{IN_BIN}/apk folder /usr/bin/x child installed /usr/bin/x/grep folder $tmp/x open read /etc/shadow",
    ),
    "Program in shared memory handed to another": (
        "@loader run @true $shm/x",
        "@loader run @true $tmp/x",
    ),
}

#: Commands, and their twins, that read the password hashes by the way, under another name.
READS_HASHES = {
    "Root directory exchanged by a program that is not installed",
    "Root directory changed by a program that is not installed",
    "Mounts changed by the newer calls",
    "over a layer",
}

#: And those that write them so.
WRITES_HASHES = {"Folder shown elsewhere by a program that is not installed"}

DISKS = {"Device node of a disk made by an unusual program", "Disk opened by a program that is not installed"}


def beside(key: str) -> set[str]:
    """Return the rules that fire for a command, or its twin, beside its own."""
    found = {"Password hashes read"} if key in READS_HASHES else set()
    if key == "Shell started with a network connection as its input":
        found.add("Interpreter led to a network connection")
    return found | ({"Accounts written by hand"} if key in WRITES_HASHES else set())


@pytest.fixture(scope="module")
def fired(start_agent, provocations, open_folder):
    """Run all lines under one agent and return the rules that fired for each."""
    outputs = open_folder / "outputs.yaml"
    outputs.write_text(WRITES_ALERTS)
    agent = start_agent(*RULES, outputs, settings={"falcohost": {"profile": "all"}})
    fires = {name: line for name, (line, _) in LINES.items()}
    twins = {f"twin of {name}": line for name, (_, line) in LINES.items()}
    more = {name: line for name, (_, line) in MORE.items()}
    lines = {**fires, **twins, **more, **QUIET}

    provocations.run(lines)
    provocations.run({"last": "@miner name kworker/last"})
    agent.wait_for(lambda alert: provocations.is_about(alert, "last"))
    assert agent.stop() == 0
    assert "more events pass" not in agent.log, "the kernel takes every filter as it is"
    return {key: provocations.rules_fired(agent, key) for key in lines}


def shipped_rules() -> list[dict[str, object]]:
    """Return the rules of all files, as they are written."""
    return [item for path in RULES for item in yaml.safe_load(path.read_text()) if "rule" in item]


def test_all_rules_are_here():
    """Every rule that the plugin ships has its lines here, or its real containers in test_container_rules."""
    there = {item["rule"] for item in yaml.safe_load(IN_CONTAINERS.read_text()) if "rule" in item}

    assert {rule["rule"] for rule in shipped_rules()} == set(LINES) | there


@pytest.mark.parametrize("rule", shipped_rules(), ids=lambda rule: str(rule["rule"]))
def test_says_what_it_is(rule):
    """A rule has a description that ends in a full stop, and tags: where it looks, a MITRE tactic and technique."""
    tags = set(rule["tags"])

    assert rule["desc"].strip().endswith(".")
    assert tags & {"host", "container"}
    assert any(tag.startswith("mitre_") for tag in tags)
    assert any(tag.startswith("T1") for tag in tags)


@pytest.mark.parametrize("rule", LINES)
def test_fires(fired, rule):
    """The rule, and no other that has nothing to do with the command, fires for it."""
    assert fired[rule] - (BY_THE_WAY - {rule}) == {rule} | beside(rule) | (DISKS if rule in DISKS else set())


@pytest.mark.parametrize("way", MORE)
def test_fires_for_other_ways(fired, way):
    """The rule fires as well where the same is done in another way."""
    assert fired[way] - BY_THE_WAY == {MORE[way][0]} | beside(way)


@pytest.mark.parametrize("line", QUIET)
def test_more_twins_fire_nothing(fired, line):
    """No rule fires for what is harmless."""
    assert fired[line] - BY_THE_WAY == set()


@pytest.mark.parametrize("rule", LINES)
def test_twin_fires_nothing(fired, rule):
    """The rule does not fire for the harmless twin, nor another."""
    assert fired[f"twin of {rule}"] - (BY_THE_WAY - {rule}) == beside(rule)
