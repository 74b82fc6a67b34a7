/* Reading a file by other calls than open and openat, with arguments that change, or with another's descriptor. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int openat2(int folder, const char *path, unsigned long long resolve)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = resolve};

	return syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

static int read_openat2(int argc, char **argv)
{
	remember_target();
	return must_be_target(openat2(AT_FDCWD, TARGET, RESOLVE_NO_SYMLINKS));
}

static int read_openat2_in_root(int argc, char **argv)
{
	remember_target();
	return must_be_target(openat2(must("/etc", open("/etc", O_PATH)), "/../shadow", RESOLVE_IN_ROOT));
}

static int read_openat2_beneath(int argc, char **argv)
{
	remember_target();
	return must_be_target(openat2(must("/etc", open("/etc", O_PATH)), "shadow", RESOLVE_BENEATH));
}

static int read_by_handle(int argc, char **argv)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = {.handle.handle_bytes = MAX_HANDLE_SZ};
	int mount_id, folder = must("/", open("/", O_RDONLY | O_DIRECTORY));

	remember_target();
	must("name_to_handle_at", name_to_handle_at(AT_FDCWD, TARGET, &u.handle, &mount_id, 0));
	return must_be_target(open_by_handle_at(folder, &u.handle, O_RDONLY));
}

static struct io_uring_sqe ring_open(const char *path)
{
	return (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)path};
}

static int read_ring(int argc, char **argv)
{
	struct io_uring_sqe entry = ring_open(TARGET);

	remember_target();
	return must_be_target(ring_call(&entry));
}

static int read_ring_openat2(int argc, char **argv)
{
	struct open_how how = {.flags = O_RDONLY};
	struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT2, .fd = AT_FDCWD, .addr = (unsigned long)TARGET,
				     .len = sizeof(how), .off = (unsigned long)&how};

	remember_target();
	return must_be_target(ring_call(&entry));
}

static int read_ring_polled(int argc, char **argv)
{
	struct io_uring_sqe entry = ring_open(TARGET);

	remember_target();
	return must_be_target(polled_ring_call(&entry));
}

/* A kernel thread opens it, after the requested path was overwritten. */
static int read_ring_worker(int argc, char **argv)
{
	char path[] = TARGET;
	struct io_uring_sqe entry = ring_open(path);

	entry.flags = IOSQE_ASYNC;
	remember_target();
	return must_be_target(forgetful_ring_call(&entry, path));
}

/* The file never gets a descriptor: it is opened into the ring's own table, and read from there. */
static int read_from_table(const char *path, unsigned char flags)
{
	char byte;
	int none = -1, got;
	struct io_uring_sqe opening = ring_open(path);
	struct io_uring_sqe reading = {.opcode = IORING_OP_READ, .flags = IOSQE_FIXED_FILE, .fd = 0,
				       .addr = (unsigned long)&byte, .len = 1};

	opening.file_index = 1;
	opening.flags = flags;
	must("io_uring_register", syscall(SYS_io_uring_register, ring_descriptor(), IORING_REGISTER_FILES, &none, 1));
	if (flags & IOSQE_CQE_SKIP_SUCCESS)
		silent_ring_call(&opening);
	else
		must("open", ring_call(&opening));
	do /* a silent open may not be done yet */
		got = ring_call(&reading);
	while (got < 0 && errno == EBADF && usleep(1000) == 0);
	return must("read", got) == 1 ? 0 : 1;
}

static int read_ring_direct(int argc, char **argv)
{
	return read_from_table(TARGET, 0);
}

static int read_ring_direct_symlink(int argc, char **argv)
{
	must("link", symlink("/etc//shadow", "link"));
	return read_from_table("link", 0);
}

/* And the ring is told not to report it. */
static int read_ring_silent(int argc, char **argv)
{
	return read_from_table(TARGET, IOSQE_CQE_SKIP_SUCCESS);
}

static int read_ring_silent_symlink(int argc, char **argv)
{
	must("link", symlink("/etc//shadow", "link"));
	return read_from_table("link", IOSQE_CQE_SKIP_SUCCESS);
}

/* The file gets a descriptor with the next number. */
static int read_ring_silent_descriptor(int argc, char **argv)
{
	struct io_uring_sqe opening = ring_open("link");
	char byte;
	int next;

	remember_target();
	must("link", symlink("/etc//shadow", "link"));
	ring_descriptor();
	next = must("dup", dup(0));
	close(next);
	opening.flags = IOSQE_CQE_SKIP_SUCCESS;
	silent_ring_call(&opening);
	while (read(next, &byte, 1) < 0 && errno == EBADF)
		usleep(1000);
	return must_be_target(next);
}

