"""Event types that only older captures have, by number; facts of Falco's event table and of what became of its entries.

A return of an old type stands for one of the type behind ``=``, which has more parameters. Older captures also have an
event for the start of each call, with parameters that the return lacks; the return has the next number. Parameters that
are taken from there have the names that they have in the return, others are called ``-``. Falco counts the starts that
are marked with ``+`` as events, though no rule sees them.
"""

from __future__ import annotations

from typing import Final

OLD_RETURNS: Final = """
11 =159 res:u64
13 =293 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64
15 =223 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 flags:u32 uid:u32 gid:u32
16 =186
27 =247 fd:i64 tuple:socktuple queuepct:u8
57 =389 fd:i64 tuple:socktuple queuepct:u8
85 =83 res:i64
91 =171 res:i64
99 =277 res:i64
101 =279 res:i64
103 =307 fd:i64
105 =309 res:i64
107 =311 res:i64
109 =301 res:i64
111 =303 res:i64
125 =367 res:i64
146 =152 next:i64
155 =293 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32
157 =223 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 flags:u32 uid:u32 gid:u32
173 =293 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 env:buf
183 =225 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 flags:u32 uid:u32 gid:u32
185 =227 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 flags:u32 uid:u32 gid:u32
215 =293 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str env:buf
217 =223 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str flags:u32 uid:u32 gid:u32
219 =225 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str flags:u32 uid:u32 gid:u32
221 =227 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:i64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str flags:u32 uid:u32 gid:u32
228 =324 id:str type:u32 name:str image:str
231 =293 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf env:buf
249 =389 fd:i64 tuple:socktuple queuepct:u8 queuelen:u32 queuemax:u32
259 =387 res:i64 name:path
272 =324 json:str
283 =293 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf env:buf tty:i32
289 =293 res:i64 exe:str args:buf tid:i64 pid:i64 ptid:i64 cwd:str fdlimit:u64 pgft_maj:u64 pgft_min:u64 vm_size:u32
    vm_rss:u32 vm_swap:u32 comm:str cgroups:buf env:buf tty:i32
297 =369 fd:dyn
"""

STARTS: Final = """
0 -:u16 nativeID:u16
0 -:u16 nativeID:u16
2+ name:path flags:u32 mode:u32
4 fd:i64
6 fd:i64 size:u32
8 fd:i64 size:u32
10 vm_size:u32
12+
18 domain:u32 type:u32 proto:u32
20 fd:i64
22+ fd:i64 addr:sockaddr
24 fd:i64 backlog:i32
28 fd:i64 size:u32
30 fd:i64 size:u32 tuple:socktuple
32 fd:i64 size:u32
34 fd:i64 size:u32
36 fd:i64 how:u8
42 domain:u32 type:u32 proto:u32
48 fd:i64 size:u32 tuple:socktuple
52 fd:i64
56 flags:i32
58+ name:path mode:u32
62 initval:u64 flags:u32
64 addr:u64 op:u16 val:u64
70 fd:i64
78 maxevents:i64
80 -:fdlist timeout:i64
86 fd:i64 offset:u64 whence:u8
88 fd:i64 offset:u64 whence:u8
90 fd:i64 request:u64
96 fd:i64
98 path:path mode:u32
100 path:path
102 dirfd:i64 name:str flags:u32 mode:u32
104 oldpath:path newpath:path
106 olddir:i64 oldpath:str newdir:i64 newpath:str
108 path:path
110 dirfd:i64 name:str
112 fd:i64 size:u32 pos:u64
114 fd:i64 size:u32 pos:u64
116 fd:i64
118 fd:i64 size:u32
120 fd:i64 pos:u64
122 fd:i64 size:u32 pos:u64
124 oldfd:i64
126 fd:i64 mask:u32 flags:u8
128 pid:i64 sig:u8
130 tid:i64 sig:u8
132 pid:i64 tid:i64 sig:u8
134 interval:u64
136 clockid:u8 flags:u8
138 flags:u8
140 resource:u8
142 resource:u8
144 pid:i64 resource:u8
150 fd:i64 cmd:u8
154+
158 addr:u64
160 addr:u64 length:u64 prot:u32 flags:u32 fd:i64 offset:u64
162 addr:u64 length:u64 prot:u32 flags:u32 fd:i64 pgoffset:u64
164 addr:u64 length:u64
166 fd_in:i64 fd_out:i64 size:u64 flags:u32
168 request:u16 pid:i64
170 fd:i64 request:u64 argument:u64
172+
188 out_fd:i64 in_fd:i64 -:u64 size:u64
190 cmd:u16 type:u8 id:u32 quota_fmt:u8
192 ruid:u32 euid:u32 suid:u32
194 rgid:u32 egid:u32 sgid:u32
198 uid:u32
200 gid:u32
214+
230+
236 fd:i64
238 fd:i64
240 fd:i64 nstype:u32
242 fd:i64 operation:u32
248 flags:i32
250 semid:i32
252 semid:i32 semnum:i32 cmd:u16 val:i32
254 -:fdlist timeout:u64 sigmask:u32
256 flags:u32
262 key:i32 nsems:i32 semflg:u32
264 mode:u32
276 mode:u32
282+
284 flags:u32
288+ filename:path
292+ filename:path
294 pid:i64 pgid:i64
296 cmd:i64
298 op:u64 flags:u64
306+ dirfd:i64 name:path flags:u32 mode:u32
326+ dirfd:i64 name:path flags:u32 mode:u32 resolve:u32
328 addr:u64 length:u64 prot:u32
330+ dirfd:i64 pathname:path at:u32
332 fdin:i64 offin:u64 len:u64
374 size:i32
376 flags:u32
388 flags:i32
390 flags:u32
396 initval:u64
398 fd:i64 mask:u32
"""
