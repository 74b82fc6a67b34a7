"""The table of calls, as text that :mod:`falcohost_syscall.calls.rows` parses. The parameters' order is Falco's."""

from __future__ import annotations

# A row has two lines or more. The first:
#   name | numbers on x86_64, arm64, i386 (several: "2,5"; none: "-") | category | fd | what the probe reads
# fd says whether the event creates its fd (the return value), uses one, or names a directory (dirfd=ARGUMENT). The
# probe reads sections, each from an argument (section=ARGUMENT). hook= names the hooks (the kernel's security_…) that
# the call passes with its paths, left= what it leaves behind, from which the file of its first path is known. What
# lies in memory is also read when a call with `entered` begins, and so is the file behind its descriptor; with
# `frequent`, if threads share the memory or the descriptors; with `attribute`, the kernel's hook (inode_setxattr) tells
# the attribute's name. Then, indented, come the parameters in Falco's order: name:kind=where the value comes from (a
# number: that argument). A row may name up to three values that the caller passed by their addresses:
# value=ARGUMENT:SIZE, or :text, or :SIZE*ARGUMENT (so many), or :SIZE*@ARGUMENT (where the number is). They are read
# only for rules that read such a parameter: v0.u32.4 is 32 bits of the first, from byte 4 on. With `begin` the event is
# made when the call begins; with `taken` the pid behind the first argument, a pidfd, follows the arguments.
TABLE = """
# files: opening
open | 2 - 5 | file | creates | path=0 fd=ret
    fd:fd=ret name:path=path flags:open=1 mode:oct=openmode dev:hex=dev ino:u64=ino
openat | 257 56 295 | file | creates | path=1 dir=0 fd=ret
    fd:fd=ret dirfd:fd=0 name:relpath=path flags:open=2 mode:oct=openmode dev:hex=dev ino:u64=ino
openat2 | 437 437 437 | file | creates | path=1 dir=0 fd=ret how entered
    fd:fd=ret dirfd:fd=0 name:relpath=path flags:open=3 mode:oct=openmode resolve:flags/resolve=5 dev:hex=dev
    ino:u64=ino
creat | 85 - 8 | file | creates | path=0 fd=ret
    fd:fd=ret name:path=path mode:oct=1 dev:hex=dev ino:u64=ino creat_flags:flags/creat=layer
open_by_handle_at | 304 265 342 | file | creates | fd=ret
    fd:fd=ret mountfd:fd=0 flags:open=2 path:path=fdpath dev:hex=dev ino:u64=ino
memfd_create | 319 279 356 | memory | creates | str=0 fd=ret
    fd:fd=ret name:str=str flags:flags/memfd=1
close | 3 57 6 | I/O other | uses | fd=0 begin
    res:errno=ret fd:fd=0
close_range | 436 436 436 | I/O other | - | -
    res:errno=ret first:u32=0 last:u32=1 flags:flags/close_range=2
dup | 32 23 41 | I/O other | creates | fd=ret
    res:fd=ret oldfd:fd=0
dup2 | 33 - 63 | I/O other | creates | fd=ret
    res:fd=ret oldfd:fd=0 newfd:fd=1
dup3 | 292 24 330 | I/O other | creates | fd=ret
    res:fd=ret oldfd:fd=0 newfd:fd=1 flags:flags/file=2
fcntl | 72 25 55,221 | I/O other | uses | fd=0
    res:fd=ret fd:fd=0 cmd:enum/fcntl=1 arg:hex=2
# files: names
access | 21 - 33 | file | - | path=0
    res:errno=ret name:path=path mode:flags/access=1
chdir | 80 49 12 | file | - | path=0 cwd
    res:errno=ret path:str=path
fchdir | 81 50 133 | file | uses | fd=0 cwd
    res:errno=ret fd:fd=0
chroot | 161 51 61 | process | - | path=0 left=root entered
    res:errno=ret path:path=path
rename | 82 - 38 | file | - | path=0 path2=1 hook=path_rename entered
    res:errno=ret oldpath:path=path newpath:path=path2
renameat | 264 38 302 | file | - | path=1 dir=0 path2=3 dir2=2 hook=path_rename entered
    res:errno=ret olddirfd:fd=0 oldpath:relpath=path newdirfd:fd=2 newpath:relpath=path2
renameat2 | 316 276 353 | file | - | path=1 dir=0 path2=3 dir2=2 hook=path_rename entered
    res:errno=ret olddirfd:fd=0 oldpath:relpath=path newdirfd:fd=2 newpath:relpath=path2 flags:flags/renameat2=4
link | 86 - 9 | file | - | path=0 path2=1 hook=path_link entered
    res:errno=ret oldpath:path=path newpath:path=path2
linkat | 265 37 303 | file | - | path=1 dir=0 path2=3 dir2=2 hook=path_link entered
    res:errno=ret olddir:fd=0 oldpath:relpath=path newdir:fd=2 newpath:relpath=path2 flags:flags/linkat=4
symlink | 88 - 83 | file | - | str=0 path=1 hook=path_symlink entered
    res:errno=ret target:str=str linkpath:path=path
symlinkat | 266 36 304 | file | dirfd=1 | str=0 path=2 dir=1 hook=path_symlink entered
    res:errno=ret target:str=str linkdirfd:fd=1 linkpath:relpath=path
unlink | 87 - 10 | file | - | path=0 hook=path_unlink entered frequent
    res:errno=ret path:path=path
unlinkat | 263 35 301 | file | dirfd=0 | path=1 dir=0 hook=path_unlink,path_rmdir entered frequent
    res:errno=ret dirfd:fd=0 name:relpath=path flags:flags/unlinkat=2
mkdir | 83 - 39 | file | - | path=0 hook=path_mkdir
    res:errno=ret path:path=path mode:hex=1
mkdirat | 258 34 296 | file | dirfd=0 | path=1 dir=0 hook=path_mkdir
    res:errno=ret dirfd:fd=0 path:relpath=path mode:hex=2
rmdir | 84 - 40 | file | - | path=0 hook=path_rmdir
    res:errno=ret path:path=path
mknod | 133 - 14 | other | - | path=0 hook=path_mknod
    res:errno=ret path:path=path mode:mode/mknod=1 dev:u32=2
mknodat | 259 33 297 | other | dirfd=0 | path=1 dir=0 hook=path_mknod
    res:errno=ret dirfd:fd=0 path:relpath=path mode:mode/mknod=2 dev:u32=3
chmod | 90 - 15 | file | - | path=0 hook=path_chmod entered frequent
    res:errno=ret filename:path=path mode:mode/chmod=1
fchmod | 91 52 94 | file | uses | fd=0
    res:errno=ret fd:fd=0 mode:mode/chmod=1
fchmodat | 268 53 306 | file | dirfd=0 | path=1 dir=0 hook=path_chmod entered frequent
    res:errno=ret dirfd:fd=0 filename:relpath=path mode:mode/chmod=2
fchmodat2 | 452 452 452 | file | dirfd=0 | path=1 dir=0 hook=path_chmod entered frequent
    res:errno=ret dirfd:fd=0 filename:relpath=path mode:mode/chmod=2 flags:flags/fchownat=3
chown | 92 - 182,212 | file | - | path=0 hook=path_chown
    res:errno=ret path:path=path uid:u32=1 gid:u32=2
lchown | 94 - 16,198 | file | - | path=0 hook=path_chown
    res:errno=ret path:path=path uid:u32=1 gid:u32=2
fchown | 93 55 95,207 | file | uses | fd=0
    res:errno=ret fd:fd=0 uid:u32=1 gid:u32=2
fchownat | 260 54 298 | file | dirfd=0 | path=1 dir=0 hook=path_chown
    res:errno=ret dirfd:fd=0 pathname:relpath=path uid:u32=2 gid:u32=3 flags:flags/fchownat=4
stat | 4 - 106 | file | - | path=0
    res:errno=ret path:path=path
lstat | 6 - 107 | file | - | path=0
    res:errno=ret path:path=path
newfstatat | 262 79 300 | file | dirfd=0 | path=1 dir=0
    res:errno=ret dirfd:fd=0 path:relpath=path flags:flags/newfstatat=3
fstat | 5 80 108 | file | uses | fd=0
    res:errno=ret fd:fd=0
mount | 165 40 21 | file | - | str=0 path=1 path2=2 hook=sb_mount left=mount entered
    res:errno=ret dev:str=str dir:path=path type:str=path2 flags:flags/mount=3
umount | - - 22 | file | - | path=0 hook=sb_umount
    res:errno=ret name:path=path
umount2 | 166 39 52 | file | - | path=0 hook=sb_umount
    res:errno=ret name:path=path flags:flags/umount=1
fsconfig | 431 431 431 | system | uses | fd=0 str=2 path2=3
    res:errno=ret fd:fd=0 cmd:enum/fsconfig=1 key:str=str value_bytebuf:bytes=none value_charbuf:str=path2 aux:i32=4
quotactl | 179 60 131 | user | - | str=1 value=3:72 value=3:text
    res:errno=ret special:str=str quotafilepath:str=quotafile dqb_bhardlimit:u64=quota0 dqb_bsoftlimit:u64=quota1
    dqb_curspace:u64=quota2 dqb_ihardlimit:u64=quota3 dqb_isoftlimit:u64=quota4 dqb_btime:reltime=quota6
    dqb_itime:reltime=quota7 dqi_bgrace:reltime=quotagrace0 dqi_igrace:reltime=quotagrace1
    dqi_flags:flags/dqi_flags=quotaflags quota_fmt_out:enum/quota_fmts=quotaformat cmd:enum/quota_cmds=quotacmd
    type:enum/quota_types=quotatype id:u32=quotaid quota_fmt:enum/quota_fmts=quotaon
flock | 73 32 143 | file | uses | fd=0
    res:errno=ret fd:fd=0 operation:flags/flock=1
getcwd | 79 17 183 | file | - | value=0:text
    res:errno=ret path:str=v0.text
llseek | - - 140 | file | uses | fd=0
    res:errno=ret fd:fd=0 offset:u64=lloffset whence:enum/whence=4
lseek | 8 62 19 | file | uses | fd=0
    res:errno=ret fd:fd=0 offset:u64=1 whence:enum/whence=2
getdents | 78 - 141 | file | uses | fd=0
    res:errno=ret fd:fd=0
getdents64 | 217 61 220 | file | uses | fd=0
    res:errno=ret fd:fd=0
ioctl | 16 29 54 | I/O other | uses | fd=0
    res:errno=ret fd:fd=0 request:hex=1 argument:hex=2
# reading and writing
read | 0 63 3 | I/O read | uses read | fd=0 data=1
    res:errno=ret data:bytes=data fd:fd=0 size:u32=2
write | 1 64 4 | I/O write | uses write | fd=0 data=1
    res:errno=ret data:bytes=data fd:fd=0 size:u32=2
pread | 17 67 180 | I/O read | uses read | fd=0 data=1
    res:errno=ret data:bytes=data fd:fd=0 size:u32=2 pos:u64=3
pwrite | 18 68 181 | I/O write | uses write | fd=0 data=1
    res:errno=ret data:bytes=data fd:fd=0 size:u32=2 pos:u64=3
readv | 19 65 145 | I/O read | uses read | fd=0 iov=1
    res:errno=ret size:u32=got data:bytes=data fd:fd=0
writev | 20 66 146 | I/O write | uses write | fd=0 iov=1
    res:errno=ret data:bytes=data fd:fd=0 size:u32=5
preadv | 295 69 333 | I/O read | uses read | fd=0 iov=1
    res:errno=ret size:u32=got data:bytes=data fd:fd=0 pos:u64=3
pwritev | 296 70 334 | I/O write | uses write | fd=0 iov=1
    res:errno=ret data:bytes=data fd:fd=0 size:u32=5 pos:u64=3
preadv2 | 327 286 378 | I/O read | uses read | fd=0 iov=1
    res:errno=ret size:u32=got data:bytes=data fd:fd=0 pos:u64=3
pwritev2 | 328 287 379 | I/O write | uses write | fd=0 iov=1
    res:errno=ret data:bytes=data fd:fd=0 size:u32=5 pos:u64=3
sendfile | 40 71 187,239 | I/O write | uses | fd=0 value=2:8
    res:errno=ret offset:u64=v0.u64.0 out_fd:fd=0 in_fd:fd=1 size:u64=3
splice | 275 76 313 | I/O other | uses | fd=2
    res:errno=ret fd_in:fd=0 fd_out:fd=2 size:u64=4 flags:flags/splice=5
copy_file_range | 326 285 377 | file | uses | fd=2 value=3:8 value=1:8
    res:errno=ret fdout:fd=2 offout:u64=v0.u64.0 fdin:fd=0 offin:u64=v1.u64.0 len:u64=4
# sockets
socket | 41 198 359 | net | creates | fd=ret
    fd:fd=ret domain:enum/domain=0 type:u32=1 proto:u32=2 flags:flags/socket=1
socketpair | 53 199 360 | IPC | creates pair | pair=3
    res:errno=ret fd1:fd=pair0 fd2:fd=pair1 source:hex=ownend peer:hex=otherend domain:enum/domain=0
    type:u32=1 proto:u32=2
bind | 49 200 361 | net | uses | fd=0 sockaddr=1 entered frequent
    res:errno=ret addr:sockaddr=sockaddr fd:fd=0
connect | 42 203 362 | net | uses | fd=0 sockaddr=1 entered frequent
    res:errno=ret tuple:tuple=tuple fd:fd=0 addr:sockaddr=sockaddr
listen | 50 201 363 | net | uses | fd=0
    res:errno=ret fd:fd=0 backlog:i32=1
accept | 43 202 - | net | creates | fd=ret queue
    fd:fd=ret tuple:tuple=tuple queuepct:u32=queuepct queuelen:u32=queuelen queuemax:u32=queuemax
accept4 | 288 242 364 | net | creates | fd=ret queue
    fd:fd=ret tuple:tuple=tuple queuepct:u32=queuepct queuelen:u32=queuelen queuemax:u32=queuemax flags:hex=3
shutdown | 48 210 373 | net | uses | fd=0
    res:errno=ret fd:fd=0 how:enum/shutdown=1
setsockopt | 54 208 366 | net | uses | fd=0 value=3:1*4
    res:errno=ret fd:fd=0 level:enum/sockopt_levels=1 optname:enum/sockopt_options=optname val:dyn=option
    optlen:u32=4
getsockopt | 55 209 365 | net | uses | fd=0 value=3:1*@4 value=4:4
    res:errno=ret fd:fd=0 level:enum/sockopt_levels=1 optname:enum/sockopt_options=optname val:dyn=option
    optlen:u32=v1.u32.0
getsockname | 51 204 367 | net | uses | fd=0
    res:errno=ret fd:fd=0 tuple:tuple=tuple
getpeername | 52 205 368 | net | uses | fd=0
    res:errno=ret fd:fd=0 tuple:tuple=tuple
sendto | 44 206 369 | I/O write | uses write | fd=0 data=1 sockaddr=4 entered frequent
    res:errno=ret data:bytes=data fd:fd=0 size:u32=2 tuple:tuple=tuple
sendmsg | 46 211 370 | I/O write | uses write | fd=0 msghdr=1 entered frequent
    res:errno=ret data:bytes=data fd:fd=0 size:u32=5 tuple:tuple=tuple
sendmmsg | 307 269 345 | I/O write | uses write | fd=0 messages=1 entered frequent
    res:errno=ret fd:fd=0 size:u32=5 data:bytes=data tuple:tuple=tuple
recvfrom | 45 207 371 | I/O read | uses read | fd=0 data=1 sender=4
    res:errno=ret data:bytes=data tuple:tuple=tuple fd:fd=0 size:u32=2
recvmsg | 47 212 372 | I/O read | uses read | fd=0 msghdr=1 control
    res:errno=ret size:u32=got data:bytes=data tuple:tuple=tuple msgcontrol:bytes=control fd:fd=0
recvmmsg | 299 243 337,417 | I/O read | uses read | fd=0 messages=1 control
    res:errno=ret fd:fd=0 size:u32=got data:bytes=data tuple:tuple=tuple msgcontrol:bytes=control
# descriptors of other kinds
pipe | 22 - 42 | IPC | creates pair | pair=0
    res:errno=ret fd1:fd=pair0 fd2:fd=pair1 ino:u64=ino
pipe2 | 293 59 331 | IPC | creates pair | pair=0
    res:errno=ret fd1:fd=pair0 fd2:fd=pair1 ino:u64=ino flags:flags/file=1
inotify_init | 253 - 291 | IPC | creates | fd=ret
    res:fd=ret flags:hex=zero
inotify_init1 | 294 26 332 | IPC | creates | fd=ret
    res:fd=ret flags:flags/file=0
eventfd | 284 - 323 | IPC | creates | fd=ret
    res:fd=ret initval:u64=0 flags:hex=zero
eventfd2 | 290 19 328 | IPC | creates | fd=ret
    res:fd=ret flags:flags/file=1 initval:u64=0
timerfd_create | 283 85 322 | time | creates | fd=ret
    res:fd=ret clockid:u32=0 flags:hex=1
signalfd | 282 - 321 | signal | creates | fd=ret
    res:fd=ret fd:fd=0 mask:hex=zero flags:hex=zero
signalfd4 | 289 74 327 | signal | creates | fd=ret
    res:fd=ret flags:flags/file=3 fd:fd=0 mask:hex=zero
epoll_create | 213 - 254 | wait | creates | fd=ret
    res:errno=ret size:i32=0
epoll_wait | 232 - 256 | wait | - | -
    res:errno=ret maxevents:i32=2
poll | 7 - 168 | wait | - | value=0:8*1
    res:errno=ret fds:fdlist=fds timeout:i32=2
ppoll | 271 73 309,414 | wait | - | value=0:8*1 value=2:16 value=3:8
    res:errno=ret fds:fdlist=fds timeout:reltime=v1.time sigmask:sigset=v2.u32.0
select | 23 - 82 | wait | - | -
    res:errno=ret
epoll_create1 | 291 20 329 | wait | creates | fd=ret
    res:errno=ret flags:flags/epoll=0
userfaultfd | 323 282 374 | file | creates | fd=ret
    res:errno=ret flags:flags/file=0
io_uring_setup | 425 425 425 | I/O other | creates | fd=ret struct=1
    res:errno=ret entries:u32=0 sq_entries:u32=struct0 cq_entries:u32=struct1 flags:flags/io_uring_setup=struct2
    sq_thread_cpu:u32=struct3 sq_thread_idle:u32=struct4 features:flags/io_uring_features=struct5
io_uring_enter | 426 426 426 | I/O other | uses | fd=0 struct=4
    res:errno=ret fd:fd=0 to_submit:u32=1 min_complete:u32=2 flags:flags/io_uring_enter=3 sig:sigset=sigmask
io_uring_register | 427 427 427 | I/O other | uses | fd=0
    res:errno=ret fd:fd=0 opcode:enum/io_uring_register=1 arg:hex=2 nr_args:u32=3
bpf | 321 280 357 | other | creates | fd=ret
    fd:fd=ret cmd:enum/bpf=0
pidfd_open | 434 434 434 | process | creates | fd=ret
    fd:fd=ret pid:pid=0 flags:flags/pidfd=1
pidfd_getfd | 438 438 438 | process | creates | fd=ret taken
    fd:fd=ret pid_fd:fd=0 target_fd:fd=1 flags:hex=2
# processes
execve | 59 221 11 | process | - | failed_only path=0
    EXEC filename:path=filename
execveat | 322 281 358 | process | - | failed_only path=1 dir=0
    EXEC
clone | 56 220 120 | process | - | -
    FORK
fork | 57 - 2 | process | - | -
    FORK
vfork | 58 - 190 | process | - | -
    FORK
clone3 | 435 435 435 | process | - | struct=0 made
    FORK
procexit | - - - | process | - | -
    status:errno=0 ret:errno=exitcode sig:sig=exitsig core:u32=exitcore reaper_tid:pid=2
ptrace | 101 117 26 | process | - | -
    res:errno=ret addr:hex=2 data:hex=3 request:enum/ptrace=0 pid:pid=1
setns | 308 268 346 | process | uses | fd=0
    res:errno=ret fd:fd=0 nstype:flags/clone=1
unshare | 272 97 310 | process | - | -
    res:errno=ret flags:flags/clone=0
prctl | 157 167 172 | process | - | -
    res:errno=ret option:enum/prctl=0 arg2_str:str=prctlname arg2_int:i64=prctlint
seccomp | 317 277 354 | other | - | -
    res:errno=ret op:u64=0 flags:hex=1
setsid | 112 157 66 | process | - | -
    res:pid=ret
setpgid | 109 154 57 | process | - | -
    res:errno=ret pid:pid=0 pgid:pid=1
kill | 62 129 37 | signal | - | -
    res:errno=ret pid:pid=0 sig:sig=1
tkill | 200 130 238 | signal | - | -
    res:errno=ret tid:pid=0 sig:sig=1
tgkill | 234 131 270 | signal | - | -
    res:errno=ret pid:pid=0 tid:pid=1 sig:sig=2
process_vm_readv | 310 270 347 | IPC | - | iov=1
    res:i64=ret pid:pid=0 data:bytes=data
process_vm_writev | 311 271 348 | IPC | - | iov=1
    res:i64=ret pid:pid=0 data:bytes=data
semget | 64 190 393 | process | - | -
    res:errno=ret key:i32=0 nsems:i32=1 semflg:flags/semget=2
semctl | 66 191 394 | process | - | -
    res:errno=ret semid:i32=0 semnum:i32=1 cmd:enum/semctl=2 val:i32=semval
semop | 65 193 - | process | - | value=1:6*2
    res:errno=ret nsops:u32=2 sem_num_0:u32=v0.u16.0 sem_op_0:i32=v0.i16.2 sem_flg_0:flags/semop=v0.u16.4
    sem_num_1:u32=v0.u16.6 sem_op_1:i32=v0.i16.8 sem_flg_1:flags/semop=v0.u16.10 semid:i32=0
futex | 202 98 240,422 | IPC | - | -
    res:errno=ret addr:hex=0 op:flags/futex=1 val:u64=2
nanosleep | 35 101 162 | sleep | - | value=0:16
    res:errno=ret interval:reltime=v0.time
getrlimit | 97 163 76,191 | process | - | value=1:16
    res:errno=ret cur:i64=limit0 max:i64=limit1 resource:enum/rlimit=0
setrlimit | 160 164 75 | process | - | value=1:16
    res:errno=ret cur:i64=v0.word.0 max:i64=v0.word.1 resource:enum/rlimit=0
prlimit | 302 261 340 | process | - | value=2:16 value=3:16
    res:errno=ret newcur:i64=newlimit0 newmax:i64=newlimit1 oldcur:i64=oldlimit0 oldmax:i64=oldlimit1 pid:pid=0
    resource:enum/rlimit=1
# credentials
getuid | 102 174 24,199 | user | - | -
    uid:uid=ret
geteuid | 107 175 49,201 | user | - | -
    euid:uid=ret
getgid | 104 176 47,200 | user | - | -
    gid:gid=ret
getegid | 108 177 50,202 | user | - | -
    egid:gid=ret
getresuid | 118 148 165,209 | user | - | value=0:4 value=1:4 value=2:4
    res:errno=ret ruid:uid=v0.u32.0 euid:uid=v1.u32.0 suid:uid=v2.u32.0
getresgid | 120 150 171,211 | user | - | value=0:4 value=1:4 value=2:4
    res:errno=ret rgid:gid=v0.u32.0 egid:gid=v1.u32.0 sgid:gid=v2.u32.0
setuid | 105 146 23,213 | user | - | -
    res:errno=ret uid:uid=0
setgid | 106 144 46,214 | user | - | -
    res:errno=ret gid:gid=0
setreuid | 113 145 70,203 | user | - | -
    res:errno=ret ruid:uid=0 euid:uid=1
setregid | 114 143 71,204 | user | - | -
    res:errno=ret rgid:gid=0 egid:gid=1
setresuid | 117 147 164,208 | user | - | -
    res:errno=ret ruid:uid=0 euid:uid=1 suid:uid=2
setresgid | 119 149 170,210 | user | - | -
    res:errno=ret rgid:gid=0 egid:gid=1 sgid:gid=2
capset | 126 91 185 | process | - | caps
    res:errno=ret cap_inheritable:hex=inheritable cap_permitted:hex=permitted cap_effective:hex=cap_effective
keyctl | 250 219 288 | other | - | value=1:text value=2:text value=3:text
    res:errno=ret operation:enum/keyctl=0 arg2:dyn=key1 arg3:dyn=key2 arg4:dyn=key3 arg5:dyn=key4
# kernel modules and memory
init_module | 175 105 128 | other | - | str=2 buffer=0
    res:errno=ret img:bytes=data length:u64=1 uargs:str=str
finit_module | 313 273 350 | other | uses | fd=0 str=1
    res:errno=ret fd:fd=0 uargs:str=str flags:flags/finit_module=2
delete_module | 176 106 129 | other | - | str=0 entered
    res:errno=ret name:str=str flags:flags/delete_module=1
brk | 12 214 45 | memory | - | -
    res:hex=ret vm_size:u32=pages vm_rss:u32=resident vm_swap:u32=swapped addr:hex=0
mmap | 9 222 90 | memory | uses | fd=4
    res:errno=ret vm_size:u32=pages vm_rss:u32=resident vm_swap:u32=swapped
    addr:hex=0 length:u64=1 prot:flags/prot=2 flags:flags/mmap=3 fd:fd=4 offset:u64=5
mmap2 | - - 192 | memory | uses | fd=4
    res:errno=ret vm_size:u32=pages vm_rss:u32=resident vm_swap:u32=swapped
    addr:hex=0 length:u64=1 prot:flags/prot=2 flags:flags/mmap=3 fd:fd=4 pgoffset:u64=5
mprotect | 10 226 125 | memory | - | -
    res:errno=ret addr:hex=0 length:u64=1 prot:flags/prot=2
munmap | 11 215 91 | memory | - | -
    res:errno=ret vm_size:u32=pages vm_rss:u32=resident vm_swap:u32=swapped addr:hex=0 length:u64=1
mlock | 149 228 150 | memory | - | -
    res:errno=ret addr:hex=0 len:u64=1
mlock2 | 325 284 376 | memory | - | -
    res:errno=ret addr:hex=0 len:u64=1 flags:flags/mlock2=2
munlock | 150 229 151 | memory | - | -
    res:errno=ret addr:hex=0 len:u64=1
mlockall | 151 230 152 | memory | - | -
    res:errno=ret flags:flags/mlockall=0
munlockall | 152 231 153 | memory | - | -
    res:errno=ret
# events that are no calls
signaldeliver | - - - | signal | - | -
    spid:pid=0 dpid:pid=1 sig:sig=2
switch | - - - | scheduler | - | -
    next:pid=0 pgft_maj:u64=major pgft_min:u64=minor vm_size:u32=pages vm_rss:u32=resident vm_swap:u32=swapped
page_fault | - - - | other | - | -
    addr:hex=0 ip:hex=1 error:flags/page_fault=fault
"""
