"""Programs that are generated, and what the kernel says when it refuses one."""

from __future__ import annotations

import gc

import pytest

from falcohost_syscall.kernel.assembler import R0, R1, R2, Assembler
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.function_programs import FunctionKernel
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, Kernel


def test_reason_of_a_refusal(bpf):
    """The reason is what the verifier said at last, however much it said before."""
    asm = Assembler()
    asm.arithmetic_register("=", R2, R1)
    asm.constant(R0, 0)
    for _ in range(3000):
        asm.arithmetic("+", R0, 1)
    asm.load(R0, R2, 1 << 14, 8)
    asm.leave(None)

    with pytest.raises(LibbpfError, match="The kernel refused a program") as caught:
        Kernel(Library()).program(asm.assemble(), PROGRAM_RAW_TRACEPOINT)
    assert "invalid" in caught.value.reason
    assert "\n" not in caught.value.reason


def test_log_of_several_libraries(bpf):
    """One library still keeps libbpf's log after another one, which was opened later, is gone."""
    first = Library()
    Library()
    gc.collect()

    with pytest.raises(LibbpfError, match="libbpf: "):
        Object(first, b"not an object")


def test_reason_without_a_log():
    """Where nothing was said the reason is what the number of the error means."""
    assert LibbpfError("Cannot", 1).reason == "Operation not permitted"


def test_types_of_functions(bpf):
    """A function has its type; what the kernel has no function of that name for has none, nor has void."""
    found = FunctionKernel(Library()).types(["vfs_open", "void", "no_such_function"])

    assert ["vfs_open"] == list(found)
    assert found["vfs_open"].function != found["vfs_open"].prototype
