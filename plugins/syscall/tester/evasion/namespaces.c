/* Leaving a container by namespaces, mounts and roots. Nothing outside of the process's own changes. */
#define _GNU_SOURCE
#include "evasion.h"
#include <fcntl.h>
#include <sched.h>
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

/* There is no such disk: that it is asked for is enough. */
static int disk_mount(int argc, char **argv)
{
	mount(NO_DISK, ".", "ext4", MS_RDONLY, NULL);
	return 0;
}

/* The device under a name of one's own. */
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
	{0},
};
