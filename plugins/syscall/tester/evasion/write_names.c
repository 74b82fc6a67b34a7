/* Writing a file under another spelling of its name. All in an /etc of the program's own. */
#define _GNU_SOURCE
#include "evasion.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_to(int fd)
{
	must(TARGET, fd);
	if (write(fd, "changed\n", 8) != 8)
		die("write");
	return 0;
}

static int write_as(const char *path)
{
	write_to(open(path, O_WRONLY | O_TRUNC));
	return must_be_changed();
}

static int write_plain(int argc, char **argv)
{
	own_etc();
	return write_as(TARGET);
}

static int write_symlink(int argc, char **argv)
{
	own_etc();
	must("link", symlink("/etc//shadow", "link"));
	return write_as("link");
}

static int write_dots_behind_link(int argc, char **argv)
{
	own_etc();
	must("link", symlink("/etc/pam.d", "link"));
	return write_as("link/../shadow");
}

static int write_relative(int argc, char **argv)
{
	own_etc();
	must("chdir", chdir("/etc"));
	return write_as("shadow");
}

static int write_from_descriptor(int argc, char **argv)
{
	own_etc();
	write_to(openat(must("/etc", open("/etc", O_PATH)), "shadow", O_WRONLY | O_TRUNC));
	return must_be_changed();
}

static int write_proc_root(int argc, char **argv)
{
	own_etc();
	return write_as("/proc/self/root/etc/shadow");
}

/* Opened for nothing at first. */
static int write_reopened(int argc, char **argv)
{
	char path[64];

	own_etc();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", must(TARGET, open(TARGET, O_PATH)));
	return write_as(path);
}

/* The root is back at its place when the change is looked at. */
static int write_chroot(int argc, char **argv)
{
	int root;

	own_etc();
	root = must("/", open("/", O_PATH));
	must("chroot", chroot("/etc"));
	write_to(open("/shadow", O_WRONLY | O_TRUNC));
	must("fchdir", fchdir(root));
	must("chroot", chroot("."));
	return must_be_changed();
}

static int write_bound_folder(int argc, char **argv)
{
	own_etc();
	must("bound", mkdir("bound", 0755));
	must("bound", mount("/etc", "bound", NULL, MS_BIND, NULL));
	return write_as("bound/shadow");
}

/* The machine's own file, in which nothing is written. */
static int write_hard_link(int argc, char **argv)
{
	link_target("/proc/self/root" TARGET);
	return must_be_target(open("other", O_WRONLY)) || unlink("other");
}

const struct command write_name_commands[] = {
	{"write-plain", 0, "", write_plain},
	{"write-symlink", 0, "", write_symlink},
	{"write-dots-behind-link", 0, "", write_dots_behind_link},
	{"write-relative", 0, "", write_relative},
	{"write-from-descriptor", 0, "", write_from_descriptor},
	{"write-proc-root", 0, "", write_proc_root},
	{"write-reopened", 0, "", write_reopened},
	{"write-chroot", 0, "", write_chroot},
	{"write-bound-folder", 0, "", write_bound_folder},
	{"write-hard-link", 0, "", write_hard_link},
	{0},
};
