/* What fills tables: "sleep N" has N processes that sleep and share their memory, "bomb SECONDS" forks as fast as a
 * limit of 2,000 processes allows, "cgroups N FOLDER" starts a program in N cgroups, one after the other. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int waits(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

static int sleepers(long count)
{
	/* Who only waits needs hardly a stack; all wait with the same one, which none of them returns from. */
	static char stacks[64][4096] __attribute__((aligned(64)));
	long made = 0;

	setpgid(0, 0);
	while (made < count && clone(waits, stacks[made % 64] + 4096, CLONE_VM | CLONE_FS | CLONE_FILES, NULL) > 0)
		made++;
	printf("%ld\n", made);
	fflush(stdout);
	pause();
	return 0;
}

static int bomb(double seconds)
{
	struct rlimit most = { 2000, 2000 };
	time_t end = time(NULL) + (time_t)seconds;
	long *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t first = getpid();

	if (setgid(65534) || setuid(65534) || setrlimit(RLIMIT_NPROC, &most))
		return 1;
	for (int tries = 0; time(NULL) < end; tries++) {
		pid_t pid = fork();
		if (pid > 0)
			__atomic_fetch_add(made, 1, __ATOMIC_RELAXED);
		else if (pid == 0)
			tries = 0;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (tries >= 20 && getpid() != first)
			_exit(0); /* which makes room for the others' children */
	}
	if (getpid() == first)
		printf("%ld\n", *made);
	return 0;
}

static int cgroups(long count, const char *folder)
{
	char path[256], procs[300];

	for (long at = 0; at < count; at++) {
		snprintf(path, sizeof path, "%s/bounds-%ld", folder, at);
		snprintf(procs, sizeof procs, "%s/cgroup.procs", path);
		if (mkdir(path, 0755) && errno != EEXIST)
			return 1;
		pid_t pid = fork();
		if (pid == 0) {
			int file = open(procs, O_WRONLY);
			if (file < 0 || write(file, "0", 1) != 1)
				_exit(2);
			close(file);
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
		while (rmdir(path) && errno == EBUSY)
			usleep(100);
	}
	printf("%ld\n", count);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "sleep"))
		return sleepers(atol(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "bomb"))
		return bomb(atof(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "cgroups"))
		return cgroups(atol(argv[2]), argv[3]);
	return 2;
}
