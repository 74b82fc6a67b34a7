/* Leaving a container through namespaces, mounts and roots. Nothing outside of the process itself changes. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NO_DISK "/dev/no-such-disk"

static int join_descriptor(int argc, char **argv)
{
	return must("setns", setns(must("namespace", open("/proc/self/ns/uts", O_RDONLY)), CLONE_NEWUTS));
}

static int join_process(int argc, char **argv)
{
	return must("setns", setns(must("pidfd_open", syscall(SYS_pidfd_open, getpid(), 0)), CLONE_NEWUTS));
}

static int join_32bit(int argc, char **argv)
{
	return must("setns", call32(346, must("namespace", open("/proc/self/ns/uts", O_RDONLY)), CLONE_NEWUTS, 0, 0, 0));
}

/* There is no such disk; the request is enough. */
static int disk_mount(int argc, char **argv)
{
	mount(NO_DISK, ".", "ext4", MS_RDONLY, NULL);
	return 0;
}

/* The device under a name of its own. */
static int disk_other_name(int argc, char **argv)
{
	must("disk", symlink(NO_DISK, "disk"));
	mount("disk", ".", "ext4", MS_RDONLY, NULL);
	return 0;
}

static int disk_new_calls(int argc, char **argv)
{
	int system = must("fsopen", syscall(SYS_fsopen, "ext4", 0));

	must("fsconfig", syscall(SYS_fsconfig, system, FSCONFIG_SET_STRING, "source", NO_DISK, 0));
	syscall(SYS_fsconfig, system, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	return 0;
}

static int disk_32bit(int argc, char **argv)
{
	call32(21, (long)low_text(NO_DISK), (long)low_text("."), (long)low_text("ext4"), MS_RDONLY, 0);
	return 0;
}

static int host_root(int argc, char **argv)
{
	return must("chroot", chroot("/proc/self/root"));
}

static int host_root_relative(int argc, char **argv)
{
	must("chdir", chdir("/proc/self"));
	return must("chroot", chroot("root"));
}

static int host_root_symlink(int argc, char **argv)
{
	must("link", symlink("/proc/self/root", "link"));
	return must("chroot", chroot("link"));
}

static int host_root_pivot(int argc, char **argv)
{
	own_mounts();
	must("new", mkdir("new", 0755));
	must("new", mount("/", "new", NULL, MS_BIND, NULL));
	must("chdir", chdir("new"));
	return must("pivot_root", syscall(SYS_pivot_root, ".", "."));
}

/* The cgroup tells which container a process is in. */
static int cgroup_file(int argc, char **argv)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/../cgroup.procs", argv[1]);
	write_file(path, "0");
	return 0;
}

/* For a child from its start on. The cgroup is the root of cgroup v2. */
static int cgroup_clone(int argc, char **argv)
{
	struct clone_args arguments = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
	int pid, folder = open("/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY);

	if (folder < 0)
		folder = must("cgroup", open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY));
	arguments.cgroup = folder;
	pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid < 0 && errno == EBADF)
		cannot("cgroups of the newer kind");
	must("clone3", pid);
	if (!pid)
		_exit(0);
	return wait_for(pid);
}

/* When the last process of a cgroup has ended, the kernel starts the program that this file names. Nothing is written. */
static int agent_file(int argc, char **argv)
{
	static const char *const files[] = {"/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/pids/release_agent"};
	int fd = -1;

	for (int i = 0; i < 2 && fd < 0; i++)
		fd = open(files[i], O_WRONLY);
	if (fd < 0)
		cannot("cgroups of the older kind");
	return 0;
}

/* The same, named when the hierarchy is mounted. */
static int agent_mounted(int argc, char **argv)
{
	own_mounts();
	must("cgroup", mkdir("cgroup", 0755));
	if (mount("none", "cgroup", "cgroup", 0, "none,name=falcohost,release_agent=/none"))
		cannot("cgroups of the older kind");
	return 0;
}

static int agent_new_calls(int argc, char **argv)
{
	int system = syscall(SYS_fsopen, "cgroup", 0);

	if (system < 0)
		cannot("cgroups of the older kind");
	return must("fsconfig", syscall(SYS_fsconfig, system, FSCONFIG_SET_STRING, "release_agent", "/none", 0));
}

const struct command namespace_commands[] = {
	{"join-descriptor", 0, "", join_descriptor},
	{"join-process", 0, "", join_process},
	{"join-32bit", 0, "", join_32bit},
	{"disk-mount", 0, "", disk_mount},
	{"disk-other-name", 0, "", disk_other_name},
	{"disk-new-calls", 0, "", disk_new_calls},
	{"disk-32bit", 0, "", disk_32bit},
	{"host-root", 0, "", host_root},
	{"host-root-relative", 0, "", host_root_relative},
	{"host-root-symlink", 0, "", host_root_symlink},
	{"host-root-pivot", 0, "", host_root_pivot},
	{"cgroup-file", 1, "FOLDER", cgroup_file},
	{"cgroup-clone", 0, "", cgroup_clone},
	{"agent-file", 0, "", agent_file},
	{"agent-mounted", 0, "", agent_mounted},
	{"agent-new-calls", 0, "", agent_new_calls},
	{0},
};
