/* Shared by the evasions: their target file, ways to call the kernel, and messages if one cannot work here. */
#ifndef EVASION_H
#define EVASION_H

#include "../tester.h"
#include <linux/io_uring.h>
#include <string.h>
#include <sys/types.h>

/* Exit code if this kernel, or this machine, lacks what the technique needs. */
#define CANNOT_HERE 77

/* The target of all of them; it exists on every machine, and rules watch it. */
#define TARGET "/etc/shadow"

extern const struct command read_name_commands[], read_place_commands[], read_call_commands[];
extern const struct command read_ring_commands[], read_other_commands[], agent_commands[];
extern const struct command write_name_commands[], write_call_commands[], rewritten_commands[];
extern const struct command exec_commands[], shell_commands[], connect_commands[];
extern const struct command privilege_commands[], namespace_commands[], injection_commands[];

/* Say what is missing here, and exit with CANNOT_HERE. */
void cannot(const char *what) __attribute__((noreturn));

/* die(what) if the result is an error, cannot(what) if the call is missing or forbidden. */
int must(const char *what, long result);

/* Starts a child that runs this and then waits until its parent has ended; returns when it has run it. */
pid_t beside(void (*prepare)(void *), void *argument);

/* Mounts of this process's own. */
void own_mounts(void);

/* A small file system over /etc that nobody else sees, filled before it was put there: `shadow` (4 bytes), `next`
 * (8 bytes), and the folder pam.d. In the second one `other` is another name of `shadow`. */
void own_etc(void);
void own_etc_with_link(void);

/* The present file of TARGET; must_be_target compares by inode, so call it before names change. */
void remember_target(void);
int must_be_target(int fd);

/* Make `other` in the working directory another link to the machine's own TARGET, and remember that as the target. */
void link_target(const char *path);

/* Exit with 1 unless TARGET, as own_etc made it, has the content of `next` now. */
int must_be_changed(void);

/* The call by its number for 32-bit programs. Addresses have to be low. */
long call32(long number, long a, long b, long c, long d, long e);

/* Memory below 4 GiB with this content; low_text for a string. */
void *low_memory(const void *content, unsigned size);
#define low_text(text) low_memory(text, strlen(text) + 1)

/* Request one thing through io_uring and return its result. */
int ring_call(const struct io_uring_sqe *entry);
/* The same for several at once, up to four, one of which has a result. */
int ring_calls(const struct io_uring_sqe *entries, unsigned count);
/* The same without waiting for a result; returns it if there is one. */
void silent_ring_call(const struct io_uring_sqe *entry);
void silent_ring_calls(const struct io_uring_sqe *entries, unsigned count);
int ring_answer(void);
/* Overwrite a text of the request before its result is there. */
int forgetful_ring_call(const struct io_uring_sqe *entry, char *text);

/* The same with a kernel thread that takes the requests, so that no call submits them. */
int polled_ring_call(const struct io_uring_sqe *entry);

/* The ring of ring_call, for other uses. */
int ring_descriptor(void);

#endif