/* It is opened, read and closed by linked requests without completions before everything is done. */
static int read_ring_silent_chain(int argc, char **argv)
{
	char byte = 0;
	int none = -1;
	struct io_uring_sqe chain[] = {
		ring_open("link"),
		{.opcode = IORING_OP_READ, .addr = (unsigned long)&byte, .len = 1},
		{.opcode = IORING_OP_CLOSE, .file_index = 1, .flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS},
		{.opcode = IORING_OP_NOP},
	};

	must("link", symlink("/etc//shadow", "link"));
	must("io_uring_register", syscall(SYS_io_uring_register, ring_descriptor(), IORING_REGISTER_FILES, &none, 1));
	chain[0].file_index = 1;
	chain[0].flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	chain[1].flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS | IOSQE_FIXED_FILE;
	return must("chain", ring_calls(chain, 4)) || !byte;
}

static int read_32bit(int argc, char **argv)
{
	remember_target();
	return must_be_target(call32(5, (long)low_text(TARGET), O_RDONLY, 0, 0, 0));
}

static int read_32bit_openat(int argc, char **argv)
{
	remember_target();
	return must_be_target(call32(295, AT_FDCWD, (long)low_text(TARGET), O_RDONLY, 0, 0));
}

/* Waits until the opener has to wait for the file, and overwrites the name that it passed. */
static void exchange_name(char *name, int fd, const sigset_t *signals)
{
	int got;

	alarm(10);
	sigwait(signals, &got);
	strcpy(name, "/etc/next");
	fcntl(fd, F_SETLEASE, F_UNLCK);
	_exit(0);
}

/* A lease on the file: whoever opens it waits as long as this other process wants. */
static void hold_target(char *name)
{
	int fd = must(TARGET, open("/etc/other", O_RDONLY)), pid;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGIO);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (fcntl(fd, F_SETLEASE, F_WRLCK))
		cannot("a lease");
	pid = must("fork", fork());
	if (!pid)
		exchange_name(name, fd, &signals);
	must("lease", fcntl(fd, F_SETOWN, pid));
	close(fd);
}

/* When the call returns, the argument's address no longer holds what the kernel has read there. */
static int read_exchanged(int argc, char **argv)
{
	char *name = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd;

	own_etc_with_link();
	strcpy(name, TARGET);
	hold_target(name);
	fd = open(name, O_RDONLY);
	if (!strcmp(name, TARGET))
		cannot("a lease that holds the opener");
	return must_be_target(fd);
}

static int read_mapped(int argc, char **argv)
{
	int fd;

	remember_target();
	fd = open(TARGET, O_RDONLY);
	must_be_target(fd);
	return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED;
}

static int read_sent(int argc, char **argv)
{
	int ends[2], fd;

	remember_target();
	fd = open(TARGET, O_RDONLY);
	must_be_target(fd);
	must("pipe", pipe(ends));
	return must("sendfile", sendfile(ends[1], fd, NULL, 16)) > 0 ? 0 : 1;
}

static void open_target(void *argument)
{
	*(int *)argument = must(TARGET, open(TARGET, O_RDONLY));
}

/* A child opens it, and this process takes the open file from it. */
static int read_taken(int argc, char **argv)
{
	int *number = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int process;

	remember_target();
	process = must("pidfd_open", syscall(SYS_pidfd_open, beside(open_target, number), 0));
	return must_be_target(syscall(SYS_pidfd_getfd, process, *number, 0));
}

static void open_and_send(void *argument)
{
	char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	open_target(CMSG_DATA(header));
	must("sendmsg", sendmsg(*(int *)argument, &message, 0));
}

static int read_received(int argc, char **argv)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	int ends[2];

	remember_target();
	must("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	beside(open_and_send, &ends[1]);
	must("recvmsg", recvmsg(ends[0], &message, 0));
	return must_be_target(*(int *)CMSG_DATA(CMSG_FIRSTHDR(&message)));
}

const struct command read_call_commands[] = {
	{"read-openat2", 0, "", read_openat2},
	{"read-openat2-in-root", 0, "", read_openat2_in_root},
	{"read-openat2-beneath", 0, "", read_openat2_beneath},
	{"read-by-handle", 0, "", read_by_handle},
	{"read-ring", 0, "", read_ring},
	{"read-ring-openat2", 0, "", read_ring_openat2},
	{"read-ring-polled", 0, "", read_ring_polled},
	{"read-ring-worker", 0, "", read_ring_worker},
	{"read-ring-direct", 0, "", read_ring_direct},
	{"read-ring-direct-symlink", 0, "", read_ring_direct_symlink},
	{"read-ring-silent", 0, "", read_ring_silent},
	{"read-ring-silent-symlink", 0, "", read_ring_silent_symlink},
	{"read-ring-silent-descriptor", 0, "", read_ring_silent_descriptor},
	{"read-ring-silent-chain", 0, "", read_ring_silent_chain},
	{"read-32bit", 0, "", read_32bit},
	{"read-32bit-openat", 0, "", read_32bit_openat},
	{"read-exchanged", 0, "", read_exchanged},
	{"read-mapped", 0, "", read_mapped},
	{"read-sent", 0, "", read_sent},
	{"read-taken", 0, "", read_taken},
	{"read-received", 0, "", read_received},
	{0},
};
