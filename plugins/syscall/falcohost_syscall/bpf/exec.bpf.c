/* Execs of processes: the context that one makes is cached, and its record goes through filters of its own. */

FILTERS(exec_filters);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, EXEC_STAGES);
	__type(key, __u32);
	__type(value, __u32);
} exec_stages SEC(".maps");

/* Puts the facts to cache of an exec at the beginning of its record. */
static __always_inline void put_exec(struct scratch *s, struct task_struct *task)
{
	struct place execed = {s->pos + sizeof(struct section), sizeof(struct execed)}, exe, args, env;
	struct mm_struct *mm = OF(task, mm);
	__u32 before = s->pos + sizeof(struct section) + sizeof(struct execed);

	put_execed(s, task);
	exe = last_section(s, before);
	before = s->pos;
	put_user_bytes(s, SEC_ARGS, OF(mm, arg_start), OF(mm, arg_end) - OF(mm, arg_start), CHUNK);
	args = last_section(s, before);
	before = s->pos;
	if (options & OPTION_EXEC_ENV)
		put_user_bytes(s, SEC_ENV, OF(mm, env_start), OF(mm, env_end) - OF(mm, env_start), CHUNK);
	env = last_section(s, before);
	keep_exec(s, task, execed, exe, args, env);
	know_nothing(&s->facts);
	see(&s->facts, VIEW_NAME, exe.at, exe.len);
	barrier_var(env.len);
	s->facts.environment.at = env.at;
	/* VIEW_UNKNOWN if there is none or not all of it, without a branch */
	s->facts.environment.len = env.len | (env.len - 1) >> 16 | (CHUNK - (OF(mm, env_end) - OF(mm, env_start))) >> 48;
}

/* Remembers whether the executable may have names besides the real one. */
static __always_inline void note_exe_names(struct scratch *s, struct task_struct *task)
{
	struct file *exe = OF(OF(task, mm), exe_file);
	struct inode *inode = READ(struct file, exe, f_inode);
	struct super_block *sb = READ(struct inode, inode, i_sb);
	__u32 layer = overlay_layer(inode, READ(struct super_block, sb, s_magic));
	__u64 mnt = NUMBER(struct file, exe, f_path.mnt);

	__builtin_memset(&s->names, 0, sizeof(s->names));
	if (options & OPTION_REQUESTED || !s->facts.views[VIEW_NAME].len)
		return;
	note_links(s, inode, READ(struct inode, inode, i_nlink), layer, 0);
	if (!s->names.inode && is_on_root_of_init(task, mnt))
		return;
	s->names.mnt = mnt; /* by which the filter tells */
	s->names.dentry = NUMBER(struct file, exe, f_path.dentry);
}

/* Puts these names into the record, once: the host's, and those by which the executable is watched. */
GLOBAL int gather_exe_names(SCRATCH(s))
{
	TAKE_SCRATCH(s);
	if (!s || !s->names.mnt || s->names.gathered)
		return 0;
	s->names.gathered = GATHERED_HOST;
	put_host_path(s);
	if (s->names.inode)
		put_watched(GIVE(s));
	if (!has_room_about(s))
		know_no_process(&s->facts);
	return 0;
}

/* Goes on to a stage through the filter before it, if there is one. */
#define EXEC_GOES_ON(ctx, s, stage) GO_BY(ctx, exec_filters, (stage) * MAX_CALLS + (s)->header.call, exec_stages, stage)

/* Asks the filters again, under the next name of the executable. */
EXEC_STAGE(next_exe_name)
{
	struct watched_name *watched;

	if (s->names.name == NAME_REAL) {
		s->names.name = NAME_HOST;
		gather_exe_names(GIVE(s));
		if (s->names.host.len) {
			see_process_text(&s->facts, 0, TEXT_EXEPATH, s->names.host.at, s->names.host.len);
			EXEC_GOES_ON(ctx, s, EXEC_ANCESTORS);
		}
	}
	watched = next_watched(s);
	if (watched) {
		see_process_text(&s->facts, 0, TEXT_EXEPATH, watched->at, watched->len);
		EXEC_GOES_ON(ctx, s, EXEC_ANCESTORS);
	}
	GO(ctx, exec_stages, EXEC_LEFT_OUT);
	return 0;
}

SEC(TYPED_TRACEPOINT "sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *current, int old_pid)
{
	struct task_struct *task = current_task();
	struct scratch *s = get_scratch(0);

	if (!s) {
		count_lost(LOST_SCRATCH);
		return 0;
	}
	s->began = begin();
	forget_ignored(OF(task, tgid));
	start_record(s, KIND_EXEC);
	fill_task(&s->header, task);
	s->header.args[0] = old_pid; /* its tid until now, if it was not the leader */
	s->header.call = settings.execve;
	put_exec(s, task);
	if (!(options & (OPTION_ALL_PROCESSES | OPTION_EXECVE))) {
		count_time(COUNT_EXECS, s->began);
		return 0;
	}
	GO(ctx, exec_stages, EXEC_WANTED);
	return 0;
}

/* Rules may want execs. */
EXEC_STAGE(exec_wanted)
{
	struct task_struct *task = current_task();

	count_seen(s->header.call);
	note_exe_names(s, task);
	see_own_process(s, options >> ABOUT_EXEC_AT & ABOUT_ALL);
	EXEC_GOES_ON(ctx, s, EXEC_ANCESTORS);
	return 0;
}

EXEC_STAGE(exec_ancestors)
{
	gather_exe_names(GIVE(s));
	see_ancestors(s, options >> ABOUT_EXEC_AT & ABOUT_ALL);
	EXEC_GOES_ON(ctx, s, EXEC_SUBMIT);
	return 0;
}

SEC(TYPED_TRACEPOINT "sched_process_exec")
int BPF_PROG(submit_exec, struct task_struct *current, int old_pid, struct linux_binprm *bprm)
{
	struct task_struct *task = current_task();
	struct scratch *s = get_scratch(0);
	char *room;
	long len;

	if (!s)
		return 0;
	if (!has_room(&s->header, &proc_ring, s->pos, OF_PROCESSES))
		return lose(s);
	room = section_room(s);
	if (room) {
		len = bpf_probe_read_kernel_str(room, CHUNK, OF(bprm, filename));
		if (len > 1)
			end_section(s, SEC_FILENAME, len - 1);
	}
	if (options & OPTION_EXEC_CWD)
		put_path(s, SEC_CWD, task, &OF(task, fs)->pwd);
	put_asked(s);
	if (!announce_cgroups(task, &s->header) || !tell(GIVE_EVENT(&s->header), OWN_EXEC, 0))
		return lose(s);
	send_more(GIVE_EVENT(&s->header), s->header.ts);
	if (submit_counted(s))
		told_exec(&s->header);
	count_time(s->header.call, s->began);
	return 0;
}

EXEC_STAGE(exec_left_out)
{
	count_time(s->header.call, s->began);
	return 0;
}
