/* The caller's memory where the kernel has all memory in one piece: read by loads. Reading it by a helper costs as much as all
 * else that is done for an open that no rule wants (docs/decisions/0194-what-an-open-still-costs.md). What is read here is
 * good for one thing, a comparison with what a caller would have passed: who could make it lie could as well have
 * written that text there. */
#ifndef FALCOHOST_DIRECT_BPF_H
#define FALCOHOST_DIRECT_BPF_H

#include "read.bpf.h"

#if defined(__TARGET_ARCH_x86) && !defined(OLDER)
#define HAS_DIRECT 1
#else
#define HAS_DIRECT 0
#endif

/* All physical memory, as find_direct has found it; without it nothing is read so. */
struct direct {
	__u64 base; /* 0: not found */
	__u64 end;  /* of physical memory */
	__u64 five; /* tables have five levels, of which an address here needs the first entry of the first */
};

#define ENTRY_PRESENT 0x1
#define ENTRY_LARGE 0x80
/* The address in an entry, without the bits that tell that a page is encrypted; up to 64 TB. */
#define ENTRY_ADDRESS 0x00003ffffffff000ULL
#define PAGE_BYTES 4096
#define FIRST_ENTRIES 256 /* of four levels: those of addresses of users */

/* Where an address of a user is in the kernel's memory, or 0. */
static __always_inline __u64 direct_at(__u64 tables, __u64 address, __u64 base, __u64 end, bool five)
{
	__u64 entry, size, table, first = address >> 39;

	if (first >= FIRST_ENTRIES)
		return 0;
	if (five) {
		entry = number_at((void *)tables);
		table = entry & ENTRY_ADDRESS;
		if (!(entry & ENTRY_PRESENT) || table >= end)
			return 0;
		tables = base + table;
	}
	entry = number_at((void *)(tables + first * sizeof(entry)));
	table = entry & ENTRY_ADDRESS;
	if (!(entry & ENTRY_PRESENT) || table >= end)
		return 0;
	entry = number_at((void *)(base + table + (address >> 30 & 511) * sizeof(entry)));
	table = entry & ENTRY_ADDRESS;
	if (!(entry & ENTRY_PRESENT) || entry & ENTRY_LARGE || table >= end)
		return 0;
	entry = number_at((void *)(base + table + (address >> 21 & 511) * sizeof(entry)));
	table = entry & ENTRY_ADDRESS;
	size = PAGE_BYTES << 9;
	if (!(entry & ENTRY_LARGE)) {
		if (!(entry & ENTRY_PRESENT) || table >= end)
			return 0;
		entry = number_at((void *)(base + table + (address >> 12 & 511) * sizeof(entry)));
		table = entry & ENTRY_ADDRESS;
		size = PAGE_BYTES;
	}
	table &= ~(size - 1);
	if (!(entry & ENTRY_PRESENT) || table >= end)
		return 0;
	return base + table + (address & (size - 1));
}

#if HAS_DIRECT
/* Only programs write it: user space has it frozen. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct direct);
} directs SEC(".maps");

/* Where len bytes of the current process lie, if they are on one page, and nobody but the kernel can change its tables meanwhile. */
static __always_inline __u64 direct_bytes(struct task_struct *task, __u64 address, __u32 len)
{
	__u32 zero = 0;
	struct direct *direct = bpf_map_lookup_elem(&directs, &zero);
	struct mm_struct *mm = task->mm;

	if (!direct || !direct->base || (address & (PAGE_BYTES - 1)) + len > PAGE_BYTES || !mm || mm->mm_users.counter != 1)
		return 0;
	return direct_at(NUMBER(struct mm_struct, mm, pgd), address, direct->base, direct->end, direct->five);
}

#define DIRECT_ALIGNMENT (1ULL << 30)
#define DIRECT_MOST 8192 /* twice the places to look at: 4 TB */

/* What is looked for: in the calling process, at this address, are these words. */
struct sought {
	__u64 address, first, second, end, tables, from;
};

/* Each place with tables of four levels, then of five. */
static long try_direct(__u32 i, struct sought *sought)
{
	__u64 base = sought->from + (i >> 1) * DIRECT_ALIGNMENT, at;
	struct direct *direct;
	__u32 zero = 0;

	at = direct_at(sought->tables, sought->address, base, sought->end, i & 1);
	if (!at || number_at((void *)at) != sought->first || number_at((void *)at + sizeof(__u64)) != sought->second)
		return 0;
	direct = bpf_map_lookup_elem(&directs, &zero);
	if (direct) {
		direct->end = sought->end;
		direct->five = i & 1;
		barrier();
		direct->base = base;
	}
	return 1;
}

/* Run by user space, which passes where it has two words that occur nowhere else. It begins below all memory, so that nothing
 * is read that is not memory: far behind it are the registers of devices. */
SEC("raw_tp")
int find_direct(unsigned long long *ctx)
{
	struct sought sought = {.address = ctx[0], .first = ctx[1], .second = ctx[2], .end = ctx[3]};
	struct task_struct *task = current_task();
	__u64 places;

	if (!HAS_CASTS || !task->mm)
		return 0;
	sought.tables = NUMBER(struct mm_struct, task->mm, pgd);
	sought.from = (sought.tables - sought.end + DIRECT_ALIGNMENT - 1) & ~(DIRECT_ALIGNMENT - 1);
	places = 2 * ((sought.end >> 30) + 2);
	LOOP_WITH(DIRECT_MOST, places < DIRECT_MOST ? places : DIRECT_MOST, try_direct, sought);
	return 0;
}
#else
#define direct_bytes(task, address, len) 0
#endif

#endif
