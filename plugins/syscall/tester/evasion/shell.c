/* A server starting a shell, which then does nothing, without being seen as the server, or the shell as a shell. */
#define _GNU_SOURCE
#include "evasion.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

static int shell(const char *path, const char *name)
{
	int pid = must("fork", fork());

	if (!pid) {
		execl(path, name, "-c", ":", NULL);
		die(path);
	}
	return wait_for(pid);
}

static int shell_plain(int argc, char **argv)
{
	return shell("/bin/sh", "sh");
}

static int shell_copied(int argc, char **argv)
{
	int fd = must("worker", open("worker", O_WRONLY | O_CREAT, 0755));

	copy_file("/bin/sh", fd);
	close(fd);
	return shell("./worker", "worker");
}

static int shell_linked(int argc, char **argv)
{
	must("worker", symlink("/bin/sh", "worker"));
	return shell("./worker", "worker");
}

/* The server takes another name before. */
static int shell_renamed_server(int argc, char **argv)
{
	must("prctl", prctl(PR_SET_NAME, "worker"));
	return shell("/bin/sh", "sh");
}

/* Waits until its parent is gone, then becomes a worker that starts the shell. */
static void orphan(int parent)
{
	while (getppid() == parent)
		usleep(1000);
	must("worker", symlink("/proc/self/exe", "worker"));
	execl("./worker", "worker", "shell-plain", NULL);
	die("worker");
}

/* No process above the shell is a server any more. */
static int shell_orphaned(int argc, char **argv)
{
	int ends[2], parent;
	char byte;

	must("pipe", pipe(ends));
	if (must("fork", fork())) {
		/* Until the last one that has the other end is gone. */
		close(ends[1]);
		return read(ends[0], &byte, 1) != 0;
	}
	parent = getpid();
	if (!must("fork", fork()))
		orphan(parent);
	_exit(0);
}

const struct command shell_commands[] = {
	{"shell-plain", 0, "", shell_plain},
	{"shell-copied", 0, "", shell_copied},
	{"shell-linked", 0, "", shell_linked},
	{"shell-renamed-server", 0, "", shell_renamed_server},
	{"shell-orphaned", 0, "", shell_orphaned},
	{0},
};
