"""System calls and events that Falco knows only by name; rules compare ``evt.type`` with them.

:data:`GENERIC` lists calls that can be collected. A line has the name and the numbers on x86_64, arm64 and i386. Behind
bars follow what the probe reads although Falco does not, and parameters that Falco does not have, in the notation of
:mod:`falcohost_syscall.calls.table`. :data:`NAMES_ONLY` lists names that are valid in a rule but never occur in an
event: calls of other machines and of old kernels, and Falco's own events.
"""

GENERIC = """
_newselect - - 142
_sysctl 156 - 149
acct 163 89 51
add_key 248 217 286
adjtimex 159 171 124
alarm 37 - 27
arch_prctl 158 - 384
bdflush - - 134
cachestat 451 451 451
capget 125 90 184
clock_adjtime 305 266 343,405
clock_getres 229 114 266,406
clock_gettime 228 113 265,403
clock_nanosleep 230 115 267,407
clock_settime 227 112 264,404
create_module 174 - 127
epoll_ctl 233 21 255
epoll_ctl_old 214 - -
epoll_pwait 281 22 319
epoll_pwait2 441 441 441
epoll_wait_old 215 - -
faccessat 269 48 307
faccessat2 439 439 439
fadvise64 221 223 250,272
fallocate 285 47 324
fanotify_init 300 262 338
fanotify_mark 301 263 339
fdatasync 75 83 148
fgetxattr 193 10 231
file_getattr 468 468 468
file_setattr 469 469 469
flistxattr 196 13 234
fremovexattr 199 16 237 | fd=0 str=1 | fd:fd=0 name:str=str
fsetxattr 190 7 228 | fd=0 str=1 entered attribute | fd:fd=0 name:str=str
fsmount 432 432 432
fsopen 430 430 430 | fd=ret str=0 | fd:fd=ret type:str=str
fspick 433 433 433
fstat64 - - 197
fstatfs 138 44 100
fstatfs64 - - 269
fsync 74 82 118
ftruncate 77 46 93,194
futex_requeue 456 456 456
futex_wait 455 455 455
futex_waitv 449 449 449
futex_wake 454 454 454
futimesat 261 - 299
get_kernel_syms 177 - 130
get_mempolicy 239 236 275
get_robust_list 274 100 312
get_thread_area 211 - 244
getcpu 309 168 318
getgroups 115 158 80,205
getitimer 36 102 105
getpgid 121 155 132
getpgrp 111 - 65
getpid 39 172 20
getppid 110 173 64
getpriority 140 141 96
getrandom 318 278 355
getrusage 98 165 77
getsid 124 156 147
gettid 186 178 224
gettimeofday 96 169 78
getxattr 191 8 229
getxattrat 464 464 464
idle - - 112
inotify_add_watch 254 27 292
inotify_rm_watch 255 28 293
io_cancel 210 3 249
io_destroy 207 1 246
io_getevents 208 4 247
io_pgetevents 333 292 385,416
io_setup 206 0 245
io_submit 209 2 248
ioperm 173 - 101
iopl 172 - 110
ioprio_get 252 31 290
ioprio_set 251 30 289
ipc - - 117
kcmp 312 272 349
kexec_file_load 320 294 -
kexec_load 246 104 283
landlock_add_rule 445 445 445
landlock_create_ruleset 444 444 444
landlock_restrict_self 446 446 446
lgetxattr 192 9 230
listmount 458 458 458
listxattr 194 11 232
listxattrat 465 465 465
llistxattr 195 12 233
lookup_dcookie 212 18 253
lremovexattr 198 15 236 | path=0 str=1 | path:path=path name:str=str
lsetxattr 189 6 227 | path=0 str=1 entered attribute | path:path=path name:str=str
lsm_get_self_attr 459 459 459
lsm_list_modules 461 461 461
lsm_set_self_attr 460 460 460
lstat64 - - 196
madvise 28 233 219
map_shadow_stack 453 453 453
mbind 237 235 274
membarrier 324 283 375
memfd_secret 447 447 447
migrate_pages 256 238 294
mincore 27 232 218
modify_ldt 154 - 123
mount_setattr 442 442 442
move_mount 429 429 429 | fd=0 path=3 dir=2 hook=move_mount | fd:fd=0 path:relpath=path
move_pages 279 239 317
mq_getsetattr 245 185 282
mq_notify 244 184 281
mq_open 240 180 277
mq_timedreceive 243 183 280,419
mq_timedsend 242 182 279,418
mq_unlink 241 181 278
mremap 25 216 163
mseal 462 462 462
msgctl 71 187 402
msgget 68 186 399
msgrcv 70 188 401
msgsnd 69 189 400
msync 26 227 144
name_to_handle_at 303 264 341
nfsservctl 180 42 169
nice - - 34
oldfstat - - 28
oldlstat - - 84
oldolduname - - 59
oldstat - - 18
olduname - - 109
open_tree 428 428 428 | path=1 dir=0 fd=ret | fd:fd=ret path:relpath=path
open_tree_attr 467 467 467 | path=1 dir=0 fd=ret | fd:fd=ret path:relpath=path
pause 34 - 29
perf_event_open 298 241 336
personality 135 92 136
pidfd_send_signal 424 424 424
pivot_root 155 41 217 | path=0 hook=sb_pivotroot | path:path=path
pkey_alloc 330 289 381
pkey_free 331 290 382
pkey_mprotect 329 288 380
process_madvise 440 440 440
process_mrelease 448 448 448
pselect6 270 72 308,413
query_module 178 - 167
quotactl_fd 443 443 443
readahead 187 213 225
readdir - - 89
readlink 89 - 85
readlinkat 267 78 305
reboot 169 142 88
remap_file_pages 216 234 257
removexattr 197 14 235 | path=0 str=1 | path:path=path name:str=str
removexattrat 466 466 466 | path=1 dir=0 str=3 | path:relpath=path name:str=str
request_key 249 218 287
rseq 334 293 386
rt_sigaction 13 134 174
rt_sigpending 127 136 176
rt_sigprocmask 14 135 175
rt_sigqueueinfo 129 138 178
rt_sigsuspend 130 133 179
rt_sigtimedwait 128 137 177,421
rt_tgsigqueueinfo 297 240 335
sched_get_priority_max 146 125 159
sched_get_priority_min 147 126 160
sched_getaffinity 204 123 242
sched_getattr 315 275 352
sched_getparam 143 121 155
sched_getscheduler 145 120 157
sched_rr_get_interval 148 127 161,423
sched_setaffinity 203 122 241
sched_setattr 314 274 351
sched_setparam 142 118 154
sched_setscheduler 144 119 156
sched_yield 24 124 158
semtimedop 220 192 420
set_mempolicy 238 237 276
set_mempolicy_home_node 450 450 450
set_robust_list 273 99 311
set_thread_area 205 - 243
set_tid_address 218 96 258
setdomainname 171 162 121
setfsgid 123 152 139,216
setfsuid 122 151 138,215
setgroups 116 159 81,206
sethostname 170 161 74
setitimer 38 103 104
setpriority 141 140 97
settimeofday 164 170 79
setxattr 188 5 226 | path=0 str=1 entered attribute | path:path=path name:str=str
setxattrat 463 463 463 | path=1 dir=0 str=3 entered attribute | path:relpath=path name:str=str
sgetmask - - 68
shmat 30 196 397
shmctl 31 195 396
shmdt 67 197 398
shmget 29 194 395
sigaction - - 67
sigaltstack 131 132 186
signal - - 48
sigpending - - 73
sigprocmask - - 126
sigsuspend - - 72
socketcall - - 102
ssetmask - - 69
stat64 - - 195
statfs 137 43 99
statfs64 - - 268
statmount 457 457 457
statx 332 291 383
stime - - 25
swapoff 168 225 115
swapon 167 224 87
sync 162 81 36
sync_file_range 277 84 314
syncfs 306 267 344
sysfs 139 - 135
sysinfo 99 179 116
syslog 103 116 103
tee 276 77 315
time 201 - 13
timer_create 222 107 259
timer_delete 226 111 263
timer_getoverrun 225 109 262
timer_gettime 224 108 261,408
timer_settime 223 110 260,409
timerfd_gettime 287 87 326,410
timerfd_settime 286 86 325,411
times 100 153 43
truncate 76 45 92,193 | path=0 hook=path_truncate
umask 95 166 60
uname 63 160 122
uselib 134 - 86
ustat 136 - 62
utime 132 - 30
utimensat 280 88 320,412
utimes 235 - 271
vhangup 153 58 111
vm86 - - 166
vmsplice 278 75 316
wait4 61 260 114
waitid 247 95 284
waitpid - - 7
"""

