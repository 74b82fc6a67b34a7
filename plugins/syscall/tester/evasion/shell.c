/* A server starts a shell, which does nothing, without looking like the server, or the shell like a shell. */
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

/* The dynamic linker is started, and told to load the shell. */
static int shell_linker(int argc, char **argv)
{
	static const char *const linkers[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};
	int pid;

	for (int i = 0; i < 2; i++) {
		if (access(linkers[i], X_OK))
			continue;
		pid = must("fork", fork());
		if (pid)
			return wait_for(pid);
		execl(linkers[i], "worker", "/bin/sh", "-c", ":", NULL);
		die(linkers[i]);
	}
	cannot("dynamic linker");
}

/* A script without the name of a shell. */
static int shell_script(int argc, char **argv)
{
	int fd = must("worker", open("worker", O_WRONLY | O_CREAT, 0755));

	if (write(fd, "#!/bin/sh\n:\n", 12) != 12)
		die("worker");
	close(fd);
	return shell("./worker", "worker");
}

/* Not a shell, but something that can do all that a shell can. */
static int shell_interpreter(int argc, char **argv)
{
	int pid;

	if (access("/usr/bin/perl", X_OK))
		cannot("/usr/bin/perl");
	pid = must("fork", fork());
	if (!pid) {
		execl("/usr/bin/perl", "perl", "-e", "1", NULL);
		die("/usr/bin/perl");
	}
	return wait_for(pid);
}

static int shell_linked(int argc, char **argv)
{
	must("worker", symlink("/bin/sh", "worker"));
	return shell("./worker", "worker");
}

/* The server takes another name first. */
static int shell_renamed_server(int argc, char **argv)
{
	must("prctl", prctl(PR_SET_NAME, "worker"));
	return shell("/bin/sh", "sh");
}

#define WORKING_USER 33 /* the one of web servers, on Debian */

/* Servers are started with a user of their own. */
static void become_server(void)
{
	must("setgid", setgid(WORKING_USER));
	must("setuid", setuid(WORKING_USER));
}

static void become_worker(void)
{
	execl("./worker", "worker", "shell-plain", NULL);
	die("worker");
}

static void become_shell(void)
{
	execl("/bin/sh", "sh", "-c", ":", NULL);
	die("/bin/sh");
}

/* Makes a grandchild become something when its parent has ended and no process above it is a server any more. */
static int orphan(void (*become)(void))
{
	int ends[2], parent;
	char byte;

	must("worker", symlink("/proc/self/exe", "worker"));
	become_server();
	must("pipe", pipe(ends));
	if (must("fork", fork())) {
		/* Until the last one that has the other end is gone. */
		close(ends[1]);
		return read(ends[0], &byte, 1) != 0;
	}
	parent = getpid();
	if (must("fork", fork()))
		_exit(0);
	while (getppid() == parent)
		usleep(1000);
	become();
	return 1;
}

static int shell_orphaned(int argc, char **argv)
{
	return orphan(become_worker);
}

static int shell_orphaned_itself(int argc, char **argv)
{
	return orphan(become_shell);
}

#define GENERATIONS 12

/* So far below the server that no filter in the kernel looks up to it. */
static int shell_deep(int argc, char **argv)
{
	for (int i = 0; i < GENERATIONS; i++) {
		int pid = must("fork", fork());

		if (pid)
			return wait_for(pid);
	}
	return shell("/bin/sh", "sh");
}

const struct command shell_commands[] = {
	{"shell-plain", 0, "", shell_plain},
	{"shell-copied", 0, "", shell_copied},
	{"shell-linker", 0, "", shell_linker},
	{"shell-script", 0, "", shell_script},
	{"shell-interpreter", 0, "", shell_interpreter},
	{"shell-linked", 0, "", shell_linked},
	{"shell-renamed-server", 0, "", shell_renamed_server},
	{"shell-orphaned", 0, "", shell_orphaned},
	{"shell-orphaned-itself", 0, "", shell_orphaned_itself},
	{"shell-deep", 0, "", shell_deep},
	{0},
};
