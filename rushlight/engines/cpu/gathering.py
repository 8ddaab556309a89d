"""Rows of arrays copied to one place by all threads: how a loader makes a batch.

    gather_rows([(source, rows, row_bytes, result), ...], places)

A row that lies anywhere in memory keeps a core waiting; so while one is copied, the next is
fetched ahead into the cache.  NumPy's `take` copies with one thread and fetches nothing ahead.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from rushlight.engines.cpu.build import native_functions
from rushlight.engines.cpu.pool import run_list

_CHUNK_BYTES = 256 << 10
_MOST_CHUNKS = 64
_FETCHED_BYTES = 16 << 10
"""Of a row, at most: the rest is read in order, which the processor sees by itself."""
_SLOTS, _STEP = 8, 3
_WRONG = 7


Column = tuple[int, int, int, int]
"""Rows that lie one after the other: the address of the first, how many there are, the bytes of
each; and the address where those asked for go."""


def gather_rows(columns: Sequence[Column], places: np.ndarray) -> None:
    """Copy the rows at `places` (int64, C-contiguous); IndexError for one that is not there.

    Negative places count from the end.
    """
    kernel, count, asked = _kernel(), len(places), places.ctypes.data
    block = (ctypes.c_int64 * (len(columns) * (_SLOTS + _STEP)))()
    arguments = ctypes.addressof(block)
    numbers: list[int] = []
    steps: list[int] = []
    for i, (source, rows, row_bytes, result) in enumerate(columns):
        chunks = min(-(-count * row_bytes // _CHUNK_BYTES), _MOST_CHUNKS, count) or 1
        numbers += (result, source, asked, row_bytes, count, -(-count // chunks), rows, 0)
        steps += (kernel, arguments + 8 * _SLOTS * i, chunks)
    block[:] = numbers + steps
    run_list(arguments + 8 * len(numbers), len(columns))
    if any(block[_WRONG : len(numbers) : _SLOTS]):
        raise IndexError(f"index out of range for {columns[0][1]} samples")


@lru_cache(maxsize=1)
def _kernel() -> int:
    return native_functions(_TEXT, ["gather_rows"])[0]


_TEXT = f"""
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)

; Where a row lies; null if there is no such row.
define internal ptr @row_at(ptr %source, ptr %places, i64 %i, i64 %rows, i64 %bytes) nounwind {{
  %place.p = getelementptr i64, ptr %places, i64 %i
  %place = load i64, ptr %place.p
  %negative = icmp slt i64 %place, 0
  %wrapped = add i64 %place, %rows
  %row = select i1 %negative, i64 %wrapped, i64 %place
  %there = icmp ult i64 %row, %rows
  %offset = mul i64 %row, %bytes
  %found = getelementptr i8, ptr %source, i64 %offset
  %result = select i1 %there, ptr %found, ptr null
  ret ptr %result
}}

define internal void @fetch(ptr %row, i64 %bytes) nounwind {{
entry:
  %few = icmp slt i64 %bytes, {_FETCHED_BYTES}
  %end = select i1 %few, i64 %bytes, i64 {_FETCHED_BYTES}
  br label %line
line:
  %o = phi i64 [0, %entry], [%o1, %line]
  %address = getelementptr i8, ptr %row, i64 %o
  call void @llvm.prefetch.p0(ptr %address, i32 0, i32 2, i32 1)
  %o1 = add i64 %o, 64
  %more = icmp slt i64 %o1, %end
  br i1 %more, label %line, label %done
done:
  ret void
}}

; 64 bytes at a time, the last of them once more where they do not come out even.
define internal void @copy(ptr %to, ptr %from, i64 %bytes) nounwind {{
entry:
  %last = sub i64 %bytes, 64
  %long = icmp sge i64 %last, 0
  br i1 %long, label %block, label %byte
block:
  %o = phi i64 [0, %entry], [%next, %block]
  %f0 = getelementptr i8, ptr %from, i64 %o
  %f1 = getelementptr i8, ptr %f0, i64 32
  %t0 = getelementptr i8, ptr %to, i64 %o
  %t1 = getelementptr i8, ptr %t0, i64 32
  %v0 = load <32 x i8>, ptr %f0, align 1
  %v1 = load <32 x i8>, ptr %f1, align 1
  store <32 x i8> %v0, ptr %t0, align 1
  store <32 x i8> %v1, ptr %t1, align 1
  %ended = icmp eq i64 %o, %last
  %o1 = add i64 %o, 64
  %within = icmp slt i64 %o1, %last
  %next = select i1 %within, i64 %o1, i64 %last
  br i1 %ended, label %done, label %block
byte:
  %b = phi i64 [0, %entry], [%b1, %one]
  %left = icmp slt i64 %b, %bytes
  br i1 %left, label %one, label %done
one:
  %fb = getelementptr i8, ptr %from, i64 %b
  %tb = getelementptr i8, ptr %to, i64 %b
  %v = load volatile i8, ptr %fb
  store i8 %v, ptr %tb
  %b1 = add i64 %b, 1
  br label %byte
done:
  ret void
}}

define void @gather_rows(ptr %arguments, i64 %chunk, ptr %scratch) nounwind {{
entry:
  %to = load ptr, ptr %arguments
  %source.p = getelementptr i64, ptr %arguments, i64 1
  %source = load ptr, ptr %source.p
  %places.p = getelementptr i64, ptr %arguments, i64 2
  %places = load ptr, ptr %places.p
  %bytes.p = getelementptr i64, ptr %arguments, i64 3
  %bytes = load i64, ptr %bytes.p
  %count.p = getelementptr i64, ptr %arguments, i64 4
  %count = load i64, ptr %count.p
  %many.p = getelementptr i64, ptr %arguments, i64 5
  %many = load i64, ptr %many.p
  %rows.p = getelementptr i64, ptr %arguments, i64 6
  %rows = load i64, ptr %rows.p
  %wrong.p = getelementptr i64, ptr %arguments, i64 7
  %first = mul i64 %chunk, %many
  %behind = add i64 %first, %many
  %short = icmp slt i64 %behind, %count
  %end = select i1 %short, i64 %behind, i64 %count
  %any = icmp slt i64 %first, %end
  br i1 %any, label %row, label %done
row:
  %i = phi i64 [%first, %entry], [%i1, %following]
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %end
  br i1 %more, label %ahead, label %here
ahead:
  %later = call ptr @row_at(ptr %source, ptr %places, i64 %i1, i64 %rows, i64 %bytes)
  call void @fetch(ptr %later, i64 %bytes)
  br label %here
here:
  %from = call ptr @row_at(ptr %source, ptr %places, i64 %i, i64 %rows, i64 %bytes)
  %missing = icmp eq ptr %from, null
  br i1 %missing, label %wrong, label %found
wrong:
  store i64 1, ptr %wrong.p
  br label %following
found:
  %offset = mul i64 %i, %bytes
  %target = getelementptr i8, ptr %to, i64 %offset
  call void @copy(ptr %target, ptr %from, i64 %bytes)
  br label %following
following:
  br i1 %more, label %row, label %done
done:
  ret void
}}
"""
