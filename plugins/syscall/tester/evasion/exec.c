/* Starting PROGRAM (with `noop` as its argument) so that its place, or that it was started at all, is not seen. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *const arguments[] = {"program", "noop", NULL}, *const environment[] = {NULL};

static void start(const char *path)
{
	char *named[] = {(char *)path, "noop", NULL};

	execve(path, named, environment);
	die(path);
}

static void start_descriptor(int fd)
{
	must("execveat", syscall(SYS_execveat, fd, "", arguments, environment, AT_EMPTY_PATH));
}

static int descriptor_of(const char *program)
{
	return must(program, open(program, O_PATH | O_CLOEXEC));
}

static int exec_argument0(int argc, char **argv)
{
	return execve(argv[1], arguments, environment);
}

static int exec_relative(int argc, char **argv)
{
	must("chdir", chdir("/"));
	start(argv[1] + 1);
	return 1;
}

static int exec_symlink(int argc, char **argv)
{
	must("link", symlink(argv[1], "link"));
	start("./link");
	return 1;
}

static int exec_descriptor(int argc, char **argv)
{
	start_descriptor(descriptor_of(argv[1]));
	return 1;
}

static int exec_proc_descriptor(int argc, char **argv)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor_of(argv[1]));
	start(path);
	return 1;
}

static int exec_deleted(int argc, char **argv)
{
	int fd = descriptor_of(argv[1]);

	must("unlink", unlink(argv[1]));
	start_descriptor(fd);
	return 1;
}

static int exec_script(int argc, char **argv)
{
	FILE *script = fopen("script", "w");

	fprintf(script, "#!%s noop\n", argv[1]);
	fchmod(fileno(script), 0755);
	fclose(script);
	start("./script");
	return 1;
}

static void write_whole(const char *path, int flags, const char *text)
{
	int fd = must(path, open(path, O_WRONLY | flags, 0755));

	if (write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* In a user namespace of its own a program may register what the kernel starts for files with a certain beginning. */
static int exec_registered(int argc, char **argv)
{
	char line[4096];

	must("user namespace", unshare(CLONE_NEWUSER | CLONE_NEWNS));
	write_whole("/proc/self/uid_map", 0, "0 0 1");
	write_whole("/proc/self/setgroups", 0, "deny");
	write_whole("/proc/self/gid_map", 0, "0 0 1");
	must("formats", mkdir("formats", 0755));
	if (mount("none", "formats", "binfmt_misc", 0, NULL))
		cannot("binfmt_misc in a user namespace");
	snprintf(line, sizeof(line), ":falcohost:M::falcohost::%s:", argv[1]);
	write_whole("formats/register", 0, line);
	write_whole("noop", O_CREAT, "falcohost");
	start("noop");
	return 1;
}

/* The kernel starts the dynamic linker; the program that runs is its argument. */
static void start_with_linker(const char *path)
{
	static const char *const linkers[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};

	for (int i = 0; i < 2; i++)
		execve(linkers[i], (char *[]){"ld.so", (char *)path, "noop", NULL}, environment);
	cannot("dynamic linker");
}

static int exec_linker(int argc, char **argv)
{
	start_with_linker(argv[1]);
	return 1;
}

static int exec_bound(int argc, char **argv)
{
	char *name = strdup(basename(argv[1]));

	own_mounts();
	must("bound", mkdir("bound", 0755));
	must("bound", mount(dirname(argv[1]), "bound", NULL, MS_BIND, NULL));
	must("chdir", chdir("bound"));
	return execve(name, arguments, environment);
}

static int exec_vfork(int argc, char **argv)
{
	int pid = vfork();

	if (!pid) {
		execve(argv[1], (char *[]){argv[1], "noop", NULL}, environment);
		_exit(1);
	}
	return wait_for(must("vfork", pid));
}

static void *start_in_thread(void *path)
{
	start(path);
	return NULL;
}

static int exec_thread(int argc, char **argv)
{
	pthread_t thread;

	must("thread", -pthread_create(&thread, NULL, start_in_thread, argv[1]));
	pthread_join(thread, NULL);
	return 1;
}

static int exec_32bit(int argc, char **argv)
{
	unsigned list[] = {(unsigned)(long)low_text(argv[1]), (unsigned)(long)low_text("noop"), 0};

	return call32(11, list[0], (long)low_memory(list, sizeof(list)), 0, 0, 0);
}

