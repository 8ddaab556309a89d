"""The native part of the thread pool, as LLVM IR: dealing chunks, spinning and sleeping.

A list is an array of steps (kernel, arguments, number of chunks), 24 bytes each.  The pool's block
holds one word for what is to be done: the step's number in the upper half, how many of its chunks
nobody has claimed yet in the lower.  A thread claims a chunk by counting the word down; while a
claim is open the step cannot end, so the list that it reads is alive.  The thread that completes
a step's last chunk starts the next step.  So a step waits only for chunks that are running, never
for a thread that has not arrived: a core taken away by another process costs one chunk, not half.
Steps of one chunk run at once on the thread that reaches them.
"""

from __future__ import annotations

WORD, STOP, COMPLETED, STEPS, COUNT = 0, 8, 128, 256, 264
FINISHED, SLEEPERS, TICKET = 384, 512, 640
SCRATCH, PATIENCE, YIELD, SYSTEM_CALL, FUTEX = 768, 776, 784, 792, 800
BLOCK_BYTES = 1024

_PAUSES = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}
# pauses before other threads are let run: a caller may wait for one that has lost its core to it,
# a worker is wanted again soon
_CALLER_SPINS, _WORKER_SPINS = 4000, 80_000


def runtime_text(architecture: str) -> str:
    """The IR of `run_serial`, `run_shared` and `worker` for a processor architecture."""
    declaration, pause = _PAUSES.get(architecture, ("", ""))
    places = {name: value for name, value in globals().items() if name.isupper()}
    text = _TEXT.replace("$declaration", declaration).replace("$pause", pause)
    text = text.replace("$caller", str(_CALLER_SPINS)).replace("$worker", str(_WORKER_SPINS))
    for name in sorted(places, key=len, reverse=True):
        text = text.replace(f"${name}", f"getelementptr i8, ptr %pool, i64 {places[name]}")
    return text


