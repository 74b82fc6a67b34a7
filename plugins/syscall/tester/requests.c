/* requests FOLDER: does one thing after the other in FOLDER through io_uring; each is an event of its own.
 * requests FOLDER sockets: the same with sockets.
 * requests FOLDER buffers: transfers bytes with several buffers and without any.
 * requests FOLDER fixed: transfers bytes with several buffers that the ring knows; says so if the kernel cannot.
 * requests FOLDER names: makes, names and removes things in "real" through "link", directly and by a kernel thread.
 * requests FOLDER quietly: opens links with requests without completions: into a slot of the ring's table, into any
 *   slot, as a descriptor, and one that leads nowhere.
 * requests FOLDER later: opens "link" with such a request, says so, reads a byte of input, and ends without the ring.
 * requests FOLDER crowd: the same, and opens "link" again.
 * requests FOLDER many: asks for more files than are followed at once, and gets none of them. */
#define _GNU_SOURCE
#include "evasion/evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MANY 400
#define AT(path) .fd = AT_FDCWD, .addr = (unsigned long)(path)
#define AND(path) .len = AT_FDCWD, .off = (unsigned long)(path)

/* ring.c needs these two. */
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

/* Opening a pipe for reading waits for a writer. */
static void ask_for_many(void)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT, AT("pipe"), .open_flags = O_RDONLY,
				     .flags = IOSQE_ASYNC};

	must("mkfifo", mkfifo("pipe", 0600));
	for (int i = 0; i < MANY; i++)
		silent_ring_call(&entry);
}

/* No kernel thread is left to look up a path that is not in memory, or to update the link's access time. */
static void ask_in_a_crowd(void)
{
	usleep(20000);
	must("link", access("link", R_OK));
	ask_for_many();
	must("open", ask((struct io_uring_sqe){.opcode = IORING_OP_OPENAT, AT("link"), .open_flags = O_RDONLY}));
}

static void work_on_names(unsigned char flags)
{
	must("mkdir", ask((struct io_uring_sqe){.opcode = IORING_OP_MKDIRAT, AT("link/folder"), .len = 0700, .flags = flags}));
	must("symlink", ask((struct io_uring_sqe){.opcode = IORING_OP_SYMLINKAT, AT("goal"), .flags = flags,
						  .off = (unsigned long)"link/symlink"}));
	must("link", ask((struct io_uring_sqe){.opcode = IORING_OP_LINKAT, AT("link/symlink"), AND("link/second"),
					       .flags = flags}));
	must("rename", ask((struct io_uring_sqe){.opcode = IORING_OP_RENAMEAT, AT("link/second"), AND("link/folder/../third"),
						 .flags = flags}));
	must("unlink", ask((struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT, AT("link/third"), .flags = flags}));
	must("unlink", ask((struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT, AT("link/symlink"), .flags = flags}));
	must("rmdir", ask((struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT, AT("link/folder"), .flags = flags,
						.unlink_flags = AT_REMOVEDIR}));
	ask((struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT, AT("link/none/none"), .flags = flags});
}

/* A kernel thread may do it later; then the ring is used once more. */
static void open_quietly(const char *path, unsigned place)
{
	silent_ring_call(&(struct io_uring_sqe){.opcode = IORING_OP_OPENAT, AT(path), .open_flags = O_RDONLY,
						.flags = IOSQE_CQE_SKIP_SUCCESS, .file_index = place});
	usleep(50000);
	ask((struct io_uring_sqe){.opcode = IORING_OP_NOP});
}

static void ask_quietly(void)
{
	static const char *const links[] = {"first", "second", "third"};
	int table[4] = {-1, -1, -1, -1};
	char target[] = "0/../file0";

	must("register", syscall(SYS_io_uring_register, ring_descriptor(), IORING_REGISTER_FILES, table, 4));
	for (int i = 0; i < 3; i++) {
		target[0] = target[9] = '0' + i;
		must("mkdir", mkdir((char[]){'0' + i, 0}, 0700));
		close(must("file", open(target + 5, O_CREAT | O_WRONLY, 0600)));
		must("symlink", symlink(target, links[i]));
	}
	open_quietly("first", 3);
	open_quietly("second", IORING_FILE_INDEX_ALLOC);
	open_quietly("third", 0);
	open_quietly("none", 0);
	must("file", open("file0", O_RDONLY));
	ask((struct io_uring_sqe){.opcode = IORING_OP_NOP});
}