_NAMES_ONLY = """
_llseek asyncevent container cpu_hotplug drop exit exit_group fcntl64 fstatat64 getegid32 geteuid32 getgid32
getpmsg getresgid32 getresuid32 getuid32 groupadded groupdeleted infra k8s listns mesos multiplexer na_1 name
notification page_fault_kernel page_fault_user pciconfig_iobase pciconfig_read pciconfig_write pluginevent
pread64 prlimit64 procinfo pwrite64 recv restart_syscall riscv_flush_icache riscv_hwprobe rseq_slice_yield
rt_sigreturn rtas s390_guarded_storage s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr s390_sthyi
scapevent sched_process_exit sched_switch send sendfile64 setgid32 setresgid32 setresuid32 setuid32
signal_deliver sigreturn spu_create spu_run subpage_prot swapcontext switch_endian sync_file_range2
sys_debug_setcontext syscall task task_file_anon_inode task_file_directory task_file_memfd task_file_pipe
task_file_regular task_file_socket_inet task_file_socket_inet6 task_file_socket_netlink task_file_socket_unix
timerfd tracer ugetrlimit uprobe uretprobe useradded userdeleted
"""

#: Names that a rule may use and that no event ever has.
NAMES_ONLY = frozenset(_NAMES_ONLY.split())
