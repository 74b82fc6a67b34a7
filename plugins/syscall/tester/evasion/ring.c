/* io_uring without a library: one request, one answer. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	struct io_uring_params params;
	char *queues;
	struct io_uring_sqe *entries;
};

static struct ring ring;

static void *map(int fd, size_t size, off_t what)
{
	void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	if (place == MAP_FAILED)
		die("mmap");
	return place;
}

static void set_up(unsigned flags)
{
	if (ring.queues)
		return;
	ring.params.flags = flags;
	ring.params.sq_thread_idle = 1000;
	ring.fd = must("io_uring_setup", syscall(SYS_io_uring_setup, 4, &ring.params));
	ring.queues = map(ring.fd, ring.params.sq_off.array + 4096, IORING_OFF_SQ_RING);
	ring.entries = map(ring.fd, 4 * sizeof(*ring.entries), IORING_OFF_SQES);
}

static unsigned *word(unsigned offset)
{
	return (unsigned *)(ring.queues + offset);
}

static void submit(const struct io_uring_sqe *entry)
{
	unsigned tail = *word(ring.params.sq_off.tail), slot = tail & *word(ring.params.sq_off.ring_mask);

	ring.entries[slot] = *entry;
	word(ring.params.sq_off.array)[slot] = slot;
	__atomic_store_n(word(ring.params.sq_off.tail), tail + 1, __ATOMIC_SEQ_CST);
}

int ring_answer(void)
{
	unsigned head = *word(ring.params.cq_off.head);
	struct io_uring_cqe *answers = (struct io_uring_cqe *)(ring.queues + ring.params.cq_off.cqes);
	int result;

	while (__atomic_load_n(word(ring.params.cq_off.tail), __ATOMIC_ACQUIRE) == head)
		usleep(100);
	result = answers[head & *word(ring.params.cq_off.ring_mask)].res;
	__atomic_store_n(word(ring.params.cq_off.head), head + 1, __ATOMIC_RELEASE);
	errno = result < 0 ? -result : 0;
	return result < 0 ? -1 : result;
}

static void enter(unsigned entries, unsigned wait)
{
	unsigned flags = wait ? IORING_ENTER_GETEVENTS : 0;

	must("io_uring_enter", syscall(SYS_io_uring_enter, ring.fd, entries, wait, flags, NULL, 0));
}

int ring_calls(const struct io_uring_sqe *entries, unsigned count)
{
	set_up(0);
	for (unsigned i = 0; i < count; i++)
		submit(&entries[i]);
	enter(count, 1);
	return ring_answer();
}

int ring_call(const struct io_uring_sqe *entry)
{
	return ring_calls(entry, 1);
}

void silent_ring_calls(const struct io_uring_sqe *entries, unsigned count)
{
	set_up(0);
	for (unsigned i = 0; i < count; i++)
		submit(&entries[i]);
	enter(count, 0);
}

void silent_ring_call(const struct io_uring_sqe *entry)
{
	silent_ring_calls(entry, 1);
}

int forgetful_ring_call(const struct io_uring_sqe *entry, char *text)
{
	silent_ring_call(entry);
	memset(text, 'x', strlen(text));
	return ring_answer();
}

int polled_ring_call(const struct io_uring_sqe *entry)
{
	set_up(IORING_SETUP_SQPOLL);
	submit(entry);
	if (__atomic_load_n(word(ring.params.sq_off.flags), __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
		must("io_uring_enter", syscall(SYS_io_uring_enter, ring.fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0));
	return ring_answer();
}

int ring_descriptor(void)
{
	set_up(0);
	return ring.fd;
}
