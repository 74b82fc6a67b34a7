/* Shared by the groups of commands: the shape of a command, and how one passes on to the next. */
#ifndef TESTER_H
#define TESTER_H

/* argv[0] is the command's name. Returns the exit code: 0 if the thing was done, or at least requested. */
struct command {
	const char *name;
	int arguments;  /* number of those that it needs */
	const char *usage;
	int (*run)(int argc, char **argv);
};

/* Each ends with a row without a name. */
extern const struct command file_commands[], process_commands[], kernel_commands[], network_commands[], place_commands[];

/* Run the command that argv[0] names. Places (a cgroup, a namespace, a user) call it with the rest of their arguments. */
int dispatch(int argc, char **argv);

/* Print what failed and why, and exit with 1. */
void die(const char *what) __attribute__((noreturn));

/* Write the text into the file, which exists. */
void write_file(const char *path, const char *text);

/* Copy a file's content to an open file. */
void copy_file(const char *from, int to);

/* Exit code of a child that has ended; 128 + signal, as a shell has it. */
int wait_for(int pid);

/* A TCP connection to address and port, whose other end is this process too; both stay open. */
int connect_to_self(const char *address, int port);

#endif
