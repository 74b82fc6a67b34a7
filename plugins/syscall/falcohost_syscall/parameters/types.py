"""All parameters of Falco's events by name, with the type of their raw value (``evt.rawarg``).

Rules may use all of them; one that the probe does not send is absent. The type is that of the first event in Falco's
table (``driver/event_table.c``) that has a parameter of this name.
"""

from __future__ import annotations

_TEXTS = """
arg2_str comm container_id cwd desc description dir exe filename home json linkpath name newpath oldpath path
pathname quotafilepath scope shell special target trusted_exepath uargs value_charbuf
"""

_NUMBERS = """
action arg arg2_int argument aux backlog cap_effective cap_inheritable cap_permitted clockid cmd core cpu cpu_sys
cpu_usr cq_entries creat_flags cur dev dirfd domain dpid dqb_bhardlimit dqb_bsoftlimit dqb_btime dqb_curspace
dqb_ihardlimit dqb_isoftlimit dqb_itime dqi_bgrace dqi_flags dqi_igrace entries error event_data event_type exe_ino
exe_ino_ctime exe_ino_mtime fd fd1 fd2 fd_in fd_out fdin fdlimit fdout features first flags gid how id in_fd initval
ino interval ip key last len length level linkdirfd mask max maxevents min_complete mode mountfd nativeID newcur
newdir newdirfd newfd newmax next nr_args nsems nsops nstype offin offout offset oldcur olddir olddirfd oldfd oldmax
op opcode operation option optlen optname out_fd peer pgft_maj pgft_min pgid pgoffset pid pid_fd pidns_init_start_ts
plugin_id pos prot proto ptid queuelen queuemax queuepct quota_fmt quota_fmt_out ratio reaper_tid request res
resolve resource ret sem_flg_0 sem_flg_1 sem_num_0 sem_num_1 sem_op_0 sem_op_1 semflg semid semnum size source spid
sq_entries sq_thread_cpu sq_thread_idle status target_fd tid timeout to_submit tty type uid vm_rss vm_size vm_swap
vpgid vpid vtid whence
"""

_OPAQUE = {
    "BYTEBUF": "args cgroups data env img msgcontrol value_bytebuf",
    "DYNAMIC": "arg2 arg3 arg4 arg5 val",
    "FDLIST": "fds",
    "GID": "egid rgid sgid",
    "SIGSET": "sigmask",
    "SIGTYPE": "sig",
    "SOCKADDR": "addr",
    "SOCKTUPLE": "tuple",
    "SYSCALLID": "ID",
    "UID": "euid loginuid ruid suid",
}

#: Raw values that are text.
TEXTS = frozenset(_TEXTS.split())

#: Raw values that Falco does not compare with constants, with the names of their types.
OPAQUE = {name: kind for kind, names in _OPAQUE.items() for name in names.split()}

#: The names of all parameters.
PARAMETERS = TEXTS | OPAQUE.keys() | frozenset(_NUMBERS.split())
