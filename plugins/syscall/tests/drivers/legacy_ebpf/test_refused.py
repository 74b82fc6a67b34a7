"""What is said of programs that compiler or verifier refuse is the reason, not the log around it."""

from __future__ import annotations

import pytest

from falcohost import SourceError
from falcohost.testing import skip_or_fail
from falcohost_syscall.drivers.legacy_ebpf import bcc
from falcohost_syscall.drivers.legacy_ebpf.program import Program
from falcohost_syscall.drivers.legacy_ebpf.refused import reason

#: Linux 5.10, which goes back through instructions for what a register depends on.
OF_5_10 = """bpf: Failed to load program: Invalid argument
; TRACEPOINT_PROBE(raw_syscalls, sys_exit)
0: (bf) r6 = r1
last_idx 597 first_idx 580
regs=0 stack=10000 before 17: (7b) *(u64 *)(r10 -136) = r1
regs=2 stack=0 before 16: (71) r1 = *(u8 *)(r0 +8)
597: (79) r1 = *(u64 *)(r10 -136)
598: (79) r2 = *(u64 *)(r2 +0)
invalid variable-offset read from stack R2 var_off=(0x0; 0x7f8) size=8
processed 582 insns (limit 1000000) max_states_per_insn 0 total_states 38 peak_states 38 mark_read 36

"""
OF_6_18 = """bpf: Failed to load program: Invalid argument
0: R1=ctx() R10=fp0
; TRACEPOINT_PROBE(raw_syscalls, sys_exit) @ main.c:20
6: (55) if r1 != 0x1 goto pc-5        ; R1=0
infinite loop detected at insn 2
cur state: R0=scalar(umin=1) R1=0 R10=fp0
old state: R0=scalar(umin=1) R1=0 R10=fp0
processed 13 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0

HINT: The 'map_value_or_null' error can happen if you dereference a pointer value without checking it.
"""
#: The verifiers of old kernels do not count instructions when they refuse a program.
OF_4_14 = """bpf: Failed to load program: Permission denied
7: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
"""
COMPILER = """In file included from <built-in>:2:
/virtual/main.c:2:25: error: use of undeclared identifier 'nix'
    2 | int f(void *c) { return nix; }
      |                         ^
1 error generated.
"""
WARNING = """/virtual/main.c:2:25: warning: unused variable 'nix' [-Wunused-variable]
    2 | int nix;
      |     ^~~
1 warning generated.
"""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            OF_5_10,
            "invalid variable-offset read from stack R2 var_off=(0x0; 0x7f8) size=8 | 598: (79) r2 = *(u64 *)(r2 +0)",
        ),
        (OF_6_18, "infinite loop detected at insn 2 | 6: (55) if r1 != 0x1 goto pc-5        ; R1=0"),
        (OF_4_14, "R0 invalid mem access 'map_value_or_null' | 7: (79) r0 = *(u64 *)(r0 +0)"),
        (COMPILER, "/virtual/main.c:2:25: error: use of undeclared identifier 'nix'"),
        (WARNING + OF_4_14, "R0 invalid mem access 'map_value_or_null' | 7: (79) r0 = *(u64 *)(r0 +0)"),
        (WARNING + "cannot attach tracepoint: No such file", "cannot attach tracepoint: No such file"),
        ("", ""),
    ],
)
def test_the_reason_is_found(said, expected):
    """The reason comes first, with the instruction before it, whatever the kernel writes around it."""
    assert expected == reason(said)


def test_what_is_not_understood_is_shown():
    """If no line is a reason, the last lines are shown."""
    assert "0: R1=ctx() | 1: (95) exit" == reason("0: R1=ctx()\n1: (95) exit\n")


def test_the_error_tells_why_this_kernel_refuses_a_program():
    """The error of a program that this kernel refuses ends with the verifier's reason and the instruction."""
    problem = next((text for _, text in bcc.requirements() if text), None)
    if problem:
        skip_or_fail("bcc", problem)
    text = """
        BPF_ARRAY(numbers, u64, 4);
        TRACEPOINT_PROBE(raw_syscalls, sys_exit) {
            u32 place = 1;
            u64 *found = numbers.lookup(&place);
            return *found;
        }
    """
    why = r"denied: R\d invalid mem access 'map_value_or_null' \| \d+: \(79\) r\d = \*\(u64 \*\)\(r\d \+0\)$"

    with pytest.raises(SourceError, match=why):
        Program(text, [0], 4096)
