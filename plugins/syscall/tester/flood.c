/* flood SECONDS FILE [different|forks]: opens FILE as often as it can, on every processor, for so many seconds.
   "different": a number behind the name rises with each open. "forks": so does the number of processes, each opens
   FORK_OPENS times. The files need not be there. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FORK_OPENS 16

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void open_once(const char *name)
{
	int fd = open(name, O_RDONLY);

	if (fd >= 0)
		close(fd);
}

static void open_in_child(const char *name)
{
	pid_t child = fork();

	if (child) {
		waitpid(child, NULL, 0);
		return;
	}
	for (int i = 0; i < FORK_OPENS; i++)
		open_once(name);
	_exit(0);
}

int main(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	const char *how = argc > 3 ? argv[3] : "";
	double end;
	char name[4096];

	if (argc < 3)
		return 2;
	end = now() + atof(argv[1]);
	snprintf(name, sizeof name, "%s", argv[2]);
	for (long i = 0; i < processors; i++) {
		if (fork())
			continue;
		unsigned long done = 0;
		while (done % 256 || now() < end) {
			if (!strcmp(how, "different"))
				snprintf(name, sizeof name, "%s%lu", argv[2], done);
			if (!strcmp(how, "forks")) {
				open_in_child(name);
				done += FORK_OPENS;
			} else {
				open_once(name);
				done++;
			}
		}
		printf("%lu\n", done);
		fflush(stdout);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