static int in_memory(const char *program)
{
	int fd = must("memfd_create", memfd_create("library", 0));

	copy_file(program, fd);
	return fd;
}

static int memory_descriptor(int argc, char **argv)
{
	start_descriptor(in_memory(argv[1]));
	return 1;
}

static int memory_proc(int argc, char **argv)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", in_memory(argv[1]));
	start(path);
	return 1;
}

/* A link gives the program the name of one that is allowed to do this. */
static int memory_as_runc(int argc, char **argv)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", in_memory(argv[1]));
	must("runc", symlink(path, "runc"));
	start("./runc");
	return 1;
}

static int memory_linker(int argc, char **argv)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", in_memory(argv[1]));
	start_with_linker(path);
	return 1;
}

/* Not in memory, but on a disk where it has no name. */
static int exec_unnamed(int argc, char **argv)
{
	char path[64];
	int writing = must("O_TMPFILE", open(".", O_TMPFILE | O_RDWR, 0700)), fd;

	copy_file(argv[1], writing);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writing);
	fd = descriptor_of(path);
	close(writing);
	start_descriptor(fd);
	return 1;
}

static void start_mounted(char *program, const char *type)
{
	char *named[] = {program, "noop", NULL};
	int fd;

	own_mounts();
	must("mounted", mount("none", "/mnt", type, 0, NULL));
	fd = must("copy", open("/mnt/program", O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
	copy_file(program, fd);
	close(fd);
	execve("/mnt/program", named, environment);
	die("/mnt/program");
}

static int exec_tmpfs(int argc, char **argv)
{
	start_mounted(argv[1], "tmpfs");
	return 1;
}

static int exec_ramfs(int argc, char **argv)
{
	start_mounted(argv[1], "ramfs");
	return 1;
}

/* The script is in a tmpfs, too; for the kernel it is data of an installed program. */
static int exec_read(int argc, char **argv)
{
	int fd;

	own_mounts();
	must("mounted", mount("none", "/mnt", "tmpfs", 0, NULL));
	write_whole("/mnt/script", O_CREAT, "exit 0\n");
	fd = must("script", open("/mnt/script", O_RDONLY));
	must("input", dup2(fd, 0));
	return execve("/bin/sh", (char *[]){"sh", NULL}, environment);
}

/* Code is put into a running process: no program is started. */
static int exec_mapped(int argc, char **argv)
{
#ifdef __x86_64__
	static const unsigned char code[] = {0x31, 0xc0, 0xc3}; /* xor %eax, %eax; ret */
	int fd = must("memfd_create", memfd_create("library", 0));
	int (*run)(void);

	if (write(fd, code, sizeof(code)) != sizeof(code))
		die("memfd");
	run = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (run == MAP_FAILED)
		die("mmap");
	return run();
#else
	errno = ENOSYS;
	cannot("code of x86_64");
#endif
}

const struct command exec_commands[] = {
	{"exec-argument0", 1, "PROGRAM", exec_argument0},
	{"exec-relative", 1, "PROGRAM", exec_relative},
	{"exec-symlink", 1, "PROGRAM", exec_symlink},
	{"exec-descriptor", 1, "PROGRAM", exec_descriptor},
	{"exec-proc-descriptor", 1, "PROGRAM", exec_proc_descriptor},
	{"exec-deleted", 1, "PROGRAM", exec_deleted},
	{"exec-script", 1, "PROGRAM", exec_script},
	{"exec-registered", 1, "PROGRAM", exec_registered},
	{"exec-linker", 1, "PROGRAM", exec_linker},
	{"exec-bound", 1, "PROGRAM", exec_bound},
	{"exec-vfork", 1, "PROGRAM", exec_vfork},
	{"exec-thread", 1, "PROGRAM", exec_thread},
	{"exec-32bit", 1, "PROGRAM", exec_32bit},
	{"exec-memory", 1, "PROGRAM", memory_descriptor},
	{"exec-memory-proc", 1, "PROGRAM", memory_proc},
	{"exec-memory-as-runc", 1, "PROGRAM", memory_as_runc},
	{"exec-memory-linker", 1, "PROGRAM", memory_linker},
	{"exec-mapped", 0, "", exec_mapped},
	{"exec-unnamed", 1, "PROGRAM", exec_unnamed},
	{"exec-tmpfs", 1, "PROGRAM", exec_tmpfs},
	{"exec-ramfs", 1, "PROGRAM", exec_ramfs},
	{"exec-read", 0, "", exec_read},
	{0},
};
