"""The search for races in shared memory, on programs made by hand."""

import numpy as np
import pytest

from tests.support.ptx import events
from tests.support.shared_memory import operands, races

BUFFER, TURNS = 2048, 9  # bytes: 64 rows of 16 halves, 16 bytes a thread
SWIZZLED = (3 << 62) | (256 >> 4) << 32  # in rows of 32 bytes, 8 of them a block


def copy(buffer):
    return f"""
    shl.b32 %r10, {buffer}, 11;
    add.s32 %r11, %r10, %r2;
    cp.async.cg.shared.global [ %r11 + 0 ], [ %rd9 + 0 ], 0x10, %r12;
    cp.async.commit_group;"""


def next_of(register, buffers):
    return f"""
    add.s32 {register}, {register}, 1;
    setp.ge.s32 %p1, {register}, {buffers};
    selp.b32 {register}, 0, {register}, %p1;"""


def loop(buffers, ahead, pending, barrier="bar.sync 0;", fence="fence.proxy.async.shared::cta;"):
    """A product a turn of what was copied `ahead` turns before, beside a constant operand."""
    ones = buffers * BUFFER
    return f"""
.visible .entry kernel(
    .param .u32 kernel_param_0
)
.reqntid 128
{{
    .reg .b32 %r<20>;
    ld.param.b32 %r1, [kernel_param_0];
    mov.u32 %r0, %tid.x;
    shl.b32 %r2, %r0, 4;  // a comment
    shl.b32 %r3, %r0, 1;
    st.shared.b16 [%r3+{ones}], %rs1;
    {fence}
    {"".join(copy(i) for i in range(ahead))}
    mov.b32 %r4, -1;
    mov.b32 %r5, {ahead - 1};
    mov.b32 %r6, 0;
$L__BB0_1:
    {next_of("%r4", buffers)}
    {next_of("%r5", buffers)}
    cp.async.wait_group {ahead - 1};
    bar.sync 0;
    shl.b32 %r7, %r4, 11;
    bfe.u32 %r7, %r7, 4, 14;
    cvt.u64.u32 %rd1, %r7;
    or.b64 %rd1, %rd1, {SWIZZLED};
    mov.b64 %rd2, {SWIZZLED + (ones >> 4)};
    wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {{%r20, %r21}}, %rd1, %rd2, %p9, 1, 1, 0, 0;
    wgmma.commit_group.sync.aligned;
    wgmma.wait_group.sync.aligned {pending};
    {barrier}
    {copy("%r5")}
    add.s32 %r6, %r6, 1;
    setp.lt.s32 %p2, %r6, %r1;
    @%p2 bra $L__BB0_1;
    ret;
}}"""


def found(ptx):
    return races(ptx, 128, 6 * BUFFER, {"kernel_param_0": TURNS})


@pytest.mark.parametrize(
    ("buffers", "ahead", "pending"), [(3, 2, 1), (4, 2, 2), (2, 1, 1), (2, 2, 0), (1, 1, 0)]
)
def test_what_is_in_flight_is_left_alone(buffers, ahead, pending):
    assert found(loop(buffers, ahead, pending)) == []


@pytest.mark.parametrize(
    ("buffers", "ahead", "pending"), [(2, 2, 1), (1, 1, 1), (3, 2, 2), (3, 3, 1)]
)
def test_a_copy_into_an_operand_in_flight(buffers, ahead, pending):
    (what,) = found(loop(buffers, ahead, pending))
    assert "cp.async" in what
    assert what.endswith("overwrites an operand of a product in flight")


@pytest.mark.parametrize(("buffers", "ahead", "pending"), [(3, 2, 1), (2, 2, 0)])
def test_other_warps_know_only_after_a_barrier_that_a_product_is_done(buffers, ahead, pending):
    (what,) = found(loop(buffers, ahead, pending, barrier=""))
    assert what.endswith("overwrites what was read since the last barrier")


def test_copies_into_a_buffer_that_is_still_being_filled():
    assert any(w.endswith("writes where a copy is in flight") for w in found(loop(2, 3, 0)))


def test_a_product_of_what_is_still_being_copied():
    early = loop(3, 2, 1).replace("cp.async.wait_group 1", "cp.async.wait_group 2")
    assert found(early)[0].endswith("reads what is being copied")
    unseen = loop(3, 2, 1).replace("bar.sync 0;", "", 1)
    assert found(unseen)[0].endswith("reads what was written since the last barrier")


