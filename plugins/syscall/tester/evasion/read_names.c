/* Reading a file under another spelling of its name: links, dots, folders, /proc, and names of programs. */
#define _GNU_SOURCE
#include "evasion.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int read_as(const char *path)
{
	return must_be_target(open(path, O_RDONLY));
}

static int read_plain(int argc, char **argv)
{
	remember_target();
	return read_as(TARGET);
}

static int read_slashes(int argc, char **argv)
{
	remember_target();
	return read_as("//etc///shadow");
}

static int read_dots(int argc, char **argv)
{
	remember_target();
	return read_as("/etc/../etc/./shadow");
}

/* As text this is ./shadow; the link leads to a folder with another parent. */
static int read_dots_behind_link(int argc, char **argv)
{
	own_etc();
	must("link", symlink("/etc/pam.d", "link"));
	return read_as("link/../shadow");
}

static int read_symlink(int argc, char **argv)
{
	remember_target();
	must("link", symlink("/etc//shadow", "link"));
	return read_as("link");
}

static int read_linked_folder(int argc, char **argv)
{
	remember_target();
	must("link", symlink("/etc/.", "link"));
	return read_as("link/shadow");
}

static int read_relative(int argc, char **argv)
{
	remember_target();
	must("chdir", chdir("/etc"));
	return read_as("shadow");
}

static int read_relative_fchdir(int argc, char **argv)
{
	remember_target();
	must("fchdir", fchdir(must("/etc", open("/etc", O_PATH))));
	return read_as("shadow");
}

static int read_from_descriptor(int argc, char **argv)
{
	remember_target();
	return must_be_target(openat(must("/etc", open("/etc", O_PATH)), "shadow", O_RDONLY));
}

/* With O_PATH the access mode means nothing, so this does not even look like reading. */
static int read_reopened(int argc, char **argv)
{
	char path[64];

	remember_target();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", must(TARGET, open(TARGET, O_PATH | O_WRONLY)));
	return read_as(path);
}

static int read_proc_root(int argc, char **argv)
{
	remember_target();
	return read_as("/proc/self/root/etc/shadow");
}

static void enter_etc(void *argument)
{
	must("chdir", chdir("/etc"));
}

static int read_proc_cwd(int argc, char **argv)
{
	char path[64];

	remember_target();
	snprintf(path, sizeof(path), "/proc/%d/cwd/shadow", beside(enter_etc, NULL));
	return read_as(path);
}

static void root_is_etc(void *argument)
{
	must("chroot", chroot("/etc"));
}

static int read_root_of_another(int argc, char **argv)
{
	char path[64];

	remember_target();
	snprintf(path, sizeof(path), "/proc/%d/root/shadow", beside(root_is_etc, NULL));
	return read_as(path);
}

static int shared(int (*run)(void *), int flags)
{
	static char stack[1 << 16];
	int pid = must("clone", clone(run, stack + sizeof(stack), flags | SIGCHLD, NULL));

	return wait_for(pid);
}

static int chdir_to_etc(void *argument)
{
	return chdir("/etc") ? 1 : 0;
}

/* Another process that shares its working directory with this one changes it. */
static int read_shared_cwd(int argc, char **argv)
{
	remember_target();
	must("clone", -shared(chdir_to_etc, CLONE_FS));
	return read_as("shadow");
}

static int folder_as_200(void *argument)
{
	return dup2(open("/etc", O_PATH), 200) == 200 ? 0 : 1;
}

static int read_shared_descriptor(int argc, char **argv)
{
	remember_target();
	must("clone", -shared(folder_as_200, CLONE_FILES));
	return must_be_target(openat(200, "shadow", O_RDONLY));
}

/* 4,000 characters that lead to a short name. */
static int read_long(int argc, char **argv)
{
	char path[4001] = "/etc";

	remember_target();
	while (strlen(path) < sizeof(path) - 10)
		strcat(path, "/.");
	strcat(path, "/shadow");
	return read_as(path);
}

/* A name that rules allow, taken by another program. */
static int read_renamed(int argc, char **argv)
{
	remember_target();
	must("prctl", prctl(PR_SET_NAME, "sshd"));
	return read_as(TARGET);
}

static void *read_in_thread(void *argument)
{
	must("prctl", prctl(PR_SET_NAME, "sshd"));
	read_as(TARGET);
	return NULL;
}

static int read_renamed_thread(int argc, char **argv)
{
	pthread_t thread;

	remember_target();
	must("thread", -pthread_create(&thread, NULL, read_in_thread, NULL));
	return pthread_join(thread, NULL);
}

const struct command read_name_commands[] = {
	{"read-plain", 0, "", read_plain},
	{"read-slashes", 0, "", read_slashes},
	{"read-dots", 0, "", read_dots},
	{"read-dots-behind-link", 0, "", read_dots_behind_link},
	{"read-symlink", 0, "", read_symlink},
	{"read-linked-folder", 0, "", read_linked_folder},
	{"read-relative", 0, "", read_relative},
	{"read-relative-fchdir", 0, "", read_relative_fchdir},
	{"read-from-descriptor", 0, "", read_from_descriptor},
	{"read-reopened", 0, "", read_reopened},
	{"read-proc-root", 0, "", read_proc_root},
	{"read-proc-cwd", 0, "", read_proc_cwd},
	{"read-root-of-another", 0, "", read_root_of_another},
	{"read-shared-cwd", 0, "", read_shared_cwd},
	{"read-shared-descriptor", 0, "", read_shared_descriptor},
	{"read-long", 0, "", read_long},
	{"read-renamed", 0, "", read_renamed},
	{"read-renamed-thread", 0, "", read_renamed_thread},
	{0},
};