/* Done by a kernel thread, which waits where the link leads to a pipe. */
static void ask_for_later(void)
{
	char byte;

	silent_ring_call(&(struct io_uring_sqe){.opcode = IORING_OP_OPENAT, AT("link"), .open_flags = O_RDONLY,
						.flags = IOSQE_CQE_SKIP_SUCCESS | IOSQE_ASYNC});
	must("write", write(STDOUT_FILENO, "asked\n", 6));
	must("read", read(STDIN_FILENO, &byte, 1));
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

/* One request accepts two connections, one receives the data of the second. */
static void serve(int server, struct sockaddr_in *address)
{
	struct io_uring_sqe accepting = {.opcode = IORING_OP_ACCEPT, .fd = server, .ioprio = IORING_ACCEPT_MULTISHOT};
	struct io_uring_sqe receiving = {.opcode = IORING_OP_RECV, .ioprio = IORING_RECV_MULTISHOT,
					 .flags = IOSQE_BUFFER_SELECT, .buf_group = 1};
	int client = must("socket", socket(AF_INET, SOCK_STREAM, 0)), other = must("socket", socket(AF_INET, SOCK_STREAM, 0));
	static char bytes[64];

	must("connect", ask((struct io_uring_sqe){.opcode = IORING_OP_CONNECT, .fd = other, .addr = (unsigned long)address,
						  .off = sizeof(*address)}));
	silent_ring_call(&accepting);
	must("accept", ring_answer());
	must("connect", connect(client, (struct sockaddr *)address, sizeof(*address)));
	receiving.fd = must("accept", ring_answer());
	must("buffers", ask((struct io_uring_sqe){.opcode = IORING_OP_PROVIDE_BUFFERS, .fd = 4, .len = 16, .buf_group = 1,
						  .addr = (unsigned long)bytes}));
	silent_ring_call(&receiving);
	must("write", write(client, "one", 3));
	must("recv", ring_answer());
	must("shutdown", ask((struct io_uring_sqe){.opcode = IORING_OP_SHUTDOWN, .fd = client, .len = SHUT_RDWR}));
	must("recv", ring_answer());
	must("close", ask((struct io_uring_sqe){.opcode = IORING_OP_CLOSE, .fd = client}));
}

static void send_datagrams(struct sockaddr_in *address)
{
	int fd = must("socket", socket(AF_INET, SOCK_DGRAM, 0));
	struct iovec part = {"message", 7};
	struct msghdr message = {.msg_name = address, .msg_namelen = sizeof(*address), .msg_iov = &part, .msg_iovlen = 1};

	must("send", ask((struct io_uring_sqe){.opcode = IORING_OP_SEND, .fd = fd, .addr = (unsigned long)"datagram", .len = 8,
					       .addr2 = (unsigned long)address, .addr_len = sizeof(*address)}));
	must("sendmsg", ask((struct io_uring_sqe){.opcode = IORING_OP_SENDMSG, .fd = fd, .addr = (unsigned long)&message,
						  .len = 1}));
}

static void ask_for_sockets(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int server = must("socket", ask((struct io_uring_sqe){.opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM}));

	must("bind", ask((struct io_uring_sqe){.opcode = IORING_OP_BIND, .fd = server, .addr = (unsigned long)&address,
					       .off = sizeof(address)}));
	must("listen", ask((struct io_uring_sqe){.opcode = IORING_OP_LISTEN, .fd = server, .len = 4}));
	must("getsockname", getsockname(server, (struct sockaddr *)&address, &size));
	printf("%d\n", ntohs(address.sin_port));
	serve(server, &address);
	send_datagrams(&address);
}

static void ask_for_buffers(void)
{
	int fd = must("open", open("file", O_CREAT | O_RDWR, 0600)), ends[2];
	struct iovec parts[2] = {{"ab", 2}, {"cd", 2}};
	char bytes[4];
	struct iovec into = {bytes, 4};

	must("pipe", pipe(ends));
	must("writev", ask((struct io_uring_sqe){.opcode = IORING_OP_WRITEV, .fd = fd, .addr = (unsigned long)parts, .len = 2}));
	must("readv", ask((struct io_uring_sqe){.opcode = IORING_OP_READV, .fd = fd, .addr = (unsigned long)&into, .len = 1}));
	must("splice", ask((struct io_uring_sqe){.opcode = IORING_OP_SPLICE, .splice_fd_in = fd, .fd = ends[1], .len = 4,
						 .splice_off_in = 0, .off = -1}));
}

#define READV_FIXED 60
#define WRITEV_FIXED 61

static int ask_for_fixed(void)
{
	int fd = must("open", open("file", O_CREAT | O_RDWR, 0600)), done;
	static char memory[] = "abcd";
	struct iovec whole = {memory, 4}, parts[2] = {{memory, 2}, {memory + 2, 2}};

	must("register", syscall(SYS_io_uring_register, ring_descriptor(), IORING_REGISTER_BUFFERS, &whole, 1));
	done = ask((struct io_uring_sqe){.opcode = WRITEV_FIXED, .fd = fd, .addr = (unsigned long)parts, .len = 2});
	if (done < 0 && errno == EINVAL)
		return puts("cannot") < 0;
	must("writev", done);
	must("readv", ask((struct io_uring_sqe){.opcode = READV_FIXED, .fd = fd, .addr = (unsigned long)parts, .len = 2}));
	return 0;
}

int main(int argc, char **argv)
{
	int fd;

	must("chdir", chdir(argv[1]));
	if (argc > 2) {
		switch (argv[2][0]) {
		case 's':
			return ask_for_sockets(), 0;
		case 'b':
			return ask_for_buffers(), 0;
		case 'c':
			return ask_in_a_crowd(), 0;
		case 'f':
			return ask_for_fixed();
		case 'n':
			work_on_names(0);
			work_on_names(IOSQE_ASYNC);
			return 0;
		case 'q':
			return ask_quietly(), 0;
		case 'l':
			return ask_for_later(), 0;
		}
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
