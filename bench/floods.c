/* One flood for bench/floods.py, or its victim.
 *
 *   floods FLOOD        floods as a user without rights, on every processor, until its process group gets SIGTERM; prints how
 *                       often each processor did it. Makes a folder in the present one.
 *   floods victim MARK  reads /etc/shadow once and prints the time of that
 *
 * None of the floods matches a rule. Each passes the filters of one, or has the probe send something else.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <netinet/in.h>
#include <unistd.h>

#define USER 61000
#define WIDE 200 /* bytes of a folder's name */

static char wide[WIDE + 1], arguments[100000];
static volatile sig_atomic_t ended;

static void end(int signal)
{
	ended = signal;
}

static void run(char *const argv[])
{
	pid_t child = fork();

	if (child == 0) {
		execv("/bin/true", argv);
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

/* Opens a file whose path is too long for a record. */
static void long_paths(void)
{
	static int there;

	for (int i = 0; !there && i < 25; i++) {
		mkdir(wide, 0700);
		if (chdir(wide))
			return;
	}
	there = 1;
	close(open("file", O_RDWR | O_CREAT, 0600));
}

/* Is somewhere else before each call, so that its context is sent again. */
static void directories(void)
{
	static int turn;

	mkdir(wide, 0700);
	if (chdir(turn++ % 2 ? ".." : wide) == 0)
		close(open("never-here", O_RDONLY));
}

static void programs(void)
{
	run((char *const[]){"true", "an argument", NULL});
}

static void long_arguments(void)
{
	run((char *const[]){"true", arguments, NULL});
}

/* A process for every few calls: each has a budget of its own. */
static void processes(void)
{
	pid_t child = fork();

	if (child == 0) {
		for (int i = 0; i < 16; i++)
			close(open((char *)1, O_RDONLY));
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void *opens(void *nothing)
{
	for (int i = 0; i < 200; i++)
		close(open((char *)1, O_RDONLY));
	return nothing;
}

static void threads(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, opens, NULL) == 0)
		pthread_join(thread, NULL);
}

/* The path cannot be read. */
static void unreadable(void)
{
	close(open((char *)1, O_RDONLY));
}

static char shared[100] = "one";

static void *rewrite(void *nothing)
{
	while (!ended)
		shared[0] ^= 1;
	return nothing;
}

/* What was passed is another in the end. */
static void rewritten(void)
{
	static pthread_t thread;

	if (!thread)
		pthread_create(&thread, NULL, rewrite, NULL);
	rename(shared, "two");
}

/* A thousand records for one call. */
static void messages(void)
{
	static struct mmsghdr sent[1000];
	static struct iovec part = {"text", 4};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 9, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (int i = 0; i < 1000; i++)
		sent[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1};
	sendmmsg(fd, sent, 1000, 0);
	close(fd);
}

/* As root of a user namespace. */
static void namespaces(void)
{
	static int there;

	if (!there)
		there = unshare(CLONE_NEWUSER) + 2;
	unreadable();
}

/* In a session of its own for each call. */
static void sessions(void)
{
	pid_t child = fork();

	if (child == 0) {
		setsid();
		unreadable();
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void names(void)
{
	static unsigned turn;
	char name[16];

	snprintf(name, sizeof name, "name-%u", turn++);
	prctl(PR_SET_NAME, name);
	unreadable();
}

static const struct flood {
	const char *name;
	void (*once)(void);
} floods[] = {
	{"long_paths", long_paths}, {"directories", directories}, {"programs", programs},
	{"long_arguments", long_arguments}, {"processes", processes}, {"threads", threads},
	{"unreadable", unreadable}, {"rewritten", rewritten}, {"messages", messages},
	{"namespaces", namespaces}, {"sessions", sessions}, {"names", names},
};

static int victim(void)
{
	struct timespec now;
	int fd = open("/etc/shadow", O_RDONLY);

	clock_gettime(CLOCK_REALTIME, &now);
	printf("%lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
	return fd < 0;
}

/* Returns when the group is to end. */
static unsigned long flood(void (*once)(void))
{
	pid_t parent = getppid();
	char folder[] = "flood.XXXXXX";
	unsigned long done = 0;

	if (setgid(USER) || setuid(USER) || !mkdtemp(folder) || chdir(folder))
		exit(1);
	while (!ended && getppid() == parent) {
		once();
		done++;
	}
	return done;
}

int main(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (argc == 3 && strcmp(argv[1], "victim") == 0)
		return victim();
	memset(wide, 'd', WIDE);
	memset(arguments, 'x', sizeof arguments - 1);
	signal(SIGTERM, end);
	for (size_t i = 0; argc == 2 && i < sizeof floods / sizeof *floods; i++) {
		if (strcmp(argv[1], floods[i].name))
			continue;
		for (long one = 0; one < processors; one++)
			if (fork() == 0) {
				printf("%lu\n", flood(floods[i].once));
				return 0;
			}
		while (wait(NULL) > 0 || !ended)
			;
		return 0;
	}
	fputs("which flood?\n", stderr);
	return 2;
}
