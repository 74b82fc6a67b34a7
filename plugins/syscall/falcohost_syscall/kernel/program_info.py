"""Asks the kernel about loaded programs: their functions' types, and how often they were skipped."""

from __future__ import annotations

import ctypes
from ctypes import Structure, byref, c_char, c_int, c_uint32, c_uint64, c_void_p, sizeof

from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import FUNCTION_INFO


class ProgramInfo(Structure):
    """The members of ``struct bpf_prog_info`` (include/uapi/linux/bpf.h) up to those that are used here."""

    _fields_ = (
        ("type", c_uint32),
        ("id", c_uint32),
        ("tag", c_char * 8),
        ("jited_prog_len", c_uint32),
        ("xlated_prog_len", c_uint32),
        ("jited_prog_insns", c_uint64),
        ("xlated_prog_insns", c_uint64),
        ("load_time", c_uint64),
        ("created_by_uid", c_uint32),
        ("nr_map_ids", c_uint32),
        ("map_ids", c_uint64),
        ("name", c_char * 16),
        ("ifindex", c_uint32),
        ("gpl_compatible", c_uint32),
        ("netns_dev", c_uint64),
        ("netns_ino", c_uint64),
        ("nr_jited_ksyms", c_uint32),
        ("nr_jited_func_lens", c_uint32),
        ("jited_ksyms", c_uint64),
        ("jited_func_lens", c_uint64),
        ("btf_id", c_uint32),
        ("func_info_rec_size", c_uint32),
        ("func_info", c_uint64),
        ("nr_func_info", c_uint32),
        ("nr_line_info", c_uint32),
        ("line_info", c_uint64),
        ("jited_line_info", c_uint64),
        ("nr_jited_line_info", c_uint32),
        ("line_info_rec_size", c_uint32),
        ("jited_line_info_rec_size", c_uint32),
        ("nr_prog_tags", c_uint32),
        ("prog_tags", c_uint64),
        ("run_time_ns", c_uint64),
        ("run_cnt", c_uint64),
        ("recursion_misses", c_uint64),
    )


def program_info(library: Library, program: int, asked: ProgramInfo | None = None) -> ProgramInfo:
    """Return the kernel's information about the program with descriptor *program*.

    :param asked: names arrays that the kernel fills as well.

    :raises LibbpfError: the kernel refused.
    """
    get = library.lib.bpf_obj_get_info_by_fd
    get.restype, get.argtypes = c_int, (c_int, c_void_p, c_void_p)
    info = asked or ProgramInfo()
    library.check(get(program, byref(info), byref(c_uint32(sizeof(info)))), "Cannot get the information of a program")
    return info


def misses(library: Library, program: int) -> int:
    """Return how often the kernel skipped a program because it was already running on the same processor."""
    return int(program_info(library, program).recursion_misses)


def function_types(library: Library, program: int) -> list[int]:
    """Return the BTF types of the functions of a program, in their order.

    :raises LibbpfError: the kernel refused.
    """
    count = program_info(library, program).nr_func_info
    functions = ctypes.create_string_buffer(count * FUNCTION_INFO.size)
    asked = ProgramInfo(
        func_info=ctypes.addressof(functions), nr_func_info=count, func_info_rec_size=FUNCTION_INFO.size
    )
    program_info(library, program, asked)
    return [type_id for _, type_id in FUNCTION_INFO.iter_unpack(functions.raw)]
