"""The event types of captures by number: names and parameters as in Falco's ``driver/event_table.c``.

Only types that are events for rules are listed. One is written when a call returns. Older captures also have an event
for the start of a call, with parameters that the other one lacks (:data:`ENTERS`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_EXITS: Final = """
1 syscall ID:u16 nativeID:u16
3 open fd:i64 name:path flags:u32 mode:u32 dev:u32 ino:u64
5 close res:i64 fd:i64
7 read res:i64 data:buf fd:i64 size:u32
9 write res:i64 data:buf fd:i64 size:u32
19 socket fd:i64 domain:u32 type:u32 proto:u32 flags:u32
21 bind res:i64 addr:sockaddr fd:i64
23 connect res:i64 tuple:socktuple fd:i64 addr:sockaddr
25 listen res:i64 fd:i64 backlog:i32
31 sendto res:i64 data:buf fd:i64 size:u32 tuple:socktuple
35 recvfrom res:i64 data:buf tuple:socktuple fd:i64 size:u32
37 shutdown res:i64 fd:i64 how:u8
43 socketpair res:i64 fd1:i64 fd2:i64 source:u64 peer:u64 domain:u32 type:u32 proto:u32
45 setsockopt res:i64 fd:i64 level:u8 optname:u8 val:dyn optlen:u32
47 getsockopt res:i64 fd:i64 level:u8 optname:u8 val:dyn optlen:u32
49 sendmsg res:i64 data:buf fd:i64 size:u32 tuple:socktuple
51 sendmmsg res:i64 fd:i64 size:u32 data:buf tuple:socktuple
53 recvmsg res:i64 size:u32 data:buf tuple:socktuple msgcontrol:buf fd:i64
55 recvmmsg res:i64 fd:i64 size:u32 data:buf tuple:socktuple msgcontrol:buf
59 creat fd:i64 name:path mode:u32 dev:u32 ino:u64 creat_flags:u16
61 pipe res:i64 fd1:i64 fd2:i64 ino:u64
63 eventfd res:i64 initval:u64 flags:u32
65 futex res:i64 addr:u64 op:u16 val:u64
67 stat res:i64 path:path
69 lstat res:i64 path:path
71 fstat res:i64 fd:i64
73 stat64 res:i64 path:path
75 lstat64 res:i64 path:path
77 fstat64 res:i64
79 epoll_wait res:i64 maxevents:i64
81 poll res:i64 fds:fdlist timeout:i64
83 select res:i64
87 lseek res:i64 fd:i64 offset:u64 whence:u8
89 llseek res:i64 fd:i64 offset:u64 whence:u8
93 getcwd res:i64 path:str
95 chdir res:i64 path:str
97 fchdir res:i64 fd:i64
113 pread res:i64 data:buf fd:i64 size:u32 pos:u64
115 pwrite res:i64 data:buf fd:i64 size:u32 pos:u64
117 readv res:i64 size:u32 data:buf fd:i64
119 writev res:i64 data:buf fd:i64 size:u32
121 preadv res:i64 size:u32 data:buf fd:i64 pos:u64
123 pwritev res:i64 data:buf fd:i64 size:u32 pos:u64
127 signalfd res:i64 fd:i64 mask:u32 flags:u8
129 kill res:i64 pid:i64 sig:u8
131 tkill res:i64 tid:i64 sig:u8
133 tgkill res:i64 pid:i64 tid:i64 sig:u8
135 nanosleep res:i64 interval:u64
137 timerfd_create res:i64 clockid:u8 flags:u8
139 inotify_init res:i64 flags:u8
141 getrlimit res:i64 cur:i64 max:i64 resource:u8
143 setrlimit res:i64 cur:i64 max:i64 resource:u8
145 prlimit res:i64 newcur:i64 newmax:i64 oldcur:i64 oldmax:i64 pid:i64 resource:u8
151 fcntl res:i64 fd:i64 cmd:u8 arg:u64
159 brk res:u64 vm_size:u32 vm_rss:u32 vm_swap:u32 addr:u64
161 mmap res:i64 vm_size:u32 vm_rss:u32 vm_swap:u32 addr:u64 length:u64 prot:u32 flags:u32 fd:i64 offset:u64
163 mmap2 res:i64 vm_size:u32 vm_rss:u32 vm_swap:u32 addr:u64 length:u64 prot:u32 flags:u32 fd:i64 pgoffset:u64
165 munmap res:i64 vm_size:u32 vm_rss:u32 vm_swap:u32 addr:u64 length:u64
167 splice res:i64 fd_in:i64 fd_out:i64 size:u64 flags:u32
169 ptrace res:i64 addr:dyn data:dyn request:u16 pid:i64
171 ioctl res:i64 fd:i64 request:u64 argument:u64
175 rename res:i64 oldpath:path newpath:path
177 renameat res:i64 olddirfd:i64 oldpath:path newdirfd:i64 newpath:path
179 symlink res:i64 target:str linkpath:path
181 symlinkat res:i64 target:str linkdirfd:i64 linkpath:path
186 procexit status:i64 ret:i64 sig:u8 core:u8 reaper_tid:i64
189 sendfile res:i64 offset:u64 out_fd:i64 in_fd:i64 size:u64
191 quotactl res:i64 special:str quotafilepath:str dqb_bhardlimit:u64 dqb_bsoftlimit:u64 dqb_curspace:u64
    dqb_ihardlimit:u64 dqb_isoftlimit:u64 dqb_btime:u64 dqb_itime:u64 dqi_bgrace:u64 dqi_igrace:u64 dqi_flags:u8
    quota_fmt_out:u8 cmd:u16 type:u8 id:u32 quota_fmt:u8
