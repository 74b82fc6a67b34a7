/* A marked moment in a process's life, observed by a rule and by the process itself.
 *
 * The process asks for a root directory that does not exist, /falcohost-mark/NUMBER, which a rule can see, and writes a
 * line to stdout with what the kernel says of it right then, tabs in between: number, way, pid, tid, parent's pid, name,
 * arguments, names of up to five ancestors.
 */
#ifndef MARK_H
#define MARK_H

/* Takes the arguments of main; call it first. */
void mark_arguments(int argc, char **argv);

/* The ancestors have to stay until it returns. */
void mark(const char *way, int number);

void die(const char *what) __attribute__((noreturn));

#endif
