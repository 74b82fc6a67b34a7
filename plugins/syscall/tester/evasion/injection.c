/* Getting into another process, or the kernel. The other process is a child that waits to be ended. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char byte = 'o';

static void nothing(void *argument)
{
}

static int trace_attach(int argc, char **argv)
{
	return must("ptrace", ptrace(PTRACE_ATTACH, beside(nothing, NULL), 0, 0));
}

static int trace_seize(int argc, char **argv)
{
	return must("ptrace", ptrace(PTRACE_SEIZE, beside(nothing, NULL), 0, 0));
}

static int trace_32bit(int argc, char **argv)
{
	return must("ptrace", call32(26, PTRACE_ATTACH, beside(nothing, NULL), 0, 0, 0));
}

static int memory_written(int argc, char **argv)
{
	struct iovec here = {"n", 1}, there = {&byte, 1};

	return must("process_vm_writev", process_vm_writev(beside(nothing, NULL), &here, 1, &there, 1, 0)) != 1;
}

static int memory_read(int argc, char **argv)
{
	char got;
	struct iovec here = {&got, 1}, there = {&byte, 1};

	return must("process_vm_readv", process_vm_readv(beside(nothing, NULL), &here, 1, &there, 1, 0)) != 1;
}

static int write_memory(int fd)
{
	return pwrite(must("mem", fd), "n", 1, (off_t)&byte) != 1;
}

static int memory_file(int argc, char **argv)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", beside(nothing, NULL));
	return write_memory(open(path, O_RDWR));
}

static int memory_file_relative(int argc, char **argv)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", beside(nothing, NULL));
	must("chdir", chdir(path));
	return write_memory(open("mem", O_RDWR));
}

static int memory_file_of_thread(int argc, char **argv)
{
	char path[64];
	int child = beside(nothing, NULL);

	snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", child, child);
	return write_memory(open(path, O_RDWR));
}

static int memory_file_elsewhere(int argc, char **argv)
{
	char path[64];

	own_mounts();
	must("p", mkdir("p", 0755));
	must("proc", mount("proc", "p", "proc", 0, NULL));
	snprintf(path, sizeof(path), "p/%d/mem", beside(nothing, NULL));
	return write_memory(open(path, O_RDWR));
}

static int memory_file_ring(int argc, char **argv)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .open_flags = O_RDWR};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", beside(nothing, NULL));
	entry.addr = (unsigned long)path;
	return write_memory(ring_call(&entry));
}

static int descriptor_taken(int argc, char **argv)
{
	int process = must("pidfd_open", syscall(SYS_pidfd_open, beside(nothing, NULL), 0));

	return must("pidfd_getfd", syscall(SYS_pidfd_getfd, process, 2, 0)) < 0;
}

static int name_kernel_thread(int argc, char **argv)
{
	return must("prctl", prctl(PR_SET_NAME, "kworker/1:0"));
}

static int name_by_file(int argc, char **argv)
{
	int fd = must("comm", open("/proc/self/comm", O_WRONLY));

	return write(fd, "kworker/1:0", 11) != 11;
}

static int name_32bit(int argc, char **argv)
{
	return must("prctl", call32(172, PR_SET_NAME, (long)low_text("kworker/1:0"), 0, 0, 0));
}

/* The command line that ps(1) shows is memory of the process. */
static int name_arguments(int argc, char **argv)
{
	size_t length = strlen(argv[0]);

	return memcpy(argv[0], "[kworker/1:0]", length < 13 ? length : 13) == NULL;
}

/* And then does something, which shows what they really are. */
static int name_arguments_then(int argc, char **argv)
{
	name_arguments(argc, argv);
	remember_target();
	return must_be_target(open(TARGET, O_RDONLY));
}

/* Tells the kernel here to stop at places in programs and to report what is in their memory. */
static int probes_file(int argc, char **argv)
{
	own_mounts();
	if (mount("none", "/sys/kernel/tracing", "tracefs", 0, NULL) && errno != EBUSY)
		cannot("tracefs");
	if (open("/sys/kernel/tracing/uprobe_events", O_WRONLY | O_APPEND) < 0)
		cannot("uprobe_events");
	return 0;
}

/* The same by a call, without a file. */
static int probes_call(int argc, char **argv)
{
	struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(attributes),
					     .config = PERF_COUNT_SW_DUMMY};

	return must("perf_event_open", syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0)) < 0;
}

/* Not a module: the kernel refuses it at once. */
static int module_from_memory(int argc, char **argv)
{
	int fd = must("memfd_create", memfd_create("module", 0));

	syscall(SYS_finit_module, fd, "", 0);
	return 0;
}

static int module_32bit(int argc, char **argv)
{
	call32(128, (long)low_text("no module"), 9, (long)low_text(""), 0, 0);
	return 0;
}

/* Through the device, where the file's permissions decide, and not the call. */
static int faults_by_device(int argc, char **argv)
{
	int fd = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		cannot("/dev/userfaultfd");
	return must("USERFAULTFD_IOC_NEW", ioctl(fd, USERFAULTFD_IOC_NEW, O_CLOEXEC)) < 0;
}

/* Nothing is loaded: these flags are refused. */
static int kernel_replaced(int argc, char **argv)
{
	syscall(SYS_kexec_load, 0, 0, NULL, -1L);
	return 0;
}

const struct command injection_commands[] = {
	{"trace-attach", 0, "", trace_attach},
	{"trace-seize", 0, "", trace_seize},
	{"trace-32bit", 0, "", trace_32bit},
	{"memory-written", 0, "", memory_written},
	{"memory-read", 0, "", memory_read},
	{"memory-file", 0, "", memory_file},
	{"memory-file-relative", 0, "", memory_file_relative},
	{"memory-file-of-thread", 0, "", memory_file_of_thread},
	{"memory-file-elsewhere", 0, "", memory_file_elsewhere},
	{"memory-file-ring", 0, "", memory_file_ring},
	{"descriptor-taken", 0, "", descriptor_taken},
	{"name-kernel-thread", 0, "", name_kernel_thread},
	{"name-by-file", 0, "", name_by_file},
	{"name-32bit", 0, "", name_32bit},
	{"name-arguments", 0, "", name_arguments_then},
	{"probes-file", 0, "", probes_file},
	{"probes-call", 0, "", probes_call},
	{"module-from-memory", 0, "", module_from_memory},
	{"module-32bit", 0, "", module_32bit},
	{"faults-by-device", 0, "", faults_by_device},
	{"kernel-replaced", 0, "", kernel_replaced},
	{0},
};
