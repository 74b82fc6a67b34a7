/* requests FOLDER: does one thing after the other in FOLDER through io_uring, each of which is an event of its own.
 * requests FOLDER many: asks for more files than are followed at once, none of which it is given. */
#define _GNU_SOURCE
#include "evasion/evasion.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 400
#define AT(path) .fd = AT_FDCWD, .addr = (unsigned long)(path)
#define AND(path) .len = AT_FDCWD, .off = (unsigned long)(path)

/* ring.c asks for these two. */
void die(const char *what)
{
	perror(what);
	exit(1);
}

int must(const char *what, long result)
{
	if (result < 0)
		die(what);
	return result;
}

static int ask(struct io_uring_sqe entry)
{
	return ring_call(&entry);
}

/* Whoever opens a pipe to read from it waits for one who writes. */
static void ask_for_many(void)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT, AT("pipe"), .open_flags = O_RDONLY,
				     .flags = IOSQE_ASYNC};

	must("mkfifo", mkfifo("pipe", 0600));
	for (int i = 0; i < MANY; i++)
		silent_ring_call(&entry);
}

static void send_and_receive(void)
{
	char bytes[16];
	int ends[2];

	must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	must("send", ask((struct io_uring_sqe){.opcode = IORING_OP_SEND, .fd = ends[0], .addr = (unsigned long)"greeting",
					       .len = 8}));
	must("recv", ask((struct io_uring_sqe){.opcode = IORING_OP_RECV, .fd = ends[1], .addr = (unsigned long)bytes,
					       .len = sizeof(bytes)}));
}

int main(int argc, char **argv)
{
	int fd;

	must("chdir", chdir(argv[1]));
	if (argc > 2) {
		ask_for_many();
		return 0;
	}
	fd = must("open", ask((struct io_uring_sqe){.opcode = IORING_OP_OPENAT, AT("file"), .len = 0640,
						    .open_flags = O_CREAT | O_RDWR}));
	must("write", ask((struct io_uring_sqe){.opcode = IORING_OP_WRITE, .fd = fd, .addr = (unsigned long)"text",
						.len = 4}));
	ask((struct io_uring_sqe){.opcode = IORING_OP_OPENAT, AT("missing/file"), .open_flags = O_RDONLY});
	must("mkdir", ask((struct io_uring_sqe){.opcode = IORING_OP_MKDIRAT, AT("folder"), .len = 0750}));
	must("symlink", ask((struct io_uring_sqe){.opcode = IORING_OP_SYMLINKAT, AT("goal"), .off = (unsigned long)"link"}));
	must("link", ask((struct io_uring_sqe){.opcode = IORING_OP_LINKAT, AT("file"), AND("second")}));
	must("rename", ask((struct io_uring_sqe){.opcode = IORING_OP_RENAMEAT, AT("second"), AND("third")}));
	must("unlink", ask((struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT, AT("third")}));
	send_and_receive();
	return 0;
}
