/* tester: does one known thing, so that a test can see what is reported about it.
 *
 *	tester COMMAND ARGUMENT...
 *
 * Places are commands that move somewhere (a cgroup, a namespace, another user) and then run the rest of the line there:
 * `tester private /etc open write /etc/ld.so.preload` writes this file in a file system of its own. A command removes
 * everything that it makes outside of its own namespaces and its folder before it ends. The folder `evasion` has ways
 * to do the same unseen. The tests build it from all files here except truth.c and mark.c.
 */
#define _GNU_SOURCE
#include "tester.h"
#include "evasion/evasion.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct command *const groups[] = {
	place_commands, file_commands, process_commands, kernel_commands, network_commands,
	read_name_commands, read_place_commands, read_call_commands, read_ring_commands, read_other_commands, agent_commands,
	write_name_commands, write_call_commands, rewritten_commands,
	exec_commands, shell_commands, connect_commands, privilege_commands, namespace_commands, injection_commands, NULL,
};

void die(const char *what)
{
	perror(what);
	exit(1);
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

void copy_file(const char *from, int to)
{
	int fd = open(from, O_RDONLY);
	ssize_t n = 1;

	if (fd < 0)
		die(from);
	while (n > 0)
		n = sendfile(to, fd, NULL, 1 << 20);
	if (n < 0)
		die("sendfile");
	close(fd);
}

int wait_for(int pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int usage(void)
{
	fprintf(stderr, "usage: tester COMMAND ARGUMENT...\n");
	for (int i = 0; groups[i]; i++)
		for (const struct command *c = groups[i]; c->name; c++)
			fprintf(stderr, "  %s %s\n", c->name, c->usage);
	return 2;
}

int dispatch(int argc, char **argv)
{
	for (int i = 0; argc > 0 && groups[i]; i++)
		for (const struct command *c = groups[i]; c->name; c++)
			if (!strcmp(c->name, argv[0]))
				return argc > c->arguments ? c->run(argc, argv) : usage();
	return usage();
}

/* Before the command may be the path of a script, as interpreters have it. */
int main(int argc, char **argv)
{
	int script = argc > 2 && argv[1][0] == '/';

	return dispatch(argc - 1 - script, argv + 1 + script);
}
