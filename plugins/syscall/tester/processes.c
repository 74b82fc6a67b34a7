/* Commands about processes: ways to start programs, names, tracing, changes of user. */
#define _GNU_SOURCE
#include "tester.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <signal.h>
#include <unistd.h>

extern char **environ;

static int run_noop(int argc, char **argv)
{
	return 0;
}

/* What programs do when they run: a call that succeeds, and a start of a program that does not. */
static int run_goes_on(int argc, char **argv)
{
	if (unshare(CLONE_FS))
		die("unshare");
	execv("/nowhere/at-all", argv);
	return 0;
}

static int run_after(int argc, char **argv)
{
	usleep(atof(argv[1]) * 1e6);
	return dispatch(argc - 2, argv + 2);
}

static int run_exec(int argc, char **argv)
{
	execv(argv[1], argv + 1);
	die(argv[1]);
}

static int run_exec_as(int argc, char **argv)
{
	char *program = argv[1];

	execv(program, argv + 2);
	die(program);
}

/* The child execs, the parent stays its parent. */
static int run_run(int argc, char **argv)
{
	int pid = fork();

	if (!pid)
		run_exec(argc, argv);
	return wait_for(pid);
}

/* The child runs the rest of the line and then execs or not: what the line does belongs to a child of this program. */
static int run_child(int argc, char **argv)
{
	int pid = fork();

	if (!pid)
		_exit(dispatch(argc - 1, argv + 1));
	return wait_for(pid);
}

static int run_with(int argc, char **argv)
{
	if (putenv(argv[1]))
		die("putenv");
	return dispatch(argc - 2, argv + 2);
}

static int run_memory(int argc, char **argv)
{
	int fd = memfd_create("falcohost", MFD_CLOEXEC);

	if (fd < 0)
		die("memfd_create");
	copy_file(argv[1], fd);
	fexecve(fd, argv + 1, environ);
	die("fexecve");
}

static int run_name(int argc, char **argv)
{
	return prctl(PR_SET_NAME, argv[1]) ? 1 : 0;
}

static int traced_child(const char *how)
{
	int pid = fork();

	if (!pid) {
		if (!strcmp(how, "traceme"))
			_exit(ptrace(PTRACE_TRACEME, 0, 0, 0) ? 1 : 0);
		pause();
	}
	return pid;
}

static int run_trace(int argc, char **argv)
{
	int pid, failed = 0;

	if (!strcmp(argv[1], "nobody"))
		/* It is refused: nobody is traced. */
		return ptrace(PTRACE_CONT, getpid(), 0, 0) != -1;
	pid = traced_child(argv[1]);
	if (!strcmp(argv[1], "traceme"))
		return wait_for(pid);
	failed = ptrace(!strcmp(argv[1], "seize") ? PTRACE_SEIZE : PTRACE_ATTACH, pid, 0, 0) ? 1 : 0;
	kill(pid, SIGKILL);
	wait_for(pid);
	return failed;
}

/* By number, since libc would do it for all threads. All three calls: the test knows whether they are refused. */
static int run_become(int argc, char **argv)
{
	int uid = atoi(argv[2]);

	if (!strcmp(argv[1], "setuid"))
		syscall(SYS_setuid, uid);
	else if (!strcmp(argv[1], "setreuid"))
		syscall(SYS_setreuid, -1, uid);
	else
		syscall(SYS_setresuid, -1, uid, -1);
	return 0;
}

const struct command process_commands[] = {
	{"noop", 0, "[ANYTHING...]", run_noop},
	{"goes-on", 0, "[ANYTHING...]", run_goes_on},
	{"after", 2, "SECONDS COMMAND...", run_after},
	{"exec", 1, "PROGRAM [ARGUMENT...]", run_exec},
	{"exec-as", 2, "PROGRAM ARGV0 [ARGUMENT...]", run_exec_as},
	{"run", 1, "PROGRAM [ARGUMENT...]", run_run},
	{"child", 1, "COMMAND...", run_child},
	{"with", 2, "NAME=VALUE COMMAND...", run_with},
	{"memory", 1, "PROGRAM [ARGUMENT...]", run_memory},
	{"name", 1, "NAME", run_name},
	{"trace", 1, "attach|seize|traceme|nobody", run_trace},
	{"become", 2, "setuid|setreuid|setresuid UID", run_become},
	{0},
};