def test_a_product_of_what_was_stored_without_a_fence():
    assert found(loop(3, 2, 1, fence=""))[0].endswith("no fence gave over to products")


def straight(*lines):
    return ".visible .entry kernel(\n)\n{\nmov.u32 %r1, %tid.x;\n" + "\n".join(lines) + "\nret;\n}"


STORE, BARRIER = "shl.b32 %r2, %r1, 2;\nst.shared.b32 [%r2], %r9;", "bar.sync 0;"
LOAD = "xor.b32 %r3, %r2, {};\nld.shared.b32 %r4, [%r3+0];"


@pytest.mark.parametrize("distance", [4, 128])  # in bytes: to another lane, to another warp
@pytest.mark.parametrize("barrier", ["", BARRIER])
def test_loads_of_what_another_warp_stored(distance, barrier):
    ptx = straight(STORE, barrier, LOAD.format(distance))
    assert bool(found(ptx)) == (distance == 128 and not barrier)


def test_bytes_side_by_side_are_no_race():
    """Of lane 0 of each warp: its own byte of a word that all four have."""
    lanes = "and.b32 %r5, %r1, 31;\nsetp.eq.s32 %p1, %r5, 0;\nshr.u32 %r6, %r1, 5;"
    assert found(straight(lanes, "@%p1 st.shared.b8 [%r6], %rs1;\nld.shared.b8 %rs2, [%r6];")) == []


def test_stores_where_another_warp_loaded():
    ptx = straight(STORE, BARRIER, LOAD.format(128), "st.shared.b32 [%r2], %r9;")
    (what,) = found(ptx)
    assert what.endswith("overwrites what was read since the last barrier")


@pytest.mark.parametrize(
    "lines",
    [
        ("ld.shared.b32 %r2, [%r1];", "ld.shared.b32 %r3, [%r2];"),  # a place from memory
        ("mul.f32 %r2, %r1, %r1;", "ld.shared.b32 %r3, [%r2];"),
        ("setp.lt.s32 %p1, %r1, 64;", "@%p1 bra $L__BB0_1;", "bar.sync 0;", "$L__BB0_1:"),
        ("mbarrier.init.shared::cta.b64 [%r1], 1;",),
        ("bar.sync 1, 64;",),
        ("$L__BB0_1:", "bra $L__BB0_1;"),
    ],
    ids=("address", "float", "parting", "mbarrier", "part of the warps", "endless"),
)
def test_what_is_not_understood_is_said(lines):
    with pytest.raises(NotImplementedError):
        found(straight(*lines))


def product(shape, flags, a, b):
    """The bytes of its operands."""
    text = f"wgmma.mma_async.sync.aligned.{shape} {{%r9}}, %rd1, %rd2, %p1, 1, 1, {flags};"
    (event,) = events(straight(f"mov.b64 %rd1, {a};", f"mov.b64 %rd2, {b};", text), 128, {})
    return operands(event)


@pytest.mark.parametrize(
    ("shape", "flags", "descriptors", "size"),
    [
        # 64 rows of 64 halves along K in one swizzled row of 128 bytes, of which a quarter is read.
        ("m64n64k16.f32.bf16.bf16", "0, 0", (1 << 62 | 64 << 32, 1 << 62 | 64 << 32), 8192),
        # 16 steps of K as rows of 64 halves, and of 16 halves.
        ("m64n16k16.f32.f16.f16", "1, 1", (1 << 62 | 64 << 32, 3 << 62 | 16 << 32), 2048),
        ("m64n32k8.f32.tf32.tf32", "", (3 << 62 | 16 << 32, 3 << 62 | 16 << 32), 2048),
    ],
    ids=("along K", "across", "tf32"),
)
def test_operands_of_products(shape, flags, descriptors, size):
    found = product(shape, flags, *(d + (i << 10) for i, d in enumerate(descriptors)))
    assert np.array_equal(found[found < 16384], np.arange(size))
    assert found[found >= 16384].min() == 16384


def test_an_operand_that_begins_within_a_row_is_that_row():
    """As the second of two warp groups has it, of 32 columns of 64 each."""
    whole = 1 << 62 | 64 << 32
    shape, flags = "m64n32k16.f32.bf16.bf16", "0, 1"
    assert np.array_equal(*(product(shape, flags, whole, d) for d in (whole, whole + (64 >> 4))))
