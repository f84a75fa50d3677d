"""Whole numbers and truths in PTX: what registers hold, for all threads of a program at once."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

Values = Any  # an unsigned number of 64 bits, or a truth, for each thread
REGISTER = re.compile(r"%[a-z]+\d+")
_WARP = 32


class Instruction(NamedTuple):
    """An opcode, its operands as they are written, and the predicate that guards it."""

    opcode: str
    operands: tuple[str, ...]
    guard: str


def _shifted_left(bits: int, a: Values, b: Values) -> Values:
    return np.where(b < bits, a << np.minimum(b, bits - 1), 0)


def _field(bits: int, a: Values, start: Values, size: Values) -> Values:
    found = (a >> start) & ((1 << size) - 1)
    if a.dtype == np.int64:
        found = np.where((found >> (size - 1)) & 1, found - (1 << size), found)
    return found


# Of the width of an operation in bits, and its operands.
_KINDS: dict[str, Callable[..., Values]] = {
    "mov": lambda bits, a: a,
    "add": lambda bits, a, b: a + b,
    "sub": lambda bits, a, b: a - b,
    "mul": lambda bits, a, b: a * b,
    "mad": lambda bits, a, b, c: a * b + c,
    "and": lambda bits, a, b: a & b,
    "or": lambda bits, a, b: a | b,
    "xor": lambda bits, a, b: a ^ b,
    "not": lambda bits, a: ~a,
    "neg": lambda bits, a: -a,
    "min": lambda bits, a, b: np.minimum(a, b),
    "max": lambda bits, a, b: np.maximum(a, b),
    "shl": _shifted_left,
    "shr": lambda bits, a, b: a >> np.minimum(b, bits - 1),
    "bfe": _field,
}
_COMPARED = {how: getattr(operator, how) for how in ("eq", "ne", "lt", "le", "gt", "ge")}
_SAME_OF_EITHER_SIGN = ("mov", "add", "sub", "and", "or", "xor", "not", "shl")


def _of_width(a: Values, bits: int, signed: bool) -> Values:
    if a.dtype == bool:
        return a
    if signed:
        return a.astype(f"u{bits // 8}").view(f"i{bits // 8}").astype(np.int64)
    return a & np.uint64(2**bits - 1)


class Machine:
    """The registers of all threads. Those that are unknown are not among them."""

    def __init__(self, threads: int, parameters: Mapping[str, int]) -> None:
        self.ids = np.arange(threads, dtype=np.uint64)
        self.parameters = parameters
        self.registers: dict[str, Values] = {}

    def value(self, text: str) -> Values:
        if REGISTER.fullmatch(text):
            if text not in self.registers:
                raise NotImplementedError(f"{text} is unknown")
            return self.registers[text]
        if text == "%tid.x":
            return self.ids
        if text.startswith(("%ctaid", "%tid")) or text == "global_smem":
            return np.zeros_like(self.ids)
        number = int(text[2:], 16) if text.startswith("0f") else int(text, 0)
        return np.full_like(self.ids, number % 2**64)

    def address(self, text: str) -> Values:
        base, _, offset = text.strip("[] ").replace(" ", "").partition("+")
        return (self.value(base) + self.value(offset or "0")) & np.uint64(2**32 - 1)

    def guarded(self, guard: str) -> Values:
        if not guard:
            return np.ones(len(self.ids), bool)
        holds = self.value(guard.lstrip("!"))
        return ~holds if guard.startswith("!") else holds

    def forget(self, operand: str) -> None:
        for name in REGISTER.findall(operand):
            self.registers.pop(name, None)

    def run(self, i: Instruction) -> None:
        """An instruction that writes a register, which is unknown where what it needs is."""
        name, *needs = i.operands
        known = set(REGISTER.findall(" ".join([*needs, i.guard]))) <= self.registers.keys()
        result = self._result(i) if known else None
        if result is None:
            self.forget(name)
            return
        if result.dtype != bool:
            bits = 64 if name.startswith("%rd") else 32
            result = result.astype(np.uint64) & np.uint64(2**bits - 1)
        holds = self.guarded(i.guard)
        if not holds.all():
            result = np.where(holds, result, self.registers.get(name, np.zeros_like(result)))
        self.registers[name] = result

    def _result(self, i: Instruction) -> Values | None:
        """None of an opcode that is not known here, and of floats."""
        kind, *parts = i.opcode.split(".")
        typed = re.fullmatch(r"([subf]+)(\d+)", parts[-1]) if parts else None
        if (kind, *parts[:1]) == ("ld", "param"):
            given = self.parameters[i.operands[1].strip("[]")]
            return np.full_like(self.ids, given % 2**64)
        if kind == "shfl" and i.operands[2] == "0":  # Triton's number of a warp, of lane 0
            return self.value(i.operands[1])[self.ids.astype(int) // _WARP * _WARP]
        if kind not in (*_KINDS, "cvt", "selp", "setp") or (typed and "f" in typed[1]):
            return None
        bits = int(typed[2]) if typed else 64
        a, *others = (self.value(o) for o in i.operands[1:])
        if i.opcode == "mov.pred":
            return a != 0
        if kind == "selp":
            return np.where(others[1], a, others[0])
        signed = bool(typed and typed[1] == "s") and kind not in _SAME_OF_EITHER_SIGN
        last = others.pop() if i.opcode.startswith("mad.wide") else None
        a, *others = (_of_width(v, bits, signed) for v in (a, *others))
        if last is not None:
            others.append(_of_width(last, 64, signed))
        if kind == "cvt":
            return a
        if kind == "setp":
            plain = parts[0] in _COMPARED and len(others) == 1
            return _COMPARED[parts[0]](a, *others) if plain else None
        return _KINDS[kind](bits, a, *others)