193 setresuid res:i64 ruid:u32 euid:u32 suid:u32
195 setresgid res:i64 rgid:u32 egid:u32 sgid:u32
199 setuid res:i64 uid:u32
201 setgid res:i64 gid:u32
203 getuid uid:u32
205 geteuid euid:u32
207 getgid gid:u32
209 getegid egid:u32
211 getresuid res:i64 ruid:u32 euid:u32 suid:u32
213 getresgid res:i64 rgid:u32 egid:u32 sgid:u32
223 clone res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf flags:u32 uid:u32 gid:u32 vtid:i64 vpid:i64 pidns_init_start_ts:u64
225 fork res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf flags:u32 uid:u32 gid:u32 vtid:i64 vpid:i64 pidns_init_start_ts:u64
227 vfork res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf flags:u32 uid:u32 gid:u32 vtid:i64 vpid:i64 pidns_init_start_ts:u64
237 getdents res:i64 fd:i64
239 getdents64 res:i64 fd:i64
241 setns res:i64 fd:i64 nstype:u32
243 flock res:i64 fd:i64 operation:u32
247 accept fd:i64 tuple:socktuple queuepct:u8 queuelen:u32 queuemax:u32
251 semop res:i64 nsops:u32 sem_num_0:u16 sem_op_0:i16 sem_flg_0:u16 sem_num_1:u16 sem_op_1:i16 sem_flg_1:u16
    semid:i32
253 semctl res:i64 semid:i32 semnum:i32 cmd:u16 val:i32
255 ppoll res:i64 fds:fdlist timeout:u64 sigmask:u32
257 mount res:i64 dev:str dir:path type:str flags:u32
263 semget res:i64 key:i32 nsems:i32 semflg:u32
265 access res:i64 name:path mode:u32
267 chroot res:i64 path:path
275 setsid res:i64
277 mkdir res:i64 path:path mode:u32
279 rmdir res:i64 path:path
285 unshare res:i64 flags:u32
293 execve res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf env:buf tty:u32 vpgid:i64 loginuid:u32 flags:u32 cap_inheritable:u64
    cap_permitted:u64 cap_effective:u64 exe_ino:u64 exe_ino_ctime:u64 exe_ino_mtime:u64 uid:u32 trusted_exepath:path
    pgid:i64 gid:u32 filename:path
231 execve = 293
295 setpgid res:i64 pid:i64 pgid:i64
299 seccomp res:i64 op:u64 flags:u64
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
327 openat2 fd:i64 dirfd:i64 name:path flags:u32 mode:u32 resolve:u32 dev:u32 ino:u64
329 mprotect res:i64 addr:u64 length:u64 prot:u32
331 execveat res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64
    vm_size:u32 vm_rss:u32 vm_swap:u32 comm:str cgroups:buf env:buf tty:u32 vpgid:i64 loginuid:u32 flags:u32
    cap_inheritable:u64 cap_permitted:u64 cap_effective:u64 exe_ino:u64 exe_ino_ctime:u64 exe_ino_mtime:u64 uid:u32
    trusted_exepath:path pgid:i64 gid:u32
