/* Changes what a call was given in memory, before the call returns. The kernel waits meanwhile: for a page of memory that has to be
 * supplied first (userfaultfd), or for the other end of a pipe. */
#define _GNU_SOURCE
#include "evasion.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096

static struct {
	int faults;
	char *page;             /* that the kernel waits for */
	const void *content;    /* what it gets then */
	void *memory;           /* that is changed before */
	const void *other;
	size_t length;
} held;

static void *supply(void *unused)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	struct uffd_msg fault;
	struct uffdio_copy copy = {.dst = (unsigned long)held.page, .src = (unsigned long)page, .len = PAGE};

	if (read(held.faults, &fault, sizeof(fault)) != sizeof(fault))
		die("fault");
	memcpy(held.memory, held.other, held.length);
	memcpy(page, held.content, 64);
	if (ioctl(held.faults, UFFDIO_COPY, &copy))
		die("copy");
	return NULL;
}

/* Memory with a content of 64 bytes; when the kernel reads it, the other memory is changed first. */
static char *hold(const void *content, void *memory, const void *other, size_t length)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	pthread_t thread;

	held.faults = must("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC));
	held.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (unsigned long)held.page;
	range.range.len = PAGE;
	must("api", ioctl(held.faults, UFFDIO_API, &api));
	must("register", ioctl(held.faults, UFFDIO_REGISTER, &range));
	held.content = content;
	held.memory = memory;
	held.other = other;
	held.length = length;
	if (pthread_create(&thread, NULL, supply, NULL))
		die("thread");
	return held.page;
}

/* The kernel has read the name of the target when it asks for the other. */
static int write_exchange_rewritten(int argc, char **argv)
{
	static char target[64] = TARGET;
	static const char next[64] = "/etc/next";
	char *page;

	own_etc();
	page = hold(next, target, "/etc/other", 11);
	must("rename", syscall(SYS_renameat2, AT_FDCWD, page, AT_FDCWD, target, RENAME_EXCHANGE));
	return must_be_changed();
}

/* The kernel has read the flags when it asks for the name. */
static int write_openat2_rewritten(int argc, char **argv)
{
	static const char target[64] = TARGET;
	static const struct open_how reading;
	struct open_how how = {.flags = O_WRONLY | O_TRUNC};
	int fd;

	own_etc();
	fd = must(TARGET, syscall(SYS_openat2, AT_FDCWD, hold(target, &how, &reading, sizeof(how)), &how, sizeof(how)));
	if (write(fd, "changed\n", 8) != 8)
		die("write");
	return must_be_changed();
}

/* The kernel has read the attribute's name when it asks for the value. */
static int capabilities_rewritten(int argc, char **argv)
{
	static const unsigned char bind_low_ports[64] = {1, 0, 0, 2, 0, 4};
	static char name[64] = "security.capability";
	char value[20];

	own_etc();
	must("setxattr", setxattr("/etc/next", name, hold(bind_low_ports, name, "user.comment", 13), 20, 0));
	return getxattr("/etc/next", "security.capability", value, sizeof(value)) != sizeof(value);
}

static char path[64] = "pipe";

static void *take_other_end(void *thread)
{
	char file[64], text[8] = "";
	int fd;

	snprintf(file, sizeof(file), "/proc/self/task/%d/syscall", *(int *)thread);
	while (atoi(text) != SYS_openat2) {
		usleep(1000);
		fd = must(file, open(file, O_RDONLY));
		must(file, read(fd, text, sizeof(text) - 1));
		close(fd);
	}
	usleep(10000); /* it says so from the call's begin on */
	strcpy(path, "none");
	must("pipe", open("pipe", O_RDONLY));
	return NULL;
}

static int open_rewritten(int argc, char **argv)
{
	struct open_how how = {.flags = O_WRONLY};
	int self = syscall(SYS_gettid);
	pthread_t thread;

	must("pipe", mkfifo("pipe", 0600));
	if (pthread_create(&thread, NULL, take_other_end, &self))
		die("thread");
	must("open", syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)));
	return pthread_join(thread, NULL);
}

const struct command rewritten_commands[] = {
	{"write-exchange-rewritten", 0, "", write_exchange_rewritten},
	{"write-openat2-rewritten", 0, "", write_openat2_rewritten},
	{"file-capability-rewritten", 0, "", capabilities_rewritten},
	{"open-rewritten", 0, "", open_rewritten},
	{0},
};
