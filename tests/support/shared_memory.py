"""Races in a program's shared memory: between copies, products of warp groups, loads and stores.

A product in flight reads shared memory until it is waited for, and the threads that waited are
known to the others only after a barrier; copies likewise. What is run is `tests.support.ptx`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tests.support.ptx import Event, events
from tests.support.ptx_numbers import Instruction

_ALL = -2  # in the place of a warp: several of them
_WARP = 32


class _Memory:
    """Of each byte: who wrote and read it and since which barrier, and what is in flight there."""

    def __init__(self, size: int) -> None:
        self.barriers = 0
        self.written, self.read = np.full((2, size), -1)  # after so many barriers
        self.writer, self.reader = np.full((2, size), _ALL)
        self.copy, self.product = np.full((2, size), -1)  # the last group of either
        self.copies, self.products = [0, 0], [0, 0]  # groups that are committed, and waited for
        self.unfenced = np.zeros(size, bool)

    def wait(self, groups: list[int], leaves: int, places: np.ndarray, since: np.ndarray) -> None:
        done = max(groups[1], groups[0] - leaves)
        since[(places >= groups[1]) & (places < done)] = self.barriers
        groups[1] = done

    def write(self, at: np.ndarray, warps: np.ndarray) -> str:
        found = ""
        if (self.product[at] >= self.products[1]).any():
            found = "overwrites an operand of a product in flight"
        elif (self.copy[at] >= self.copies[1]).any():
            found = "writes where a copy is in flight"
        elif self._unseen(self.read, self.reader, at, warps):
            found = "overwrites what was read since the last barrier"
        self.written[at], self.writer[at] = self.barriers, warps
        return found

    def load(self, at: np.ndarray, warps: np.ndarray) -> str:
        found = ""
        if (self.copy[at] >= self.copies[1]).any():
            found = "reads what is being copied"
        elif self._unseen(self.written, self.writer, at, warps):
            found = "reads what was written since the last barrier"
        several = (self.read[at] == self.barriers) & (self.reader[at] != warps)
        self.read[at], self.reader[at] = self.barriers, np.where(several, _ALL, warps)
        return found

    def multiply(self, at: np.ndarray) -> str:
        found = self.load(at, np.full_like(at, _ALL))
        if not found and self.unfenced[at].any():
            found = "multiplies what no fence gave over to products"
        self.product[at] = self.products[0]
        return found

    def _unseen(self, since: np.ndarray, by: np.ndarray, at: np.ndarray, warps: np.ndarray) -> bool:
        return bool(((since[at] == self.barriers) & ((by[at] != warps) | (warps == _ALL))).any())


def _size(i: Instruction) -> int:
    """That a thread's instruction moves."""
    if i.opcode.startswith("cp.async"):
        return int(i.operands[2], 0)
    vector = re.search(r"\.v(\d)\.", i.opcode)
    return int(vector[1] if vector else 1) * int(re.search(r"(\d+)$", i.opcode)[1]) // 8


def _touched(event: Event) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a load, a store or a copy, and the warps that ask for them."""
    i, (address,), threads = event
    warps = np.arange(len(threads)) // _WARP
    if "matrix" in i.opcode:  # a lane gives the 16 bytes of a row, of the first 8 a matrix
        size = 16
        rows = 8 * int(re.search(r"\.x(\d)", i.opcode)[1])
        threads = threads & (np.arange(len(threads)) % _WARP < rows)
    else:
        size = _size(i)
    at = address[threads].astype(np.int64)[:, None] + np.arange(size)
    return at.ravel(), np.repeat(warps[threads], size)


def _operand(descriptor: int, rows: int, size: int, across: bool) -> np.ndarray:
    """The bytes of a wgmma's operand of 32 bytes along K, as whole atoms of 8 rows.

    across: the rows lie along memory, not K.
    """
    start, leading, stride = (((descriptor >> bit) & 0x3FFF) << 4 for bit in (0, 16, 32))
    width = {0: 16, 1: 128, 2: 64, 3: 32}[descriptor >> 62]
    start -= start % width  # whole rows: a part of one begins where swizzling has it
    if across:
        of_rows, of_k = (leading, -(-rows * size // width)), (stride, 32 // size // 8)
    else:
        of_rows, of_k = (stride, rows // 8), (leading, 2 if width == 16 else 1)
    atoms = [
        start + i * of_rows[0] + j * of_k[0] for i in range(of_rows[1]) for j in range(of_k[1])
    ]
    return (np.array(atoms)[:, None] + np.arange(8 * width)).ravel()


def operands(event: Event) -> np.ndarray:
    """The bytes that a product of warp groups reads."""
    opcode, text, _ = event.instruction
    columns, k = map(int, re.search(r"\.m64n(\d+)k(\d+)\.", opcode).groups())
    size = 32 // k
    flags = [int(o) for o in text if re.fullmatch(r"[01]", o)] if size == 2 else []
    sides = [(64, 2), (columns, 1)][-len(event.numbers) :]
    made = []
    for values, (rows, from_last) in zip(event.numbers, sides, strict=True):
        across = bool(flags and flags[-from_last])
        made += [_operand(int(d), rows, size, across) for d in np.unique(values)]
    return np.unique(np.concatenate(made))


def _step(memory: _Memory, event: Event) -> str:
    opcode = event.instruction.opcode
    if opcode.startswith("bar.sync"):
        if not event.threads.all() or event.instruction.operands != ("0",):
            raise NotImplementedError(f"{event.instruction}")
        memory.barriers += 1
    elif opcode.startswith("fence.proxy.async"):
        memory.unfenced[:] = False
    elif opcode.startswith("cp.async.commit_group"):
        memory.copies[0] += 1
    elif opcode.startswith("cp.async.wait_"):
        leaves = event.numbers[0] if event.numbers else 0
        memory.wait(memory.copies, leaves, memory.copy, memory.written)
    elif opcode.startswith("wgmma.commit_group"):
        memory.products[0] += 1
    elif opcode.startswith("wgmma.wait_group"):
        before = memory.products[1]
        memory.wait(memory.products, event.numbers[0], memory.product, memory.read)
        done = (memory.product >= before) & (memory.product < memory.products[1])
        memory.reader[done] = _ALL
    elif opcode.startswith("wgmma.mma_async"):
        return memory.multiply(operands(event))
    else:
        at, warps = _touched(event)
        if opcode.startswith("ld"):
            return memory.load(at, warps)
        found = memory.write(at, warps)
        if opcode.startswith("cp.async"):
            memory.copy[at], memory.writer[at] = memory.copies[0], _ALL
        # Triton 3.6 has no fence between copies and products, either.
        memory.unfenced[at] = not opcode.startswith("cp.async")
        return found
    return ""


def races(ptx: str, threads: int, size: int, values: Mapping[str, int]) -> list[str]:
    """What goes wrong in a kernel's `size` bytes of shared memory, at which instruction."""

    def found() -> Iterator[str]:
        memory = _Memory(size)
        for event in events(ptx, threads, values):
            if what := _step(memory, event):
                i: Any = event.instruction
                yield f"{i.opcode} {', '.join(i.operands)} {what}"

    return list(dict.fromkeys(found()))
