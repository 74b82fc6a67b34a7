/* flood FILE [different|forks]: opens FILE as often as it can, on every processor, until its group gets SIGTERM.
   "different": a number behind the name rises with each open. "forks": so does the number of processes, each opens
   FORK_OPENS times. The files need not be there. Each processor's number of opens is printed. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORK_OPENS 16

static volatile sig_atomic_t ended;

static void end(int signal)
{
	ended = signal;
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
	pid_t parent = getpid();
	const char *how = argc > 2 ? argv[2] : "";
	char name[4096];

	if (argc < 2)
		return 2;
	signal(SIGTERM, end);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* and those below see who their parent is */
	snprintf(name, sizeof name, "%s", argv[1]);
	for (long i = 0; i < processors; i++) {
		if (fork())
			continue;
		unsigned long done = 0;
		while (done % 256 || (!ended && getppid() == parent)) {
			if (!strcmp(how, "different"))
				snprintf(name, sizeof name, "%s%lu", argv[1], done);
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
