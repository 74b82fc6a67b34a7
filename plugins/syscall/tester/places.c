/* Places: commands that move somewhere and run the rest of the line there. */
#define _GNU_SOURCE
#include "tester.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <pty.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void own_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("mount namespace");
}

/* An empty file system over the folder, which nobody else sees and which ends with the process. */
static int run_private(int argc, char **argv)
{
	own_mounts();
	if (mount("none", argv[1], "tmpfs", 0, NULL))
		die(argv[1]);
	return dispatch(argc - 2, argv + 2);
}

/* A root directory of its own, in which /bin, /sbin and /lib are folders and no links, and /snap and /nix/store are there;
 * all others are the machine's. */
static int run_root(int argc, char **argv)
{
	const char *const folders[] = {"bin", "sbin", "lib", "snap", "nix", "nix/store", "old", NULL};
	const char *const shared[] = {"usr", "etc", "var", "tmp", "dev", "proc", "sys", "run", "opt", "root", NULL};
	char root[] = "/tmp/falcohost-root-XXXXXX", from[64];

	own_mounts();
	if (!mkdtemp(root) || mount("none", root, "tmpfs", 0, NULL) || chdir(root))
		die(root);
	for (int i = 0; folders[i]; i++)
		mkdir(folders[i], 0755);
	for (int i = 0; shared[i]; i++) {
		snprintf(from, sizeof(from), "/%s", shared[i]);
		if (mkdir(shared[i], 0755) || mount(from, shared[i], NULL, MS_BIND | (strcmp(shared[i], "tmp") ? MS_REC : 0), NULL))
			die(from);
	}
	if (symlink("usr/lib64", "lib64") || syscall(SYS_pivot_root, ".", "old") || chdir("/"))
		die("pivot_root");
	if (umount2("/old", MNT_DETACH) || rmdir(root))
		die(root);
	return dispatch(argc - 1, argv + 1);
}

/* This program under another path, which has to be in a private folder. */
static int run_installed(int argc, char **argv)
{
	int from = open("/proc/self/exe", O_RDONLY), to = open(argv[1], O_WRONLY | O_CREAT | O_EXCL, 0755);
	struct stat info;

	if (from < 0 || to < 0 || fstat(from, &info) || sendfile(to, from, NULL, info.st_size) != info.st_size)
		die(argv[1]);
	close(to);
	close(from);
	execv(argv[1], argv + 1);
	die("execv");
	return 1;
}

/* This program as a file in memory, by the name that the file has there. */
static int run_in_memory(int argc, char **argv)
{
	int from = open("/proc/self/exe", O_RDONLY), to = memfd_create(argv[1], MFD_CLOEXEC);
	struct stat info;

	if (from < 0 || to < 0 || fstat(from, &info) || sendfile(to, from, NULL, info.st_size) != info.st_size)
		die(argv[1]);
	close(from);
	fexecve(to, argv + 1, environ);
	die("fexecve");
	return 1;
}

static int run_cgroup(int argc, char **argv)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/cgroup.procs", argv[1]);
	write_file(path, "0");
	return dispatch(argc - 2, argv + 2);
}

static int run_as(int argc, char **argv)
{
	int id = atoi(argv[1]);

	if (setgroups(0, NULL) || setgid(id) || setuid(id))
		die("setuid");
	return dispatch(argc - 2, argv + 2);
}

/* The child is the first process of a new pid namespace. */
static int run_pids(int argc, char **argv)
{
	int pid;

	if (unshare(CLONE_NEWPID))
		die("pid namespace");
	pid = fork();
	if (!pid)
		_exit(dispatch(argc - 1, argv + 1));
	return wait_for(pid);
}

/* A network of its own, in which the loopback device has this address. */
static int run_network(int argc, char **argv)
{
	struct ifreq request = {.ifr_name = "lo"};
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
	int fd;

	if (unshare(CLONE_NEWNET))
		die("network namespace");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	address->sin_family = AF_INET;
	inet_pton(AF_INET, argv[1], &address->sin_addr);
	if (ioctl(fd, SIOCSIFADDR, &request))
		die("SIOCSIFADDR");
	request.ifr_flags = IFF_UP | IFF_LOOPBACK;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		die("SIOCSIFFLAGS");
	close(fd);
	return dispatch(argc - 2, argv + 2);
}

/* A child with a terminal of its own; its output is dropped. */
static int run_terminal(int argc, char **argv)
{
	char text[256];
	int master, pid = forkpty(&master, NULL, NULL, NULL);

	if (pid < 0)
		die("forkpty");
	if (!pid)
		_exit(dispatch(argc - 1, argv + 1));
	while (read(master, text, sizeof(text)) > 0)
		;
	return wait_for(pid);
}

static void copy_myself(const char *folder, const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT, 0755);
	if (fd < 0)
		die(path);
	copy_file("/proc/self/exe", fd);
	close(fd);
}

/* FOLDER/root is an overlay like those of container engines: `old` is in the image, `new` was added later; both are
 * copies of this program. */
static int run_overlay(int argc, char **argv)
{
	const char *const names[] = {"lower", "upper", "work", "root"};
	char path[4][1024], options[4096];

	own_mounts();
	if (mount("none", argv[1], "tmpfs", 0, NULL))
		die(argv[1]);
	for (int i = 0; i < 4; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%s", argv[1], names[i]);
		mkdir(path[i], 0755);
	}
	copy_myself(path[0], "old");
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", path[0], path[1], path[2]);
	if (mount("overlay", path[3], "overlay", 0, options))
		die("overlay");
	copy_myself(path[3], "new");
	return dispatch(argc - 2, argv + 2);
}

const struct command place_commands[] = {
	{"private", 2, "FOLDER COMMAND...", run_private},
	{"root", 1, "COMMAND...", run_root},
	{"installed", 2, "PATH COMMAND...", run_installed},
	{"in-memory", 2, "NAME COMMAND...", run_in_memory},
	{"cgroup", 2, "FOLDER COMMAND...", run_cgroup},
	{"as", 2, "UID COMMAND...", run_as},
	{"pids", 1, "COMMAND...", run_pids},
	{"network", 2, "ADDRESS COMMAND...", run_network},
	{"terminal", 1, "COMMAND...", run_terminal},
	{"overlay", 2, "FOLDER COMMAND...", run_overlay},
	{0},
};
