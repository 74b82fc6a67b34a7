/* Reading a file through other processes, or through a remaining thread of one. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program of the system that may read the file, and does. */
#define ENTITLED "/usr/bin/passwd"

static int start_entitled(void (*prepare)(void))
{
	int pid;

	if (access(ENTITLED, X_OK))
		cannot(ENTITLED);
	pid = must("fork", fork());
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(STDOUT_FILENO);
	prepare();
	execl(ENTITLED, "passwd", "-S", "root", NULL);
	die(ENTITLED);
}

static void as_it_is(void)
{
}

/* The kernel reports who opens the file, with a descriptor of it. */
static int read_reported(int argc, char **argv)
{
	struct fanotify_event_metadata event;
	int reports = must("fanotify_init", fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));

	remember_target();
	must("fanotify_mark", fanotify_mark(reports, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, TARGET));
	start_entitled(as_it_is);
	if (read(reports, &event, sizeof(event)) != sizeof(event))
		die("fanotify");
	return must_be_target(event.fd);
}

static int supervised(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, filter};

	must("prctl", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return must("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

/* The supervisor answers the first call with a descriptor of a file that it has opened itself. */
static void answer(int listener)
{
	struct open_how how = {.flags = O_RDONLY};
	struct seccomp_notif asked = {0};
	struct seccomp_notif_addfd added = {.flags = SECCOMP_ADDFD_FLAG_SEND};

	must("notification", ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked));
	added.id = asked.id;
	added.srcfd = must(TARGET, syscall(SYS_openat2, AT_FDCWD, TARGET, &how, sizeof(how)));
	must("answer", ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &added));
}

/* This process opens a name that does not exist, and its supervisor gives it the file. */
static int read_supervised(int argc, char **argv)
{
	int listener, child;

	remember_target();
	listener = supervised();
	child = must("fork", fork());
	if (!child) {
		answer(listener);
		_exit(0);
	}
	return must_be_target(syscall(SYS_openat, AT_FDCWD, "none", O_RDONLY)) || wait_for(child);
}

static void be_traced(void)
{
	must("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static void until_stopped(int pid, int request)
{
	int status;

	if (request >= 0)
		must("ptrace", ptrace(request, pid, 0, 0));
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("traced");
}

/* A program that may read the file is started and made to open it: its first call is replaced by another. */
static int read_traced(int argc, char **argv)
{
#ifdef __x86_64__
	struct user_regs_struct registers;
	struct stat wanted, opened;
	char path[64];
	const char *name = TARGET "\0\0\0\0\0"; /* whole words */
	int pid;

	pid = start_entitled(be_traced);
	until_stopped(pid, -1);
	until_stopped(pid, PTRACE_SYSCALL);
	must("ptrace", ptrace(PTRACE_GETREGS, pid, 0, &registers));
	registers.rsi = registers.rsp - 1024;
	for (int i = 0; i < 16; i += sizeof(long))
		must("ptrace", ptrace(PTRACE_POKEDATA, pid, registers.rsi + i, *(long *)(name + i)));
	registers.orig_rax = SYS_openat;
	registers.rdi = AT_FDCWD;
	registers.rdx = O_RDONLY;
	must("ptrace", ptrace(PTRACE_SETREGS, pid, 0, &registers));
	until_stopped(pid, PTRACE_SYSCALL);
	must("ptrace", ptrace(PTRACE_GETREGS, pid, 0, &registers));
	snprintf(path, sizeof(path), "/proc/%d/fd/%lld", pid, registers.rax);
	must(TARGET, stat(TARGET, &wanted));
	must(path, stat(path, &opened));
	return wanted.st_ino != opened.st_ino;
#else
	errno = ENOSYS;
	cannot("registers of x86_64");
#endif
}

/* The editor of password hashes gets a copy of them to show: this program takes its place. */
static int read_edited(int argc, char **argv)
{
	char program[256], editor[300];
	int pid, length = must("exe", readlink("/proc/self/exe", program, sizeof(program) - 1));

	if (access("/usr/sbin/vipw", X_OK))
		cannot("/usr/sbin/vipw");
	program[length] = 0;
	snprintf(editor, sizeof(editor), "%s open read", program);
	setenv("EDITOR", editor, 1);
	unsetenv("VISUAL");
	own_etc();
	pid = must("fork", fork());
	if (!pid) {
		execl("/usr/sbin/vipw", "vipw", "-s", NULL);
		die("vipw");
	}
	return wait_for(pid);
}

/* Until the first thread, whose name the process has, has ended. */
static void *read_alone(void *unused)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	while (state != 'Z') {
		usleep(1000);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			die(path);
		fclose(file);
	}
	_exit(must_be_target(open(TARGET, O_RDONLY)));
}

static int read_leaderless(int argc, char **argv)
{
	pthread_t thread;

	remember_target();
	must("thread", -pthread_create(&thread, NULL, read_alone, NULL));
	syscall(SYS_exit, 0);
	return 1;
}

const struct command read_other_commands[] = {
	{"read-reported", 0, "", read_reported},
	{"read-supervised", 0, "", read_supervised},
	{"read-traced", 0, "", read_traced},
	{"read-edited", 0, "", read_edited},
	{"read-leaderless", 0, "", read_leaderless},
	{0},
};
