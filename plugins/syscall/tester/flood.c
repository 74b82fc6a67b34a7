/* flood SECONDS FILE [different]: opens FILE as often as it can, on every processor, for so many seconds.
   "different": a number behind the name rises with each open. The files need not be there. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
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
			if (argc > 3)
				snprintf(name, sizeof name, "%s%lu", argv[2], done);
			int fd = open(name, O_RDONLY);
			if (fd >= 0)
				close(fd);
			done++;
		}
		printf("%lu\n", done);
		fflush(stdout);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
