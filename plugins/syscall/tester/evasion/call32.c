/* System calls of 32-bit programs, made by a 64-bit program. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__

/* Kernels without 32-bit calls answer with this signal. */
static void refused(int number)
{
	(void)number;
	_exit(CANNOT_HERE);
}

long call32(long number, long a, long b, long c, long d, long e)
{
	long result;

	signal(SIGSEGV, refused);
	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory", "r8", "r9", "r10", "r11");
	signal(SIGSEGV, SIG_DFL);
	result = (int)result;
	if (result < 0 && result > -4096) {
		errno = -result;
		return -1;
	}
	return result;
}

void *low_memory(const void *content, unsigned size)
{
	static char *place, *end;
	char *start;

	if (!place || place + size > end) {
		place = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		if (place == MAP_FAILED)
			die("mmap");
		end = place + (1 << 16);
	}
	start = place;
	memcpy(start, content, size);
	place += (size + 15) & ~15u;
	return start;
}

#else

long call32(long number, long a, long b, long c, long d, long e)
{
	errno = ENOSYS;
	cannot("calls of 32-bit programs");
}

void *low_memory(const void *content, unsigned size)
{
	errno = ENOSYS;
	cannot("calls of 32-bit programs");
}

#endif
