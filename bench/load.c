/* One loaded core for bench/overhead.py: repeats one thing for a time and prints how often it was done.
 *
 *   load MODE SECONDS CPU      MODE: getppid | openclose | pipe | file | forkexec | connect
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

static void do_openclose(void)
{
	int fd = open("/usr/lib/os-release", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("open");
	close(fd);
}

static int ends[2];

static void do_pipe(void)
{
	char byte = 'x';
	if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1)
		fail("pipe");
}

static char path[] = "/tmp/load.XXXXXX";
static int writer, reader;

static void do_file(void)
{
	char byte = 'x';
	if (write(writer, &byte, 1) != 1 || read(reader, &byte, 1) != 1)
		fail("file");
}

static void do_forkexec(void)
{
	static char *const argv[] = {"true", NULL}, *const envp[] = {"A=b", NULL};
	pid_t pid = vfork();
	if (pid == 0) {
		execve("/bin/true", argv, envp);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		fail("fork");
}

static int listener;
static struct sockaddr_in address = {.sin_family = AF_INET};

static void do_connect(void)
{
	struct linger reset = {1, 0};
	int client = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(client, (struct sockaddr *)&address, sizeof address))
		fail("connect");
	int server = accept(listener, NULL, NULL);
	if (server < 0)
		fail("accept");
	/* A reset instead of TIME_WAIT, so that ports never run out. */
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(client);
	close(server);
}

static void prepare(void)
{
	socklen_t size = sizeof address;
	if (pipe(ends))
		fail("pipe");
	writer = mkstemp(path);
	reader = open(path, O_RDONLY);
	if (writer < 0 || reader < 0)
		fail(path);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &size))
		fail("listen");
}

static const struct {
	const char *name;
	void (*run)(void);
	int batch;
} modes[] = {
	{"getppid", do_getppid, 1000},  {"openclose", do_openclose, 200}, {"pipe", do_pipe, 200},
	{"file", do_file, 200},
	{"forkexec", do_forkexec, 5}, {"connect", do_connect, 20},
};

int main(int argc, char **argv)
{
	cpu_set_t set;
	unsigned long done = 0;
	if (argc != 4)
		return fprintf(stderr, "usage: load MODE SECONDS CPU\n"), 2;
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[3]), &set);
	if (sched_setaffinity(0, sizeof set, &set))
		fail("sched_setaffinity");
	prepare();
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(modes[i].name, argv[1]))
			continue;
		double start = now(), end = start + atof(argv[2]), t;
		do {
			for (int k = 0; k < modes[i].batch; k++)
				modes[i].run();
			done += modes[i].batch;
			t = now();
		} while (t < end);
		printf("%lu %.6f\n", done, t - start);
		unlink(path);
		return 0;
	}
	return fprintf(stderr, "load: no mode %s\n", argv[1]), 2;
}
