/* Writes the kernel's facts of this process and its ancestors, from /proc. */
#define _GNU_SOURCE
#include "mark.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANCESTORS 5

static int argument_count;
static char **arguments;

void die(const char *what)
{
	perror(what);
	exit(1);
}

void mark_arguments(int argc, char **argv)
{
	argument_count = argc;
	arguments = argv;
}

static int read_file(const char *path, char *text, int size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), n;

	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	return n;
}

/* Name and parent of a process; the parent is 0 above the first process. */
static int look_up(int pid, char *name)
{
	char path[64], text[1024], *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_file(path, text, sizeof(text)) < 0)
		die(path);
	end = strrchr(text, ')');
	*end = 0;
	strcpy(name, strchr(text, '(') + 1);
	return atoi(end + 4);
}

static void own_name(char *name)
{
	int n = read_file("/proc/thread-self/comm", name, 64);

	if (n < 1)
		die("/proc/thread-self/comm");
	name[n - 1] = 0;
}

static int add_ancestors(char *line, int length, int size)
{
	char name[64];
	int pid = getppid();

	for (int i = 0; i < ANCESTORS && pid > 0; i++) {
		pid = look_up(pid, name);
		length += snprintf(line + length, size - length, "\t%s", name);
	}
	return length;
}

void mark(const char *way, int number)
{
	char line[2048], path[64], name[64];
	int n;

	own_name(name);
	n = snprintf(line, sizeof(line), "%d\t%s\t%d\t%ld\t%d\t%s\t", number, way, getpid(), syscall(SYS_gettid), getppid(), name);
	for (int i = 1; i < argument_count; i++)
		n += snprintf(line + n, sizeof(line) - n, "%s%s", i > 1 ? " " : "", arguments[i]);
	n = add_ancestors(line, n, sizeof(line) - 1);
	line[n++] = '\n';
	snprintf(path, sizeof(path), "/falcohost-mark/%d", number);
	if (!chroot(path) || write(1, line, n) != n)
		die("mark");
}
