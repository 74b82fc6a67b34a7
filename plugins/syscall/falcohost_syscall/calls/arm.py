"""The numbers of calls of 32-bit Arm programs (EABI), which arm64 runs, where they are not those of i386.

From 424 on, the numbers of all machines are the same.
"""

from __future__ import annotations

from typing import Final

#: Calls by name, each with its numbers; without any: Arm has no such call.
_NUMBERS: Final = """
accept=285 accept4=366 add_key=309 alarm=- arch_prctl=- bind=282 bpf=386 clock_adjtime=372,405 clock_getres=264,406
clock_gettime=263,403 clock_nanosleep=265,407 clock_settime=262,404 connect=283 copy_file_range=391 create_module=-
dup3=358 epoll_create=250 epoll_create1=357 epoll_ctl=251 epoll_pwait=346 epoll_wait=252 eventfd=351 eventfd2=356
execveat=387 faccessat=334 fadvise64=270 fallocate=352 fanotify_init=367 fanotify_mark=368 fchmodat=333 fchownat=325
finit_module=379 fstatfs64=267 futimesat=326 get_kernel_syms=- get_mempolicy=320 get_robust_list=339 get_thread_area=-
getcpu=345 getdents64=217 getpeername=287 getrandom=384 getrlimit=191 getsockname=286 getsockopt=295 idle=-
inotify_add_watch=317 inotify_init=316 inotify_init1=360 inotify_rm_watch=318 io_cancel=247 io_destroy=244
io_getevents=245 io_pgetevents=399,416 io_setup=243 io_submit=246 ioperm=- iopl=- ioprio_get=315 ioprio_set=314 ipc=-
kcmp=378 kexec_file_load=401 kexec_load=347 keyctl=311 linkat=330 listen=284 lookup_dcookie=249 madvise=220 mbind=319
membarrier=389 memfd_create=385 migrate_pages=400 mincore=219 mkdirat=323 mknodat=324 mlock2=390 mmap=- modify_ldt=-
move_pages=344 mq_getsetattr=279 mq_notify=278 mq_open=274 mq_timedreceive=277,419 mq_timedsend=276,418 mq_unlink=275
msgctl=304 msgget=303 msgrcv=302 msgsnd=301 name_to_handle_at=370 newfstatat=327 oldfstat=- oldlstat=- oldolduname=-
oldstat=- olduname=- open_by_handle_at=371 openat=322 perf_event_open=364 pipe2=359 pivot_root=218 pkey_alloc=395
pkey_free=396 pkey_mprotect=394 ppoll=336,414 preadv=361 preadv2=392 prlimit=369 process_vm_readv=376
process_vm_writev=377 pselect6=335,413 pwritev=362 pwritev2=393 query_module=- readdir=- readlinkat=332
recvfrom=291,292 recvmmsg=365,417 recvmsg=297 remap_file_pages=253 renameat=329 renameat2=382 request_key=310 rseq=398
rt_tgsigqueueinfo=363 sched_getattr=381 sched_setattr=380 seccomp=383 select=- semctl=300 semget=299 semop=298
semtimedop=312,420 sendmmsg=374 sendmsg=296 sendto=289,290 set_mempolicy=321 set_robust_list=338 set_thread_area=-
set_tid_address=256 setns=375 setsockopt=294 sgetmask=- shmat=305 shmctl=308 shmdt=306 shmget=307 shutdown=293
signal=- signalfd=349 signalfd4=355 socket=281 socketcall=- socketpair=288 splice=340 ssetmask=- statfs64=266
statx=397 stime=- symlinkat=331 sync_file_range=341 syncfs=373 tee=342 tgkill=268 time=- timer_create=257
timer_delete=261 timer_getoverrun=260 timer_gettime=259,408 timer_settime=258,409 timerfd_create=350
timerfd_gettime=354,410 timerfd_settime=353,411 umount=- unlinkat=328 unshare=337 userfaultfd=388 utime=-
utimensat=348,412 utimes=269 vm86=- vmsplice=343 waitid=280 waitpid=-
"""

#: Those calls, with their numbers.
ARM: Final[dict[str, tuple[int, ...]]] = {
    name: () if numbers == "-" else tuple(int(number) for number in numbers.split(","))
    for name, _, numbers in (word.partition("=") for word in _NUMBERS.split())
}
#: ``send`` and ``recv``: they are ``sendto`` and ``recvfrom`` without an address, as their registers have none.
WITHOUT_ADDRESS: Final = frozenset({289, 291})