333 copy_file_range res:i64 fdout:i64 offout:u64 fdin:i64 offin:u64 len:u64
335 clone3 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf flags:u32 uid:u32 gid:u32 vtid:i64 vpid:i64 pidns_init_start_ts:u64
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
363 dup2 res:i64 oldfd:i64 newfd:i64
365 dup3 res:i64 oldfd:i64 newfd:i64 flags:u32
367 dup res:i64 oldfd:i64
369 bpf fd:i64 cmd:u32
371 mlock2 res:i64 addr:u64 len:u64 flags:u32
373 fsconfig res:i64 fd:i64 cmd:u32 key:str value_bytebuf:buf value_charbuf:str aux:i32
375 epoll_create res:i64 size:i32
377 epoll_create1 res:i64 flags:u32
379 chown res:i64 path:path uid:u32 gid:u32
381 lchown res:i64 path:path uid:u32 gid:u32
383 fchown res:i64 fd:i64 uid:u32 gid:u32
385 fchownat res:i64 dirfd:i64 pathname:path uid:u32 gid:u32 flags:u32
387 umount res:i64 name:path
389 accept4 fd:i64 tuple:socktuple queuepct:u8 queuelen:u32 queuemax:u32 flags:i32
391 umount2 res:i64 name:path flags:u32
393 pipe2 res:i64 fd1:i64 fd2:i64 ino:u64 flags:u32
395 inotify_init1 res:i64 flags:u16
397 eventfd2 res:i64 flags:u16 initval:u64
399 signalfd4 res:i64 flags:u16 fd:i64 mask:u32
401 prctl res:i64 option:u32 arg2_str:str arg2_int:i64
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
451 close_range res:i64 first:u32 last:u32 flags:u32
453 keyctl res:i64 operation:u32 arg2:dyn arg3:dyn arg4:dyn arg5:dyn
"""

#: The starts of calls, in captures from the time before their parameters were written at the return.
_ENTERS: Final = """
0 ID:u16 nativeID:u16
4 fd:i64
6 fd:i64 size:u32
8 fd:i64 size:u32
18 domain:u32 type:u32 proto:u32
20 fd:i64
22 fd:i64 addr:sockaddr
24 fd:i64 backlog:u32
30 fd:i64 size:u32 tuple:socktuple
34 fd:i64 size:u32
36 fd:i64 how:u8
48 fd:i64 size:u32 tuple:socktuple
52 fd:i64
70 fd:i64
86 fd:i64 offset:u64 whence:u8
96 fd:i64
112 fd:i64 size:u32 pos:u64
114 fd:i64 size:u32 pos:u64
116 fd:i64
118 fd:i64 size:u32
128 pid:i64 sig:u8
132 pid:i64 tid:i64 sig:u8
150 fd:i64 cmd:u8
158 addr:u64
160 addr:u64 length:u64 prot:u32 flags:u32 fd:i64 offset:u64
164 addr:u64 length:u64
168 request:u16 pid:i64
170 fd:i64 request:u64 argument:u64
230 filename:path
236 fd:i64
238 fd:i64
240 fd:i64 nstype:u32
242 fd:i64 operation:u32
256 flags:u32
264 mode:u32
266 path:path
284 flags:u32
292 filename:path
294 pid:i64 pgid:i64
298 op:u64
"""

#: A call that has no type in Falco; ``nativeID`` is its number on the machine.
GENERIC: Final = 1
#: Types in which the length of each parameter has four bytes.
LARGE: Final = frozenset({322, 402, 324})


@dataclass(frozen=True, slots=True)
class EventType:
    """An event type: its number, name, parameters as (name, kind), and the parameters' indexes by name."""

    code: int
    name: str
    params: tuple[tuple[str, str], ...]
    places: dict[str, int] = field(default_factory=dict)


def _params(words: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, kind) for name, _, kind in (word.partition(":") for word in words))


def _exits() -> dict[int, EventType]:
    found: dict[int, EventType] = {}
    for line in _EXITS.replace("\n    ", " ").strip().splitlines():
        code, name, *words = line.split()
        params = found[int(words[1])].params if words[0] == "=" else _params(words)
        places = {param: place for place, (param, _) in enumerate(params)}
        found[int(code)] = EventType(int(code), name, params, places)
    return found


def _enters() -> dict[int, EventType]:
    found = {}
    for line in _ENTERS.strip().splitlines():
        code, *words = line.split()
        params = _params(words)
        found[int(code)] = EventType(int(code), "", params, {name: place for place, (name, _) in enumerate(params)})
    return found


#: Types of events for rules, by number.
EXITS: Final = _exits()
#: Types of starts of calls, by number; the return of the call has the next number.
ENTERS: Final = _enters()
