/* Reading a file in another place: mounts, roots, links, layers, and places that no path leads to. */
#define _GNU_SOURCE
#include "evasion.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_TREE_ATTR 467

static int read_chroot(int argc, char **argv)
{
	remember_target();
	must("chroot", chroot("/etc"));
	return must_be_target(open("/shadow", O_RDONLY));
}

/* The folder is outside of the root then, so its path cannot be told from there. */
static int read_outside_root(int argc, char **argv)
{
	int folder = must("/etc", open("/etc", O_PATH));

	remember_target();
	must("empty", mkdir("empty", 0755));
	must("chroot", chroot("empty"));
	return must_be_target(openat(folder, "shadow", O_RDONLY));
}

static void bind_etc(const char *folder)
{
	must(folder, mkdir(folder, 0755));
	must(folder, mount("/etc", folder, NULL, MS_BIND, NULL));
}

static int read_bound_folder(int argc, char **argv)
{
	remember_target();
	own_mounts();
	bind_etc("bound");
	return must_be_target(open("bound/shadow", O_RDONLY));
}

static int read_bound_file(int argc, char **argv)
{
	remember_target();
	own_mounts();
	close(must("bound", open("bound", O_WRONLY | O_CREAT, 0600)));
	must("bound", mount(TARGET, "bound", NULL, MS_BIND, NULL));
	return must_be_target(open("bound", O_RDONLY));
}

/* The mount is below the root directory that the process has taken. */
static int read_bound_chroot(int argc, char **argv)
{
	remember_target();
	own_mounts();
	must("jail", mkdir("jail", 0755));
	bind_etc("jail/bound");
	must("chroot", chroot("jail"));
	return must_be_target(open("/bound/shadow", O_RDONLY));
}

static int read_bound_link(int argc, char **argv)
{
	remember_target();
	own_mounts();
	bind_etc("bound");
	must("link", symlink("bound/../bound/shadow", "link"));
	return must_be_target(open("link", O_RDONLY));
}

/* When the file is opened, the mount is no longer in the tree. */
static int read_bound_descriptor(int argc, char **argv)
{
	int folder;

	remember_target();
	own_mounts();
	bind_etc("bound");
	folder = must("bound", open("bound", O_PATH));
	must("umount", umount2("bound", MNT_DETACH));
	return must_be_target(openat(folder, "./shadow", O_RDONLY));
}

/* The mount is only in another process's namespace. */
static void bind_of_its_own(void *argument)
{
	own_mounts();
	bind_etc("bound");
}

static int read_mount_of_another(int argc, char **argv)
{
	char path[4096], here[2048];

	remember_target();
	getcwd(here, sizeof(here));
	snprintf(path, sizeof(path), "/proc/%d/root%s/bound/shadow", beside(bind_of_its_own, NULL), here);
	return must_be_target(open(path, O_RDONLY));
}

/* Nested folders, 5,000 characters of path, and the bind mount below all of them. */
static int read_deep(int argc, char **argv)
{
	char name[251], here[2048];

	remember_target();
	memset(name, 'd', 250);
	name[250] = 0;
	own_mounts();
	must("tmpfs", mount("none", ".", "tmpfs", 0, NULL));
	must("tmpfs", chdir(getcwd(here, sizeof(here))));
	for (int i = 0; i < 20; i++) {
		must("mkdir", mkdir(name, 0755));
		must("chdir", chdir(name));
	}
	bind_etc("bound");
	return must_be_target(open("bound/shadow", O_RDONLY));
}

/* A copy of the mount that is not in the tree. */
static int read_detached_tree(int argc, char **argv)
{
	int tree;

	remember_target();
	tree = must("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/etc", OPEN_TREE_CLONE));
	return must_be_target(openat(tree, "shadow", O_RDONLY));
}

/* The same by the newest call, which may also change what the mount allows. */
static int read_detached_attributes(int argc, char **argv)
{
	int tree;

	remember_target();
	tree = must("open_tree_attr", syscall(OPEN_TREE_ATTR, AT_FDCWD, "/etc", OPEN_TREE_CLONE, NULL, 0));
	return must_be_target(openat(tree, "shadow", O_RDONLY));
}

