/* Commands about files: opening, modes, links, removal. `made`, `folder` and `linked` make one and run the
 * rest of the line. */
#define _GNU_SOURCE
#include "tester.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_flags(const char *how)
{
	if (!strcmp(how, "read"))
		return O_RDONLY;
	if (!strcmp(how, "write"))
		return O_WRONLY | O_CREAT;
	if (!strcmp(how, "truncate"))
		return O_WRONLY | O_CREAT | O_TRUNC;
	if (!strcmp(how, "append"))
		return O_WRONLY | O_CREAT | O_APPEND;
	if (!strcmp(how, "path"))
		return O_PATH;
	if (!strcmp(how, "path-write"))
		return O_PATH | O_WRONLY;
	if (!strcmp(how, "path-truncate"))
		return O_PATH | O_WRONLY | O_TRUNC;
	fprintf(stderr, "no way to open: %s\n", how);
	exit(2);
}

/* Nothing is read or written: the open itself is the event. */
static int run_open(int argc, char **argv)
{
	int fd = open(argv[2], open_flags(argv[1]), 0600);

	if (fd < 0)
		die(argv[2]);
	close(fd);
	return 0;
}

static int run_creat(int argc, char **argv)
{
#ifdef SYS_creat
	int fd = syscall(SYS_creat, argv[1], 0600); /* a C library may call another one */
#else
	int fd = creat(argv[1], 0600); /* this processor has no such call */
#endif

	if (fd < 0)
		die(argv[1]);
	close(fd);
	return 0;
}

static int run_made(int argc, char **argv)
{
	int fd = open(argv[1], O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		die(argv[1]);
	close(fd);
	return dispatch(argc - 2, argv + 2);
}

static int run_folder(int argc, char **argv)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/", argv[1]);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0755) && errno != EEXIST)
			die(path);
		*slash = '/';
	}
	return argc > 2 ? dispatch(argc - 2, argv + 2) : 0;
}

static int run_chmod(int argc, char **argv)
{
	if (chmod(argv[2], strtol(argv[1], NULL, 8)))
		die(argv[2]);
	return 0;
}

static int run_fchmod(int argc, char **argv)
{
	int fd = open(argv[2], O_RDONLY);

	if (fd < 0 || fchmod(fd, strtol(argv[1], NULL, 8)))
		die(argv[2]);
	return 0;
}

static int run_unlink(int argc, char **argv)
{
	if (unlink(argv[1]))
		die(argv[1]);
	return 0;
}

static int run_unlinkat(int argc, char **argv)
{
	int dir = open(argv[1], O_PATH | O_DIRECTORY);

	if (dir < 0 || unlinkat(dir, argv[2], 0))
		die(argv[2]);
	return 0;
}

static int run_symlink(int argc, char **argv)
{
	if (symlink(argv[1], argv[2]))
		die(argv[2]);
	return unlink(argv[2]);
}

static int run_link(int argc, char **argv)
{
	if (link(argv[1], argv[2]))
		die(argv[2]);
	return unlink(argv[2]);
}

/* As programs are made: executable from the start. */
static int run_open_executable(int argc, char **argv)
{
	int fd = open(argv[1], O_WRONLY | O_CREAT, 0755);

	if (fd < 0)
		die(argv[1]);
	close(fd);
	return 0;
}

/* A named pipe, which can be opened for both without waiting. */
static int run_pipe(int argc, char **argv)
{
	int fd;

	if (mkfifo(argv[1], 0600) || (fd = open(argv[1], O_RDWR)) < 0)
		die(argv[1]);
	close(fd);
	return unlink(argv[1]);
}

static int run_rename(int argc, char **argv)
{
	if (rename(argv[1], argv[2]))
		die(argv[2]);
	return 0;
}

static int run_renameat(int argc, char **argv)
{
	if (renameat(AT_FDCWD, argv[1], AT_FDCWD, argv[2]))
		die(argv[2]);
	return 0;
}

static int run_symlinkat(int argc, char **argv)
{
	if (symlinkat(argv[1], AT_FDCWD, argv[2]))
		die(argv[2]);
	return unlink(argv[2]);
}

static int run_linkat(int argc, char **argv)
{
	if (linkat(AT_FDCWD, argv[1], AT_FDCWD, argv[2], 0))
		die(argv[2]);
	return unlink(argv[2]);
}

static int run_linked(int argc, char **argv)
{
	if (symlink(argv[1], argv[2]))
		die(argv[2]);
	return dispatch(argc - 3, argv + 3);
}

static int open_handle(const char *path, int flags)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = {.handle.handle_bytes = MAX_HANDLE_SZ};
	int mount_id, fd, mount = open(path, O_RDONLY);

	if (mount < 0 || name_to_handle_at(AT_FDCWD, path, &u.handle, &mount_id, 0))
		die(path);
	fd = open_by_handle_at(mount, &u.handle, flags);
	if (fd < 0)
		die("open_by_handle_at");
	return 0;
}

static int run_handle(int argc, char **argv)
{
	return open_handle(argv[1], O_RDONLY);
}

static int run_handle_write(int argc, char **argv)
{
	return open_handle(argv[1], O_WRONLY);
}

const struct command file_commands[] = {
	{"open", 2, "read|write|truncate|append FILE", run_open},
	{"creat", 1, "FILE", run_creat},
	{"open-executable", 1, "FILE", run_open_executable},
	{"pipe", 1, "FILE (and remove it)", run_pipe},
	{"rename", 2, "FILE NAME", run_rename},
	{"renameat", 2, "FILE NAME", run_renameat},
	{"symlinkat", 2, "TARGET LINK (and remove it)", run_symlinkat},
	{"linkat", 2, "FILE LINK (and remove it)", run_linkat},
	{"linked", 3, "TARGET LINK COMMAND...", run_linked},
	{"made", 2, "FILE COMMAND...", run_made},
	{"folder", 1, "FOLDER [COMMAND...]", run_folder},
	{"chmod", 2, "MODE FILE", run_chmod},
	{"fchmod", 2, "MODE FILE", run_fchmod},
	{"unlink", 1, "FILE", run_unlink},
	{"unlinkat", 2, "FOLDER FILE", run_unlinkat},
	{"symlink", 2, "TARGET LINK (and remove it)", run_symlink},
	{"link", 2, "FILE LINK (and remove it)", run_link},
	{"handle", 1, "FILE", run_handle},
	{"handle-write", 1, "FILE", run_handle_write},
	{0},
};
