"""Runs what decides over addresses and branches in a kernel's PTX, for all threads of a program.

A register is unknown that has a number from memory or a float, or was made by an opcode that
`ptx_numbers` does not have; so is what depends on it. The threads run in step. NotImplementedError
is raised where a place in shared memory or a branch is unknown, and where threads part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.support.ptx_numbers import REGISTER, Instruction, Machine, Values

PRODUCT = "wgmma.mma_async"
_PLACED = ("cp.async.ca.", "cp.async.cg.", "ld.shared", "st.shared", "ldmatrix", "stmatrix")
_ORDER = (
    *("cp.async.commit_group", "cp.async.wait_group", "cp.async.wait_all", "bar.sync"),
    *("wgmma.commit_group", "wgmma.wait_group", "fence.proxy.async"),
)
_EVENTS = (PRODUCT, *_PLACED, *_ORDER)
# What else orders or touches shared memory. Kernels of this project have none of it.
_OTHERS = re.compile(r"mbarrier|bulk|(?:red|atom)\.shared|barrier\.|bar\.(?:red|arrive)|tcgen05")
_STEPS = 100_000


class Event(NamedTuple):
    """An instruction of shared memory, and the threads that execute it.

    `numbers` are its address, the descriptors of a product's operands, or how many groups a wait
    leaves in flight.
    """

    instruction: Instruction
    numbers: tuple[Any, ...]
    threads: Values


def parse(ptx: str) -> tuple[list[Instruction], dict[str, int]]:
    """The instructions of the only kernel, and where its labels are."""
    body = re.sub(r"//[^\n]*", "", ptx[ptx.index(".entry") :])
    made: list[Instruction] = []
    labels: dict[str, int] = {}
    for text in re.split(r"[;\n]", body):
        line = text.strip()
        found = re.match(r"(?:@(!?%p\d+)\s+)?([a-z][\w.:]*)\s*(.*)", line)
        if label := re.match(r"(\$?\w+):$", line):
            labels[label[1]] = len(made)
        elif found:
            operands = re.findall(r"\{[^}]*\}|\[[^]]*\]|[^,\s][^,]*", found[3])
            made.append(Instruction(found[2], tuple(o.strip() for o in operands), found[1] or ""))
    return made, labels


def _places(i: Instruction) -> list[str]:
    """Where in shared memory: of a copy's two places, the first."""
    if i.opcode.startswith(PRODUCT):
        return [o for o in i.operands[1:3] if o.startswith("%rd")]
    return [o for o in i.operands if o.startswith("[")][:1] if i.opcode.startswith(_PLACED) else []


def _needed(made: list[Instruction]) -> list[bool]:
    """Which instructions a place, a guard of such a one or a branch may depend on."""
    kept = [i.opcode.startswith((*_EVENTS, "bra", "ret")) for i in made]
    wanted = {
        name
        for i, keep in zip(made, kept, strict=True)
        if keep
        for name in REGISTER.findall(" ".join([*_places(i), i.guard]))
    }
    size = -1
    while size != len(wanted):
        size = len(wanted)
        for at, i in enumerate(made):
            if i.operands and not kept[at] and wanted & set(REGISTER.findall(i.operands[0])):
                kept[at] = True
                wanted |= set(REGISTER.findall(" ".join([*i.operands[1:], i.guard])))
    return kept


def _numbers(machine: Machine, i: Instruction) -> tuple[Any, ...]:
    if "wait_group" in i.opcode:
        return (int(i.operands[0]),)
    of = machine.value if i.opcode.startswith(PRODUCT) else machine.address
    return tuple(of(place) for place in _places(i))


def events(ptx: str, threads: int, parameters: Mapping[str, int]) -> Iterator[Event]:
    """What happens to shared memory, in order, where the kernel's parameters are these."""
    made, labels = parse(ptx)
    for i in made:
        if _OTHERS.search(i.opcode):
            raise NotImplementedError(f"{i}")
    kept, machine, at = _needed(made), Machine(threads, parameters), 0
    for _ in range(_STEPS):
        while at < len(made) and not kept[at]:
            at += 1
        if at == len(made):
            return
        i = made[at]
        at += 1
        if i.opcode.startswith("bra"):
            taken = machine.guarded(i.guard)
            if taken.any() != taken.all():
                raise NotImplementedError(f"threads part at {i}")
            at = labels[i.operands[0]] if taken.all() else at
        elif i.opcode.startswith("ret"):
            return
        elif i.opcode.startswith(_EVENTS):
            yield Event(i, _numbers(machine, i), machine.guarded(i.guard))
            if i.opcode.startswith(("ld", PRODUCT)):
                machine.forget(i.operands[0])
        else:
            machine.run(i)
    raise NotImplementedError("a kernel that runs on")
