/* The stages of a call in which its facts are put together, between filters that may end it. */

static __always_inline int objects_gathered(void *ctx, struct scratch *s, struct task_struct *task)
{
	if (s->names.left_out) {
		GO(ctx, stages, STAGE_LEFT_OUT);
		return 0;
	}
	if (s->spec.want & WANT_CWD)
		put_path(s, SEC_CWD, task, &OF(task, fs)->pwd);
	if (s->spec.want & WANT_CAPS)
		put_caps(s, task);
	GO_ON(ctx, s->spec.call, STAGE_MEMORY);
	return 0;
}

CALL_STAGE(gather_objects)
{
	struct task_struct *task = task_of(s);

	s->names.rules = rules;
	if (s->spec.want & WANT_FD)
		s->names.left_out = !put_fd(s, task);
	if (s->names.folder && !RELAYED)
		bpf_tail_call(ctx, &filters, FILTERS_OF_FOLDERS * MAX_CALLS + s->spec.call);
	return objects_gathered(ctx, s, task);
}

CALL_STAGE(gather_memory)
{
	struct task_struct *task = task_of(s);

	fill_rest(&s->header, task);
	if (s->spec.want & WANT_NAMED)
		__builtin_memcpy(s->header.comm, &s->header.args[NAMED_AT], sizeof(s->header.comm));
	gather_paths(s, task);
	gather_host(s, task);
	see_paths(s);
	if (is_opening(s) && (s->facts.kind == FD_NONE || options & OPTION_REQUESTED))
		see_requested(GIVE(s));
	see_file_names(s);
	GO(ctx, stages, STAGE_ARGUMENTS);
	return 0;
}

/* Asks the filters again, under the next name of the event's file, or of its paths. */
CALL_STAGE(next_name)
{
	if (see_next_name(s, task_of(s)))
		GO_ON(ctx, s->spec.call, STAGE_MEMORY);
	if (see_next_paths(s))
		GO_ON(ctx, s->spec.call, STAGE_PROCESS);
	GO(ctx, stages, STAGE_LEFT_OUT);
	return 0;
}

/* Corrects the flags of clone3(2) by those that the kernel has used, even if the structure is no longer there. */
static __always_inline void put_made_flags(struct scratch *s, __u64 *room, __u32 before)
{
	__u32 tid = s->header.tid;
	__u64 *flags = bpf_map_lookup_elem(&made_flags, &tid);

	if (!flags || !room || s->header.ret < 0)
		return;
	if (s->pos == before) {
		__builtin_memset(room, 0, STRUCT_SIZE);
		end_section(s, SEC_STRUCT, STRUCT_SIZE);
	}
	*room = *flags;
	bpf_map_delete_elem(&made_flags, &tid);
}

static __always_inline void put_structure(struct scratch *s, __u64 address)
{
	__u64 *room = section_room(s);
	__u32 before = s->pos;

	s->facts.structure = UNKNOWN_BITS;
	put_user_bytes(s, SEC_STRUCT, address, STRUCT_SIZE, STRUCT_SIZE);
	if (s->spec.want & WANT_MADE)
		put_made_flags(s, room, before);
	if (room && s->pos > before)
		s->facts.structure = *room;
}

/* The pid (host's namespace) of the process that a pidfd stands for. Where pidfds have a file system (since Linux 6.9) the inode
 * has it, before the file. */
static __always_inline __u32 pid_behind(struct file *file)
{
	__u64 pid = NUMBER(struct inode, READ(struct file, file, f_inode), i_private);

	return READ(struct upid, upid_at(pid ? pid : NUMBER(struct file, file, private_data), 0), nr);
}

/* What else lies in the caller's memory: a program of its own, or the verifier would follow it once for each way through
 * the names. */
CALL_STAGE(gather_arguments)
{
	struct task_struct *task = task_of(s);
	__u32 want = s->spec.want;

	if (want & WANT_FAILED_ONLY)
		put_argv(s, arg(s, s->spec.path_arg + 1));
	if (want & WANT_SOCKADDR)
		put_address(GIVE(s), arg(s, s->spec.addr_arg), arg(s, s->spec.addr_arg + 1));
	if (want & WANT_SENDER)
		put_sender(s, arg(s, s->spec.addr_arg), arg(s, s->spec.addr_arg + 1));
	if (want & WANT_MSGHDR)
		put_message(s, arg(s, s->spec.addr_arg));
	if (want & WANT_STR)
		put_user_string(s, SEC_STR, arg(s, s->spec.str_arg));
	if (want & WANT_PAIR && s->header.ret >= 0)
		put_pair(s, task, arg(s, s->spec.str_arg));
	if (want & WANT_QUEUE && s->header.ret >= 0)
		put_queue(s, task, arg(s, 0));
	if (want & WANT_DATA && s->header.ret > 0)
		put_user_bytes(s, SEC_DATA, arg(s, s->spec.data_arg), s->header.ret, snaplen());
	if (want & WANT_BUFFER)
		put_user_bytes(s, SEC_DATA, arg(s, s->spec.data_arg), arg(s, s->spec.data_arg + 1), snaplen());
	if (want & WANT_IOV)
		put_iov(s, arg(s, s->spec.data_arg), arg(s, s->spec.data_arg + 1));
	if (want & WANT_TAKEN)
		s->header.args[TAKEN_AT] = pid_behind(file_of_fd(task, arg(s, 0)));
	if (want & WANT_STRUCT)
		put_structure(s, arg(s, s->spec.str_arg));
	if (want & WANT_ENTERED)
		compare_entered(GIVE(s));
	GO_ON(ctx, s->spec.call, STAGE_PROCESS);
	return 0;
}

/* What is collected only of events that have passed. */
CALL_STAGE(gather_present)
{
	put_present(GIVE(s), s->spec.asks);
	s->spec.asks &= ~ASKS_PRESENT;
	GO(ctx, stages, STAGE_TELL);
	return 0;
}

/* Last, since a record's memory is free behind it now. */
CALL_STAGE(gather_process)
{
	see_own_process(s, s->spec.about);
	if (s->spec.asks & ASKS_ENVIRONMENT)
		see_environment(s);
	GO_ON(ctx, s->spec.call, STAGE_ANCESTORS);
	return 0;
}

CALL_STAGE(gather_ancestors)
{
	see_ancestors(s, s->spec.about);
	GO_ON(ctx, s->spec.call, STAGE_TELL);
	return 0;
}

/* No rule can want what is opened in this folder, unless it asks for the name. */
CALL_STAGE(folder_unwanted)
{
	struct view name = s->facts.views[VIEW_NAME], folder = s->facts.views[VIEW_FOLDER];
	__u32 len = name.len - folder.len;
	struct leaf_ends ends = {
		.first = name_word(eight_bytes(s, folder.at + folder.len), len),
		.last = eight_bytes(s, folder.at + name.len - sizeof(__u64)),
	};

	keep_folder(s, false);
	if (is_asked_for(ends, len))
		return objects_gathered(ctx, s, task_of(s));
	count_time(s->spec.call, s->began);
	return 0;
}

CALL_STAGE(folder_wanted)
{
	keep_folder(s, true);
	return objects_gathered(ctx, s, task_of(s));
}
