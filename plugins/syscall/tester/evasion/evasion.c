/* Shared by the evasions; see evasion.h. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static ino_t target;

void cannot(const char *what)
{
	fprintf(stderr, "cannot here: %s: %s\n", what, strerror(errno));
	exit(CANNOT_HERE);
}

int must(const char *what, long result)
{
	if (result < 0 && (errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM))
		cannot(what);
	if (result < 0)
		die(what);
	return result;
}

pid_t beside(void (*prepare)(void *), void *argument)
{
	int ready[2];
	char byte;
	pid_t child;

	must("pipe", pipe(ready));
	child = must("fork", fork());
	if (child) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			die("child");
		return child;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prepare(argument);
	if (write(ready[1], "", 1) != 1)
		die("pipe");
	pause();
	_exit(0);
}

void own_mounts(void)
{
	must("mount namespace", unshare(CLONE_NEWNS));
	must("mount namespace", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static void fill(const char *path, const char *text)
{
	int fd = must(path, open(path, O_WRONLY | O_CREAT | O_EXCL, 0600));

	if (write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void make_etc(void)
{
	own_mounts();
	must("etc", mkdir("etc", 0755));
	must("tmpfs", mount("none", "etc", "tmpfs", 0, NULL));
	fill("etc/shadow", "old\n");
	fill("etc/next", "changed\n");
	must("etc/pam.d", mkdir("etc/pam.d", 0755));
}

static void show_etc(void)
{
	must("/etc", mount("etc", "/etc", NULL, MS_MOVE, NULL));
	remember_target();
}

void own_etc(void)
{
	make_etc();
	show_etc();
}

void own_etc_with_link(void)
{
	make_etc();
	must("etc/other", link("etc/shadow", "etc/other"));
	show_etc();
}

void remember_target(void)
{
	struct stat status;

	if (stat(TARGET, &status))
		cannot(TARGET);
	target = status.st_ino;
}

void link_target(const char *path)
{
	remember_target();
	if (link(path, "other") && errno == EXDEV)
		cannot("a working directory on the file system of " TARGET);
	must("other", access("other", F_OK));
}

int must_be_target(int fd)
{
	struct stat status;

	must(TARGET, fd);
	must("fstat", fstat(fd, &status));
	if (!target || status.st_ino != target) {
		fprintf(stderr, "another file was opened\n");
		exit(1);
	}
	return 0;
}

int must_be_changed(void)
{
	struct stat status;

	must(TARGET, stat(TARGET, &status));
	if (status.st_size != 8) {
		fprintf(stderr, "%s is as it was\n", TARGET);
		exit(1);
	}
	return 0;
}
