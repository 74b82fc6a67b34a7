/* Commands that make special requests to the kernel: namespaces, mounts, modules, BPF, rings. */
#define _GNU_SOURCE
#include "tester.h"
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int run_unshare(int argc, char **argv)
{
	if (unshare(!strcmp(argv[1], "user") ? CLONE_NEWUSER : CLONE_FS))
		die("unshare");
	return 0;
}

/* Its own namespace: nothing changes. */
static int run_setns(int argc, char **argv)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY);

	if (fd < 0 || setns(fd, CLONE_NEWUTS))
		die("setns");
	return 0;
}

/* The caller has to know whether there is such a device. */
static int run_mount(int argc, char **argv)
{
	mount(argv[1], argv[2], argv[3], MS_RDONLY, NULL);
	return 0;
}

/* An empty file system that was mounted nowhere is put over the folder. */
static int run_tree_over(int argc, char **argv)
{
	int context = syscall(SYS_fsopen, "tmpfs", 0), tree;

	if (context < 0 || syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0))
		die("fsconfig");
	tree = syscall(SYS_fsmount, context, 0, 0);
	if (tree < 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, argv[1], 4 /* MOVE_MOUNT_F_EMPTY_PATH */))
		die("move_mount");
	return 0;
}

static int run_chroot(int argc, char **argv)
{
	if (chroot(argv[1]))
		die(argv[1]);
	return argc > 2 ? dispatch(argc - 2, argv + 2) : 0;
}

/* Not a module: the kernel refuses it at once. */
static int run_module(int argc, char **argv)
{
	if (!strcmp(argv[1], "init"))
		syscall(SYS_init_module, "no module", 9, "");
	else
		syscall(SYS_finit_module, -1, "", 0);
	return 0;
}

/* A file that is no module: the call fails, and is told all the same. */
static int run_module_of(int argc, char **argv)
{
	int fd = open(argv[1], O_RDONLY);

	if (fd < 0)
		die(argv[1]);
	syscall(SYS_finit_module, fd, "", 0);
	return 0;
}

static int bpf_program(void)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (unsigned long)insns,
		.insn_cnt = 2,
		.license = (unsigned long)"GPL",
	};

	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int bpf_map(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int run_bpf(int argc, char **argv)
{
	if ((!strcmp(argv[1], "program") ? bpf_program() : bpf_map()) < 0)
		die("bpf");
	return 0;
}

static int run_ring(int argc, char **argv)
{
	struct io_uring_params params = {0};

	if (syscall(SYS_io_uring_setup, 1, &params) < 0)
		die("io_uring_setup");
	return 0;
}

static int run_faults(int argc, char **argv)
{
	if (syscall(SYS_userfaultfd, O_CLOEXEC) < 0)
		die("userfaultfd");
	return 0;
}

const struct command kernel_commands[] = {
	{"unshare", 1, "user|fs", run_unshare},
	{"setns", 0, "", run_setns},
	{"mount", 3, "DEVICE FOLDER TYPE", run_mount},
	{"tree-over", 1, "FOLDER", run_tree_over},
	{"chroot", 1, "FOLDER [COMMAND...]", run_chroot},
	{"module", 1, "init|finit", run_module},
	{"module-of", 1, "FILE", run_module_of},
	{"bpf", 1, "program|map", run_bpf},
	{"ring", 0, "", run_ring},
	{"faults", 0, "", run_faults},
	{0},
};
