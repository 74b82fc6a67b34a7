"""The event types of captures by number: names and parameters as in Falco's ``driver/event_table.c``.

Only what Falco writes today is here; :mod:`~falcohost_syscall.scap.old_types` has what it wrote before. An
event is written when a call returns. A ``!`` marks parameters that are zero, instead of missing, where an old capture
should have them from the start of the call and does not.
"""

from __future__ import annotations

from typing import Final

RETURNS: Final = """
1 syscall ID:u16 nativeID:u16
3 open fd:i64 name:path flags:u32 mode:u32 dev:u32 ino:u64
5 close res:i64 fd:i64!
7 read res:i64 data:buf fd:i64! size:u32!
9 write res:i64 data:buf fd:i64! size:u32!
19 socket fd:i64 domain:u32! type:u32! proto:u32! flags:u32!
21 bind res:i64 addr:sockaddr fd:i64!
23 connect res:i64 tuple:socktuple fd:i64! addr:sockaddr!
25 listen res:i64 fd:i64! backlog:i32!
29 send res:i64 data:buf fd:i64! size:u32! tuple:socktuple!
31 sendto res:i64 data:buf fd:i64! size:u32! tuple:socktuple!
33 recv res:i64 data:buf fd:i64! size:u32! tuple:socktuple!
35 recvfrom res:i64 data:buf tuple:socktuple fd:i64! size:u32!
37 shutdown res:i64 fd:i64! how:u8!
39 getsockname
41 getpeername
43 socketpair res:i64 fd1:i64 fd2:i64 source:u64 peer:u64 domain:u32! type:u32! proto:u32!
45 setsockopt res:i64 fd:i64 level:u8 optname:u8 val:dyn optlen:u32
47 getsockopt res:i64 fd:i64 level:u8 optname:u8 val:dyn optlen:u32
49 sendmsg res:i64 data:buf fd:i64! size:u32! tuple:socktuple!
51 sendmmsg res:i64! fd:i64 size:u32 data:buf tuple:socktuple
53 recvmsg res:i64 size:u32 data:buf tuple:socktuple msgcontrol:buf! fd:i64!
55 recvmmsg res:i64! fd:i64 size:u32 data:buf tuple:socktuple msgcontrol:buf
59 creat fd:i64 name:path mode:u32 dev:u32 ino:u64 creat_flags:u16
61 pipe res:i64 fd1:i64 fd2:i64 ino:u64
63 eventfd res:i64 initval:u64! flags:u32!
65 futex res:i64 addr:u64! op:u16! val:u64!
67 stat res:i64 path:path
69 lstat res:i64 path:path
71 fstat res:i64 fd:i64!
73 stat64 res:i64 path:path
75 lstat64 res:i64 path:path
77 fstat64 res:i64
79 epoll_wait res:i64 maxevents:i64!
81 poll res:i64 fds:fdlist timeout:i64!
83 select res:i64
87 lseek res:i64 fd:i64! offset:u64! whence:u8!
89 llseek res:i64 fd:i64! offset:u64! whence:u8!
93 getcwd res:i64 path:str
95 chdir res:i64 path:str
97 fchdir res:i64 fd:i64
113 pread res:i64 data:buf fd:i64! size:u32! pos:u64!
115 pwrite res:i64 data:buf fd:i64! size:u32! pos:u64!
117 readv res:i64 size:u32 data:buf fd:i64!
119 writev res:i64 data:buf fd:i64! size:u32!
121 preadv res:i64 size:u32 data:buf fd:i64! pos:u64!
123 pwritev res:i64 data:buf fd:i64! size:u32! pos:u64!
127 signalfd res:i64 fd:i64! mask:u32! flags:u8!
129 kill res:i64 pid:i64! sig:u8!
131 tkill res:i64 tid:i64! sig:u8!
133 tgkill res:i64 pid:i64! tid:i64! sig:u8!
135 nanosleep res:i64 interval:u64!
137 timerfd_create res:i64 clockid:u8! flags:u8!
139 inotify_init res:i64 flags:u8!
141 getrlimit res:i64 cur:i64 max:i64 resource:u8!
143 setrlimit res:i64 cur:i64 max:i64 resource:u8!
145 prlimit res:i64 newcur:i64 newmax:i64 oldcur:i64 oldmax:i64 pid:i64 resource:u8
148 drop ratio:u32
149 drop ratio:u32
151 fcntl res:i64 fd:i64! cmd:u8! arg:u64!
152 switch next:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32 vm_rss:u32 vm_swap:u32
159 brk res:u64 vm_size:u32 vm_rss:u32 vm_swap:u32 addr:u64
161 mmap res:i64 vm_size:u32 vm_rss:u32 vm_swap:u32 addr:u64! length:u64! prot:u32! flags:u32! fd:i64! offset:u64!
163 mmap2 res:i64 vm_size:u32 vm_rss:u32 vm_swap:u32 addr:u64! length:u64! prot:u32! flags:u32! fd:i64!
    pgoffset:u64!
165 munmap res:i64 vm_size:u32 vm_rss:u32 vm_swap:u32 addr:u64! length:u64!
167 splice res:i64 fd_in:i64! fd_out:i64! size:u64! flags:u32!
169 ptrace res:i64 addr:dyn data:dyn request:u16 pid:i64
171 ioctl res:i64 fd:i64! request:u64! argument:u64!
175 rename res:i64 oldpath:path newpath:path
177 renameat res:i64 olddirfd:i64 oldpath:path newdirfd:i64 newpath:path
179 symlink res:i64 target:str linkpath:path
181 symlinkat res:i64 target:str linkdirfd:i64 linkpath:path
186 procexit status:i64 ret:i64 sig:u8 core:u8 reaper_tid:i64
189 sendfile res:i64 offset:u64 out_fd:i64! in_fd:i64! size:u64!
191 quotactl res:i64 special:str quotafilepath:str dqb_bhardlimit:u64 dqb_bsoftlimit:u64 dqb_curspace:u64
    dqb_ihardlimit:u64 dqb_isoftlimit:u64 dqb_btime:u64 dqb_itime:u64 dqi_bgrace:u64 dqi_igrace:u64 dqi_flags:u8
    quota_fmt_out:u8 cmd:u16! type:u8! id:u32! quota_fmt:u8!
193 setresuid res:i64 ruid:u32 euid:u32 suid:u32
195 setresgid res:i64 rgid:u32 egid:u32 sgid:u32
196 scapevent event_type:u32 event_data:u64
199 setuid res:i64 uid:u32
201 setgid res:i64 gid:u32
203 getuid uid:u32
205 geteuid euid:u32
207 getgid gid:u32
209 getegid egid:u32
211 getresuid res:i64 ruid:u32 euid:u32 suid:u32
213 getresgid res:i64 rgid:u32 egid:u32 sgid:u32
223 clone res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64
    vm_size:u32 vm_rss:u32 vm_swap:u32 comm:str cgroups:buf flags:u32 uid:u32 gid:u32 vtid:i64 vpid:i64
    pidns_init_start_ts:u64
225 fork res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf flags:u32 uid:u32 gid:u32 vtid:i64 vpid:i64 pidns_init_start_ts:u64
227 vfork res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64
    vm_size:u32 vm_rss:u32 vm_swap:u32 comm:str cgroups:buf flags:u32 uid:u32 gid:u32 vtid:i64 vpid:i64
    pidns_init_start_ts:u64
232 signaldeliver spid:i64 dpid:i64 sig:u8
234 procinfo cpu_usr:u64 cpu_sys:u64
237 getdents res:i64 fd:i64!
239 getdents64 res:i64 fd:i64!
241 setns res:i64 fd:i64 nstype:u32
243 flock res:i64 fd:i64! operation:u32!
244 cpu_hotplug cpu:u32 action:u32
247 accept fd:i64 tuple:socktuple queuepct:u8 queuelen:u32! queuemax:u32!
251 semop res:i64 nsops:u32 sem_num_0:u16 sem_op_0:i16 sem_flg_0:u16 sem_num_1:u16 sem_op_1:i16 sem_flg_1:u16
    semid:i32!
253 semctl res:i64 semid:i32! semnum:i32! cmd:u16! val:i32!
255 ppoll res:i64 fds:fdlist timeout:u64! sigmask:u32!
257 mount res:i64 dev:str dir:path type:str flags:u32!
263 semget res:i64 key:i32! nsems:i32! semflg:u32!
265 access res:i64 name:path mode:u32!
267 chroot res:i64 path:path
275 setsid res:i64
277 mkdir res:i64 path:path mode:u32
279 rmdir res:i64 path:path
280 notification id:str desc:str
285 unshare res:i64 flags:u32!
286 infra source:str name:str description:str scope:str
290 page_fault addr:u64 ip:u64 error:u32
293 execve res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64
    vm_size:u32 vm_rss:u32 vm_swap:u32 comm:str cgroups:buf env:buf tty:u32 vpgid:i64 loginuid:u32 flags:u32
    cap_inheritable:u64 cap_permitted:u64 cap_effective:u64 exe_ino:u64 exe_ino_ctime:u64 exe_ino_mtime:u64 uid:u32
    trusted_exepath:path pgid:i64 gid:u32 filename:path
295 setpgid res:i64 pid:i64 pgid:i64
299 seccomp res:i64 op:u64! flags:u64!
301 unlink res:i64 path:path
303 unlinkat res:i64 dirfd:i64 name:path flags:u32
305 mkdirat res:i64 dirfd:i64 path:path mode:u32
307 openat fd:i64 dirfd:i64 name:path flags:u32 mode:u32 dev:u32 ino:u64
309 link res:i64 oldpath:path newpath:path
311 linkat res:i64 olddir:i64 oldpath:path newdir:i64 newpath:path flags:u32
313 fchmodat res:i64 dirfd:i64 filename:path mode:u32
315 chmod res:i64 filename:path mode:u32
317 fchmod res:i64 fd:i64 mode:u32
319 renameat2 res:i64 olddirfd:i64 oldpath:path newdirfd:i64 newpath:path flags:u32
321 userfaultfd res:i64 flags:u32
322 pluginevent plugin_id:u32 event_data:buf
324 container json:str
327 openat2 fd:i64 dirfd:i64 name:path flags:u32 mode:u32 resolve:u32 dev:u32 ino:u64
329 mprotect res:i64 addr:u64! length:u64! prot:u32!
331 execveat res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64
    vm_size:u32 vm_rss:u32 vm_swap:u32 comm:str cgroups:buf env:buf tty:u32 vpgid:i64 loginuid:u32 flags:u32
    cap_inheritable:u64 cap_permitted:u64 cap_effective:u64 exe_ino:u64 exe_ino_ctime:u64 exe_ino_mtime:u64 uid:u32
    trusted_exepath:path pgid:i64 gid:u32
333 copy_file_range res:i64 fdout:i64 offout:u64 fdin:i64! offin:u64! len:u64!
335 clone3 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64
    vm_size:u32 vm_rss:u32 vm_swap:u32 comm:str cgroups:buf flags:u32 uid:u32 gid:u32 vtid:i64 vpid:i64
    pidns_init_start_ts:u64
337 open_by_handle_at fd:i64 mountfd:i64 flags:u32 path:path dev:u32 ino:u64
339 io_uring_setup res:i64 entries:u32 sq_entries:u32 cq_entries:u32 flags:u32 sq_thread_cpu:u32 sq_thread_idle:u32
    features:u32
341 io_uring_enter res:i64 fd:i64 to_submit:u32 min_complete:u32 flags:u32 sig:u32
343 io_uring_register res:i64 fd:i64 opcode:u16 arg:u64 nr_args:u32
345 mlock res:i64 addr:u64 len:u64
347 munlock res:i64 addr:u64 len:u64
349 mlockall res:i64 flags:u32
351 munlockall res:i64
353 capset res:i64 cap_inheritable:u64 cap_permitted:u64 cap_effective:u64
354 useradded uid:u32 gid:u32 name:str home:str shell:str container_id:str
356 userdeleted uid:u32 gid:u32 name:str home:str shell:str container_id:str
358 groupadded gid:u32 name:str container_id:str
360 groupdeleted gid:u32 name:str container_id:str
363 dup2 res:i64 oldfd:i64 newfd:i64
365 dup3 res:i64 oldfd:i64 newfd:i64 flags:u32
367 dup res:i64 oldfd:i64
369 bpf fd:i64 cmd:u32
371 mlock2 res:i64 addr:u64 len:u64 flags:u32
373 fsconfig res:i64 fd:i64 cmd:u32 key:str value_bytebuf:buf value_charbuf:str aux:i32
375 epoll_create res:i64 size:i32!
377 epoll_create1 res:i64 flags:u32!
379 chown res:i64 path:path uid:u32 gid:u32
381 lchown res:i64 path:path uid:u32 gid:u32
383 fchown res:i64 fd:i64 uid:u32 gid:u32
385 fchownat res:i64 dirfd:i64 pathname:path uid:u32 gid:u32 flags:u32
387 umount res:i64 name:path
389 accept4 fd:i64 tuple:socktuple queuepct:u8 queuelen:u32! queuemax:u32! flags:i32!
391 umount2 res:i64 name:path flags:u32!
393 pipe2 res:i64 fd1:i64 fd2:i64 ino:u64 flags:u32
395 inotify_init1 res:i64 flags:u16
397 eventfd2 res:i64 flags:u16 initval:u64!
399 signalfd4 res:i64 flags:u16 fd:i64! mask:u32!
401 prctl res:i64 option:u32 arg2_str:str arg2_int:i64
402 asyncevent plugin_id:u32 name:str data:buf
405 memfd_create fd:i64 name:str flags:u32
407 pidfd_getfd fd:i64 pid_fd:i64 target_fd:i64 flags:u32
409 pidfd_open fd:i64 pid:i64 flags:u32
411 init_module res:i64 img:buf length:u64 uargs:str
413 finit_module res:i64 fd:i64 uargs:str flags:u32
415 mknod res:i64 path:path mode:u32 dev:u32
417 mknodat res:i64 dirfd:i64 path:path mode:u32 dev:u32
419 newfstatat res:i64 dirfd:i64 path:path flags:u32
421 process_vm_readv res:i64 pid:i64 data:buf
423 process_vm_writev res:i64 pid:i64 data:buf
425 delete_module res:i64 name:str flags:u32
427 setreuid res:i64 ruid:u32 euid:u32
429 setregid res:i64 rgid:u32 egid:u32
430 task ppid:i32 pgid:i32 vpgid:i32 sid:i32 comm:str argv:buf exepath:path flags:u32 env:buf cwd:str fdlimit:u64
    euid:u32 egid:u32 cap_permitted:u64 cap_effective:u64 cap_inheritable:u64 exe_ino_num:u64 exe_ino_ctime:u64
    exe_ino_mtime:u64 vm_size:u32 vm_rss:u32 vm_swap:u32 pgft_maj:u64 pgft_min:u64 vtgid:i32 vpid:i32
    pidns_init_start_ts:u64 cgroups:buf root:path start_time:u64 tty:u32 loginuid:u32
432 task_file_pipe fd:i32 path:path ino_num:u64
434 task_file_memfd fd:i32 path:path ino_num:u64
436 task_file_regular fd:i32 path:path flags:u32 mnt_id:u32 ino_num:u64
438 task_file_directory fd:i32 path:path ino_num:u64
440 task_file_socket_inet fd:i32 sk_type:u16 sk_proto:u16 local_ip:ip local_port:u16 remote_ip:ip remote_port:u16
    ino_num:u64
442 task_file_socket_inet6 fd:i32 sk_type:u16 sk_proto:u16 local_ip:ip local_port:u16 remote_ip:ip remote_port:u16
    ino_num:u64
444 task_file_socket_unix fd:i32 sk_type:u16 sk_proto:u16 sk_pointer:u64 sun_path:path ino_num:u64
446 task_file_socket_netlink fd:i32 sk_type:u16 sk_proto:u16 ino_num:u64
448 task_file_anon_inode fd:i32 fd_type:u8 path:path ino_num:u64
451 close_range res:i64 first:u32 last:u32 flags:u32
453 keyctl res:i64 operation:u32 arg2:dyn arg3:dyn arg4:dyn arg5:dyn
"""