static int read_unmounted(int argc, char **argv)
{
	remember_target();
	own_mounts();
	bind_etc("bound");
	must("chdir", chdir("bound"));
	must("umount", umount2("../bound", MNT_DETACH));
	return must_be_target(open("shadow", O_RDONLY));
}

static int read_overlay(int argc, char **argv)
{
	remember_target();
	own_mounts();
	must("layer", mkdir("layer", 0755));
	must("over", mkdir("over", 0755));
	must("overlay", mount("overlay", "over", "overlay", 0, "lowerdir=layer:/etc"));
	return must_be_target(open("over/shadow", O_RDONLY));
}

/* Names of /proc, but not below /proc. */
static int read_second_proc(int argc, char **argv)
{
	remember_target();
	own_mounts();
	must("p", mkdir("p", 0755));
	must("proc", mount("proc", "p", "proc", 0, NULL));
	return must_be_target(open("p/self/root/etc/shadow", O_RDONLY));
}

static int read_pivoted(int argc, char **argv)
{
	remember_target();
	own_mounts();
	must("new", mkdir("new", 0755));
	must("tmpfs", mount("none", "new", "tmpfs", 0, NULL));
	must("new/old", mkdir("new/old", 0755));
	must("pivot_root", syscall(SYS_pivot_root, "new", "new/old"));
	return must_be_target(open("/old/etc/shadow", O_RDONLY));
}

static int read_hard_link(int argc, char **argv)
{
	link_target("/proc/self/root" TARGET);
	return must_be_target(open("other", O_RDONLY)) || unlink("other");
}

static int read_hard_link_by_name(int argc, char **argv)
{
	link_target(TARGET);
	return must_be_target(open("other", O_RDONLY)) || unlink("other");
}

static int read_hard_link_bound(int argc, char **argv)
{
	link_target("/proc/self/root" TARGET);
	own_mounts();
	must("bound", mkdir("bound", 0755));
	must("bound", mount(".", "bound", NULL, MS_BIND, NULL));
	return must_be_target(open("bound/other", O_RDONLY)) || unlink("other");
}

static int read_renamed_file(int argc, char **argv)
{
	own_etc();
	must("rename", rename(TARGET, "/etc/x"));
	return must_be_target(open("/etc/x", O_RDONLY));
}

/* Not the file but the disk that it is on, under a new name. Some machines refuse to open it. */
static int read_disk(int argc, char **argv)
{
	struct stat status;

	must("/etc", stat("/etc", &status));
	own_mounts();
	must("nodes", mkdir("nodes", 0700));
	must("tmpfs", mount("none", "nodes", "tmpfs", 0, NULL));
	must("mknod", mknod("nodes/disk", S_IFBLK | 0600, status.st_dev));
	if (open("nodes/disk", O_RDONLY) >= 0)
		return 0;
	/* A machine may keep everybody from its own disk. */
	if (stat("/dev/loop0", &status))
		cannot("a disk that may be opened");
	must("mknod", mknod("nodes/other", S_IFBLK | 0600, status.st_rdev));
	return must("disk", open("nodes/other", O_RDONLY)) < 0;
}

const struct command read_place_commands[] = {
	{"read-chroot", 0, "", read_chroot},
	{"read-outside-root", 0, "", read_outside_root},
	{"read-bound-folder", 0, "", read_bound_folder},
	{"read-bound-file", 0, "", read_bound_file},
	{"read-bound-chroot", 0, "", read_bound_chroot},
	{"read-bound-link", 0, "", read_bound_link},
	{"read-bound-descriptor", 0, "", read_bound_descriptor},
	{"read-mount-of-another", 0, "", read_mount_of_another},
	{"read-deep", 0, "", read_deep},
	{"read-detached-tree", 0, "", read_detached_tree},
	{"read-detached-attributes", 0, "", read_detached_attributes},
	{"read-unmounted", 0, "", read_unmounted},
	{"read-overlay", 0, "", read_overlay},
	{"read-second-proc", 0, "", read_second_proc},
	{"read-pivoted", 0, "", read_pivoted},
	{"read-hard-link", 0, "", read_hard_link},
	{"read-hard-link-by-name", 0, "", read_hard_link_by_name},
	{"read-hard-link-bound", 0, "", read_hard_link_bound},
	{"read-renamed-file", 0, "", read_renamed_file},
	{"read-disk", 0, "", read_disk},
	{0},
};