_TEXT = """
$declaration

define internal void @run_chunk(ptr %step, i64 %chunk, ptr %scratch) nounwind {
  %kernel = load ptr, ptr %step
  %place = getelementptr i8, ptr %step, i64 8
  %arguments = load ptr, ptr %place
  call void %kernel(ptr %arguments, i64 %chunk, ptr %scratch)
  ret void
}

define internal i64 @chunks_of(ptr %step) nounwind {
  %place = getelementptr i8, ptr %step, i64 16
  %chunks = load i64, ptr %place
  ret i64 %chunks
}

; A list on the calling thread alone.
define void @run_serial(ptr %steps, i64 %count, ptr %scratch) nounwind {
entry:
  br label %outer
outer:
  %s = phi i64 [0, %entry], [%s1, %done]
  %more = icmp slt i64 %s, %count
  br i1 %more, label %begin, label %end
begin:
  %offset = mul i64 %s, 24
  %step = getelementptr i8, ptr %steps, i64 %offset
  %chunks = call i64 @chunks_of(ptr %step)
  br label %inner
inner:
  %c = phi i64 [0, %begin], [%c1, %body]
  %left = icmp slt i64 %c, %chunks
  br i1 %left, label %body, label %done
body:
  call void @run_chunk(ptr %step, i64 %c, ptr %scratch)
  %c1 = add i64 %c, 1
  br label %inner
done:
  %s1 = add i64 %s, 1
  br label %outer
end:
  ret void
}

define internal void @wake(ptr %pool) nounwind {
entry:
  %futex.p = $FUTEX
  %futex = load i64, ptr %futex.p
  %here = icmp ne i64 %futex, 0
  br i1 %here, label %count, label %end
count:
  %sleepers.p = $SLEEPERS
  %sleepers = load atomic i64, ptr %sleepers.p seq_cst, align 8
  %any = icmp sgt i64 %sleepers, 0
  br i1 %any, label %call, label %end
call:
  %ticket = $TICKET
  %old = atomicrmw add ptr %ticket, i32 1 seq_cst
  %system.p = $SYSTEM_CALL
  %system = load ptr, ptr %system.p
  %r = call i64 (i64, ...) %system(i64 %futex, ptr %ticket, i32 129, i32 2147483647)
  br label %end
end:
  ret void
}

; Run steps of one chunk from this one on, then publish the next with several, or finish.
define internal void @advance(ptr %pool, i64 %first, ptr %scratch) nounwind {
entry:
  %steps.p = $STEPS
  %steps = load ptr, ptr %steps.p
  %count.p = $COUNT
  %count = load i64, ptr %count.p
  br label %next
next:
  %s = phi i64 [%first, %entry], [%s1, %one], [%s1, %look]
  %s1 = add i64 %s, 1
  %more = icmp slt i64 %s, %count
  br i1 %more, label %inspect, label %finish
inspect:
  %offset = mul i64 %s, 24
  %step = getelementptr i8, ptr %steps, i64 %offset
  %chunks = call i64 @chunks_of(ptr %step)
  %many = icmp sgt i64 %chunks, 1
  br i1 %many, label %publish, label %look
look:
  %single = icmp eq i64 %chunks, 1
  br i1 %single, label %one, label %next
one:
  call void @run_chunk(ptr %step, i64 0, ptr %scratch)
  br label %next
publish:
  %completed.p = $COMPLETED
  store atomic i64 0, ptr %completed.p monotonic, align 8
  %high = shl i64 %s, 32
  %word = or i64 %high, %chunks
  %word.p = $WORD
  %old = atomicrmw xchg ptr %word.p, i64 %word seq_cst
  call void @wake(ptr %pool)
  ret void
finish:
  %finished.p = $FINISHED
  store atomic i64 1, ptr %finished.p release, align 8
  ret void
}

; Claim a chunk and run it; false if there was none to claim.
define internal i1 @take(ptr %pool, i64 %thread) nounwind {
entry:
  %word.p = $WORD
  %word = load atomic i64, ptr %word.p acquire, align 8
  %left = and i64 %word, 4294967295
  %none = icmp eq i64 %left, 0
  br i1 %none, label %nothing, label %claim
claim:
  %fewer = sub i64 %word, 1
  %swap = cmpxchg ptr %word.p, i64 %word, i64 %fewer acq_rel monotonic
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %run, label %something
run:
  %steps.p = $STEPS
  %steps = load ptr, ptr %steps.p
  %table.p = $SCRATCH
  %table = load ptr, ptr %table.p
  %entry.p = getelementptr ptr, ptr %table, i64 %thread
  %scratch = load ptr, ptr %entry.p
  %s = lshr i64 %word, 32
  %offset = mul i64 %s, 24
  %step = getelementptr i8, ptr %steps, i64 %offset
  %chunks = call i64 @chunks_of(ptr %step)
  %chunk = sub i64 %chunks, %left
  call void @run_chunk(ptr %step, i64 %chunk, ptr %scratch)
  %completed.p = $COMPLETED
  %before = atomicrmw add ptr %completed.p, i64 1 acq_rel
  %after = add i64 %before, 1
  %last = icmp eq i64 %after, %chunks
  br i1 %last, label %onward, label %something
onward:
  %s1 = add i64 %s, 1
  call void @advance(ptr %pool, i64 %s1, ptr %scratch)
  br label %something
something:
  ret i1 true
nothing:
  ret i1 false
}

; Wait a little: pause at first, then let other threads run.
define internal void @idle(ptr %pool, i64 %spins, i64 %quick) nounwind {
entry:
  $pause
  %long = icmp sgt i64 %spins, %quick
  br i1 %long, label %yield, label %end
yield:
  %yield.p = $YIELD
  %function = load ptr, ptr %yield.p
  %there = icmp ne ptr %function, null
  br i1 %there, label %call, label %end
call:
  %r = call i32 %function()
  br label %end
end:
  ret void
}

; A list on all threads; returns when it is done.
define void @run_shared(ptr %pool, ptr %steps, i64 %count) nounwind {
entry:
  %steps.p = $STEPS
  store ptr %steps, ptr %steps.p
  %count.p = $COUNT
  store i64 %count, ptr %count.p
  %finished.p = $FINISHED
  store atomic i64 0, ptr %finished.p monotonic, align 8
  %table.p = $SCRATCH
  %table = load ptr, ptr %table.p
  %scratch = load ptr, ptr %table
  call void @advance(ptr %pool, i64 0, ptr %scratch)
  br label %check
check:
  %spins = phi i64 [0, %entry], [%spins, %busy], [%spins1, %wait]
  %finished = load atomic i64, ptr %finished.p acquire, align 8
  %done = icmp ne i64 %finished, 0
  br i1 %done, label %end, label %busy
busy:
  %some = call i1 @take(ptr %pool, i64 0)
  br i1 %some, label %check, label %wait
wait:
  %spins1 = add i64 %spins, 1
  call void @idle(ptr %pool, i64 %spins1, i64 $caller)
  br label %check
end:
  ret void
}

; A worker's life: 0 when told to stop, 1 to sleep in Python where there is no futex.
define i64 @worker(ptr %pool, i64 %thread) nounwind {
entry:
  %stop.p = $STOP
  %word.p = $WORD
  %patience.p = $PATIENCE
  %futex.p = $FUTEX
  %ticket = $TICKET
  %sleepers.p = $SLEEPERS
  br label %check
check:
  %spins = phi i64 [0, %entry], [0, %busy], [%spins1, %wait], [0, %awake]
  %stop = load atomic i64, ptr %stop.p acquire, align 8
  %stopped = icmp ne i64 %stop, 0
  br i1 %stopped, label %leave, label %busy
busy:
  %some = call i1 @take(ptr %pool, i64 %thread)
  br i1 %some, label %check, label %tired
tired:
  %spins1 = add i64 %spins, 1
  %patience = load i64, ptr %patience.p
  %long = icmp sgt i64 %spins1, %patience
  br i1 %long, label %sleep, label %wait
wait:
  call void @idle(ptr %pool, i64 %spins1, i64 $worker)
  br label %check
sleep:
  %futex = load i64, ptr %futex.p
  %here = icmp ne i64 %futex, 0
  br i1 %here, label %announce, label %python
announce:
  %o1 = atomicrmw add ptr %sleepers.p, i64 1 seq_cst
  %now = load atomic i32, ptr %ticket seq_cst, align 4
  %word = load atomic i64, ptr %word.p seq_cst, align 8
  %left = and i64 %word, 4294967295
  %stop2 = load atomic i64, ptr %stop.p seq_cst, align 8
  %reason = or i64 %left, %stop2
  %calm = icmp eq i64 %reason, 0
  br i1 %calm, label %call, label %awake
call:
  %system.p = $SYSTEM_CALL
  %system = load ptr, ptr %system.p
  %r = call i64 (i64, ...) %system(i64 %futex, ptr %ticket, i32 128, i32 %now, ptr null)
  br label %awake
awake:
  %o2 = atomicrmw sub ptr %sleepers.p, i64 1 seq_cst
  br label %check
python:
  ret i64 1
leave:
  ret i64 0
}

define void @wake_all(ptr %pool) nounwind {
  call void @wake(ptr %pool)
  ret void
}
"""
