/* Getting rights by calls that rules do not name. Those that make no file are for a user without rights. */
#define _GNU_SOURCE
#include "evasion.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FCHMODAT2 452
#define SETXATTRAT 463
#define SET_UID 04755

/* The kernel refuses it, which is not a failure here. */
static int root_setuid(int argc, char **argv)
{
	syscall(SYS_setuid, 0);
	return 0;
}

static int root_32bit(int argc, char **argv)
{
	call32(213, 0, 0, 0, 0, 0);
	return 0;
}

static int root_16bit_ids(int argc, char **argv)
{
	call32(23, 0, 0, 0, 0, 0);
	return 0;
}

static int root_32bit_setresuid(int argc, char **argv)
{
	call32(208, -1, 0, -1, 0, 0);
	return 0;
}

static int root_fsuid(int argc, char **argv)
{
	setfsuid(0);
	return 0;
}

static int root_capset(int argc, char **argv)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2] = {{-1, -1, -1}, {-1, -1, -1}};

	syscall(SYS_capset, &header, all);
	return 0;
}

static int user_namespace(int argc, char **argv)
{
	return must("unshare", unshare(CLONE_NEWUSER));
}

static int user_namespace_clone(int argc, char **argv)
{
	int pid = must("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));

	if (!pid)
		_exit(0);
	return wait_for(pid);
}

static int user_namespace_clone3(int argc, char **argv)
{
	struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	int pid = must("clone3", syscall(SYS_clone3, &arguments, sizeof(arguments)));

	if (!pid)
		_exit(0);
	return wait_for(pid);
}

static int user_namespace_32bit(int argc, char **argv)
{
	return must("unshare", call32(310, CLONE_NEWUSER, 0, 0, 0, 0));
}

static int made(const char *path)
{
	return must(path, open(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static int setuid_chmod(int argc, char **argv)
{
	close(made("program"));
	return must("chmod", chmod("program", SET_UID));
}

static int setuid_descriptor(int argc, char **argv)
{
	return must("fchmod", fchmod(made("program"), SET_UID));
}

static int setuid_fchmodat2(int argc, char **argv)
{
	close(made("program"));
	return must("fchmodat2", syscall(FCHMODAT2, AT_FDCWD, "program", SET_UID, 0));
}

static int setuid_32bit(int argc, char **argv)
{
	close(made("program"));
	return must("chmod", call32(15, (long)low_text("program"), SET_UID, 0, 0, 0));
}

/* The bit is set from the file's creation on; nothing is changed later. */
static int setuid_open(int argc, char **argv)
{
	umask(0);
	return must("open", open("program", O_WRONLY | O_CREAT | O_EXCL, SET_UID)) < 0;
}

static int setuid_mknod(int argc, char **argv)
{
	umask(0);
	return must("mknod", mknod("program", S_IFREG | SET_UID, 0));
}

static int setuid_create(int argc, char **argv)
{
	umask(0);
	return must("creat", creat("program", SET_UID)) < 0;
}

static int setuid_ring(int argc, char **argv)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)"program",
				     .open_flags = O_WRONLY | O_CREAT | O_EXCL, .len = SET_UID};

	umask(0);
	return must("open", ring_call(&entry)) < 0;
}

/* The file has that mode before it has a name. */
static int setuid_unnamed(int argc, char **argv)
{
	char path[64];
	int fd;

	umask(0);
	fd = must("open", open(".", O_WRONLY | O_TMPFILE, SET_UID));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return must("link", linkat(AT_FDCWD, path, AT_FDCWD, "program", AT_SYMLINK_FOLLOW));
}

/* Not the bit, but a capability of the file. */
#define CAPABILITY "security.capability"

static const struct vfs_cap_data capability = {
	.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
	.data = {{.permitted = 1 << CAP_SETUID}},
};

static int file_capability(int argc, char **argv)
{
	return must("fsetxattr", fsetxattr(made("program"), CAPABILITY, &capability, sizeof(capability), 0));
}

/* The newest call for it. */
static int file_capability_at(int argc, char **argv)
{
	struct {
		unsigned long long value;
		unsigned size, flags;
	} arguments = {(unsigned long)&capability, sizeof(capability), 0};

	close(made("program"));
	return must("setxattrat", syscall(SETXATTRAT, AT_FDCWD, "program", 0, CAPABILITY, &arguments, sizeof(arguments)));
}

static int file_capability_ring(int argc, char **argv)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_SETXATTR, .addr = (unsigned long)CAPABILITY,
				     .addr2 = (unsigned long)&capability, .addr3 = (unsigned long)"program",
				     .len = sizeof(capability)};

	close(made("program"));
	return must("setxattr", ring_call(&entry));
}

static int file_capability_ring_descriptor(int argc, char **argv)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_FSETXATTR, .fd = made("program"), .addr = (unsigned long)CAPABILITY,
				     .addr2 = (unsigned long)&capability, .len = sizeof(capability)};

	return must("fsetxattr", ring_call(&entry));
}

const struct command privilege_commands[] = {
	{"root-setuid", 0, "", root_setuid},
	{"root-32bit", 0, "", root_32bit},
	{"root-16bit-ids", 0, "", root_16bit_ids},
	{"root-32bit-setresuid", 0, "", root_32bit_setresuid},
	{"root-fsuid", 0, "", root_fsuid},
	{"root-capset", 0, "", root_capset},
	{"user-namespace", 0, "", user_namespace},
	{"user-namespace-clone", 0, "", user_namespace_clone},
	{"user-namespace-clone3", 0, "", user_namespace_clone3},
	{"user-namespace-32bit", 0, "", user_namespace_32bit},
	{"setuid-chmod", 0, "", setuid_chmod},
	{"setuid-descriptor", 0, "", setuid_descriptor},
	{"setuid-fchmodat2", 0, "", setuid_fchmodat2},
	{"setuid-32bit", 0, "", setuid_32bit},
	{"setuid-open", 0, "", setuid_open},
	{"setuid-mknod", 0, "", setuid_mknod},
	{"setuid-create", 0, "", setuid_create},
	{"setuid-ring", 0, "", setuid_ring},
	{"setuid-unnamed", 0, "", setuid_unnamed},
	{"file-capability", 0, "", file_capability},
	{"file-capability-at", 0, "", file_capability_at},
	{"file-capability-ring", 0, "", file_capability_ring},
	{"file-capability-ring-descriptor", 0, "", file_capability_ring_descriptor},
	{0},
};
