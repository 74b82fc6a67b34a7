/* Changing what a file's name leads to by other calls than opening it. All in an /etc of the program's own. */
#define _GNU_SOURCE
#include "evasion.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEXT "/etc/next"

static int write_create(int argc, char **argv)
{
	int fd;

	own_etc();
	fd = must(TARGET, creat(TARGET, 0600));
	return write(fd, "changed\n", 8) != 8;
}

static int write_truncate(int argc, char **argv)
{
	own_etc();
	must("truncate", truncate(TARGET, 8));
	return must_be_changed();
}

static int write_rename(int argc, char **argv)
{
	own_etc();
	must("rename", rename(NEXT, TARGET));
	return must_be_changed();
}

static int write_rename_linked(int argc, char **argv)
{
	own_etc();
	must("link", symlink("/etc/.", "link"));
	must("rename", rename("link/next", "link/shadow"));
	return must_be_changed();
}

static int write_rename_proc_root(int argc, char **argv)
{
	own_etc();
	must("rename", rename("/proc/self/root/etc/next", "/proc/self/root/etc/shadow"));
	return must_be_changed();
}

static int write_rename_relative(int argc, char **argv)
{
	int folder;

	own_etc();
	folder = must("/etc", open("/etc", O_PATH));
	must("renameat", renameat(folder, "next", folder, "shadow"));
	return must_be_changed();
}

static int write_exchange(int argc, char **argv)
{
	own_etc();
	must("renameat2", renameat2(AT_FDCWD, NEXT, AT_FDCWD, TARGET, RENAME_EXCHANGE));
	return must_be_changed();
}

static int write_link(int argc, char **argv)
{
	own_etc();
	must("unlink", unlink(TARGET));
	must("link", link(NEXT, TARGET));
	return must_be_changed();
}

static int write_symlink_in_place(int argc, char **argv)
{
	own_etc();
	must("unlink", unlink(TARGET));
	must("symlink", symlink("next", TARGET));
	return must_be_changed();
}

/* A file without a name is filled, and then given the name. */
static int write_unnamed(int argc, char **argv)
{
	char path[64];
	int fd;

	own_etc();
	fd = must("O_TMPFILE", open("/etc", O_TMPFILE | O_WRONLY, 0600));
	if (write(fd, "changed\n", 8) != 8)
		die("write");
	must("unlink", unlink(TARGET));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must("linkat", linkat(AT_FDCWD, path, AT_FDCWD, TARGET, AT_SYMLINK_FOLLOW));
	return must_be_changed();
}

static int write_mount_over(int argc, char **argv)
{
	own_etc();
	must("mount", mount(NEXT, TARGET, NULL, MS_BIND, NULL));
	return must_be_changed();
}

static int write_mount_over_linked(int argc, char **argv)
{
	own_etc();
	must("link", symlink("/etc/.", "link"));
	must("mount", mount("link/next", "link/shadow", NULL, MS_BIND, NULL));
	return must_be_changed();
}

static int tree_over(const char *target)
{
	int tree = must("open_tree", syscall(SYS_open_tree, AT_FDCWD, NEXT, OPEN_TREE_CLONE));

	must("move_mount", syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
	return must_be_changed();
}

static int write_tree_over(int argc, char **argv)
{
	own_etc();
	return tree_over(TARGET);
}

static int write_tree_over_linked(int argc, char **argv)
{
	own_etc();
	must("link", symlink("/etc/.", "link"));
	return tree_over("link/shadow");
}

static int write_by_handle(int argc, char **argv)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = {.handle.handle_bytes = MAX_HANDLE_SZ};
	int mount_id, folder, fd;

	own_etc();
	folder = must("/etc", open("/etc", O_RDONLY | O_DIRECTORY));
	must("name_to_handle_at", name_to_handle_at(AT_FDCWD, TARGET, &u.handle, &mount_id, 0));
	fd = must("open_by_handle_at", open_by_handle_at(folder, &u.handle, O_WRONLY));
	if (write(fd, "changed\n", 8) != 8)
		die("write");
	return must_be_changed();
}

static int write_ring(int argc, char **argv)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)TARGET,
				     .open_flags = O_WRONLY | O_TRUNC};
	int fd;

	own_etc();
	fd = must("open", ring_call(&entry));
	if (write(fd, "changed\n", 8) != 8)
		die("write");
	return must_be_changed();
}

static int write_ring_rename(int argc, char **argv)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, .addr = (unsigned long)NEXT,
				     .len = AT_FDCWD, .off = (unsigned long)TARGET};

	own_etc();
	must("rename", ring_call(&entry));
	return must_be_changed();
}

static int write_ring_link(int argc, char **argv)
{
	struct io_uring_sqe removal = {.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (unsigned long)TARGET};
	struct io_uring_sqe linking = {.opcode = IORING_OP_LINKAT, .fd = AT_FDCWD, .addr = (unsigned long)NEXT,
				       .len = AT_FDCWD, .off = (unsigned long)TARGET};

	own_etc();
	must("unlink", ring_call(&removal));
	must("link", ring_call(&linking));
	return must_be_changed();
}

static int write_32bit(int argc, char **argv)
{
	int fd;

	own_etc();
	fd = must("open", call32(5, (long)low_text(TARGET), O_WRONLY | O_TRUNC, 0, 0, 0));
	if (write(fd, "changed\n", 8) != 8)
		die("write");
	return must_be_changed();
}

static int write_32bit_rename(int argc, char **argv)
{
	own_etc();
	must("rename", call32(38, (long)low_text(NEXT), (long)low_text(TARGET), 0, 0, 0));
	return must_be_changed();
}

const struct command write_call_commands[] = {
	{"write-create", 0, "", write_create},
	{"write-truncate", 0, "", write_truncate},
	{"write-rename", 0, "", write_rename},
	{"write-rename-linked", 0, "", write_rename_linked},
	{"write-rename-proc-root", 0, "", write_rename_proc_root},
	{"write-rename-relative", 0, "", write_rename_relative},
	{"write-exchange", 0, "", write_exchange},
	{"write-link", 0, "", write_link},
	{"write-symlink-in-place", 0, "", write_symlink_in_place},
	{"write-unnamed", 0, "", write_unnamed},
	{"write-mount-over", 0, "", write_mount_over},
	{"write-mount-over-linked", 0, "", write_mount_over_linked},
	{"write-tree-over", 0, "", write_tree_over},
	{"write-tree-over-linked", 0, "", write_tree_over_linked},
	{"write-by-handle", 0, "", write_by_handle},
	{"write-ring", 0, "", write_ring},
	{"write-ring-rename", 0, "", write_ring_rename},
	{"write-ring-link", 0, "", write_ring_link},
	{"write-32bit", 0, "", write_32bit},
	{"write-32bit-rename", 0, "", write_32bit_rename},
	{0},
};
