/* truth: starts and ends many processes in all possible ways, and writes down the facts of each.
 *
 *	truth FOLDER COUNT > FILE
 *
 * FOLDER has copies of this program under the names in NAMES. Each process marks one moment: see mark.h. Build it with
 * `gcc -pthread -o truth truth.c mark.c`.
 */
#define _GNU_SOURCE
#include "mark.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel cuts one to 15 bytes; another looks like the end of a name in /proc/PID/stat. */
static const char *const NAMES[] = {"alpha", "a-name-beyond-15-bytes", "odd) S 1 (name"};
#define WORKERS 4

static const char *folder;
static const char *way;

static void wait_for(int pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die(way);
}

/* FOLDER/NAME WAY NUMBER DEPTH: see main. */
static void exec_self(int number, int depth)
{
	static char path[4096], number_text[16], depth_text[16];

	snprintf(path, sizeof(path), "%s/%s", folder, NAMES[(number + depth) % 3]);
	snprintf(number_text, sizeof(number_text), "%d", number);
	snprintf(depth_text, sizeof(depth_text), "%d", depth);
	execl(path, path, folder, "-", way, number_text, depth_text, "two words", NULL);
	_exit(1);
}

static void do_fork(int number)
{
	int pid = fork();

	if (!pid) {
		mark(way, number);
		_exit(0);
	}
	wait_for(pid);
}

static void do_fork_exec(int number)
{
	int pid = fork();

	if (!pid)
		exec_self(number, 0);
	wait_for(pid);
}

/* Each execs, and then starts the next. */
static void do_chain(int number)
{
	int pid = fork();

	if (!pid)
		exec_self(number, 4);
	wait_for(pid);
}

static void do_vfork(int number)
{
	int pid = vfork();

	if (!pid) {
		mark(way, number);
		_exit(0);
	}
	wait_for(pid);
}

static void do_vfork_exec(int number)
{
	int pid = vfork();

	if (!pid)
		exec_self(number, 0);
	wait_for(pid);
}

static int clone3_process(unsigned long flags, int signal)
{
	struct clone_args args = {.flags = flags, .exit_signal = signal};

	return syscall(SYS_clone3, &args, sizeof(args));
}

static void do_clone3(int number)
{
	int pid = clone3_process(0, SIGCHLD);

	if (!pid) {
		mark(way, number);
		_exit(0);
	}
	wait_for(pid);
}

/* A child whose parent is its creator's parent. */
static void do_clone_parent(int number)
{
	int pid = fork(), status;

	if (!pid) {
		pid = clone3_process(CLONE_PARENT, 0);
		if (!pid) {
			mark(way, number);
			_exit(0);
		}
		_exit(pid < 0);
	}
	wait_for(pid);
	if (waitpid(-1, &status, __WALL) < 0 || status)
		die(way);
}

static void *mark_in_thread(void *number)
{
	mark(way, *(int *)number);
	return NULL;
}

static void do_thread(int number)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, mark_in_thread, &number) || pthread_join(thread, NULL))
		die(way);
}

static void *exec_in_thread(void *number)
{
	exec_self(*(int *)number, 0);
	return NULL;
}

/* exec(2) by a thread that is not the first: it takes over the process and its pid. */
static void do_thread_exec(int number)
{
	pthread_t thread;
	int pid = fork();

	if (!pid) {
		pthread_create(&thread, NULL, exec_in_thread, &number);
		pause();
	}
	wait_for(pid);
}

static int fork_held(int number, int hold)
{
	char byte;
	int pid = fork();

	if (!pid) {
		if (read(hold, &byte, 1) != 1)
			_exit(1);
		mark(way, number);
		_exit(0);
	}
	return pid;
}

struct held {
	int number, hold, pid;
};

static void *fork_in_thread(void *held)
{
	struct held *h = held;

	h->pid = fork_held(h->number, h->hold);
	return NULL;
}

/* The thread that created the child has ended when the child looks for its parent. */
static void do_thread_fork(int number)
{
	int ends[2];
	struct held held = {.number = number};
	pthread_t thread;

	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	held.hold = ends[0];
	if (pthread_create(&thread, NULL, fork_in_thread, &held) || pthread_join(thread, NULL) || write(ends[1], "", 1) != 1)
		die(way);
	wait_for(held.pid);
	close(ends[0]);
	close(ends[1]);
}

/* A child of a child that has ended; a pipe signals when it is done, since nobody here may be its parent. */
static void orphan(int number, int daemon)
{
	int ends[2], pid, middle;
	char byte;

	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (!pid) {
		middle = getpid();
		if (daemon)
			setsid();
		if (fork())
			_exit(0);
		while (getppid() == middle)
			sched_yield();
		mark(way, number);
		if (write(ends[1], "", 1) != 1)
			_exit(1);
		_exit(0);
	}
	wait_for(pid);
	if (read(ends[0], &byte, 1) != 1)
		die(way);
	close(ends[0]);
	close(ends[1]);
}

static void do_daemon(int number)
{
	orphan(number, 1);
}

/* Orphans go to the subreaper above, not to the first process. */
static void do_subreaper(int number)
{
	int status, pid = fork();

	if (!pid) {
		if (prctl(PR_SET_CHILD_SUBREAPER, 1))
			die("PR_SET_CHILD_SUBREAPER");
		orphan(number, 0);
		_exit(wait(&status) < 0 || status);
	}
	wait_for(pid);
}

static const struct {
	const char *name;
	void (*run)(int number);
	int tasks; /* number of tasks that it starts */
} WAYS[] = {
	{"fork", do_fork, 1},
	{"fork-exec", do_fork_exec, 1},
	{"chain", do_chain, 5},
	{"vfork", do_vfork, 1},
	{"vfork-exec", do_vfork_exec, 1},
	{"clone3", do_clone3, 1},
	{"clone-parent", do_clone_parent, 2},
	{"thread", do_thread, 1},
	{"thread-exec", do_thread_exec, 2},
	{"thread-fork", do_thread_fork, 2},
	{"daemon", do_daemon, 2},
	{"subreaper", do_subreaper, 3},
};
#define WAY_COUNT ((int)(sizeof(WAYS) / sizeof(WAYS[0])))

static void work(int worker, int count)
{
	for (int i = 0, started = 0; started < count; i++) {
		way = WAYS[i % WAY_COUNT].name;
		WAYS[i % WAY_COUNT].run(worker * 1000000 + i);
		started += WAYS[i % WAY_COUNT].tasks;
	}
}

/* After exec: mark, or go on with the chain. */
static int exec_main(int number, int depth)
{
	int pid;

	if (!depth) {
		mark(way, number);
		return 0;
	}
	pid = fork();
	if (!pid)
		exec_self(number, depth - 1);
	wait_for(pid);
	return 0;
}

int main(int argc, char **argv)
{
	int pids[WORKERS];

	mark_arguments(argc, argv);
	folder = argv[1];
	if (argc > 5) {
		way = argv[3];
		return exec_main(atoi(argv[4]), atoi(argv[5]));
	}
	if (argc != 3) {
		fprintf(stderr, "usage: truth FOLDER COUNT\n");
		return 2;
	}
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			work(i, atoi(argv[2]) / WORKERS);
			_exit(0);
		}
	}
	for (int i = 0; i < WORKERS; i++)
		wait_for(pids[i]);
	return 0;
}
