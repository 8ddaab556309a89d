"""The native part of the thread pool, as LLVM IR: dealing chunks, spinning and sleeping.

A list is an array of steps (kernel, arguments, number of chunks), 24 bytes each.  The pool's block
holds one word for what is to be done: the step's number in the upper half, how many of its chunks
nobody has claimed yet in the lower.  A thread claims a chunk by counting the word down; while a
claim is open the step cannot end, so the list that it reads is alive.  The thread that completes
a step's last chunk starts the next step.  So a step waits only for chunks that are running, never
for a thread that has not arrived: a core taken away by another process costs one chunk, not half.
Steps of one chunk run at once on the thread that reaches them.

Between two steps of which the first `limit` may be broken off, a list that has run for about ten
milliseconds stops, so that Python can look for an interrupt and go on from where it stopped.  With
a record (32 bytes for each thread and step) the first begin, the last end, the time in between
spent in chunks, and their number are noted, in ticks of the processor's counter.
"""

from __future__ import annotations

WORD, STOP, COMPLETED, STEPS, COUNT = 0, 8, 128, 256, 264
LIMIT, DEADLINE, RECORD, REACHED = 272, 280, 288, 392
FINISHED, SLEEPERS, TICKET = 384, 512, 640
SCRATCH, PATIENCE, YIELD, SYSTEM_CALL, FUTEX = 768, 776, 784, 792, 800
BLOCK_BYTES = 1024

_PAUSES = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}
_NO_CLOCK = "", "add i64 0, 0"
_CLOCKS = {
    "x86_64": ("declare i64 @llvm.readcyclecounter()", "call i64 @llvm.readcyclecounter()"),
    "aarch64": (
        'declare i64 @llvm.read_volatile_register.i64(metadata)\n!0 = !{!"cntvct_el0"}',
        "call i64 @llvm.read_volatile_register.i64(metadata !0)",
    ),
}
# how many ticks a list runs before Python may look for an interrupt: 8 to 16 ms where the counter
# goes with the processor's clock; on ARM, where its speed is anything, 0.3 to 11 ms
_PATIENT_TICKS = {"x86_64": 1 << 25, "aarch64": 1 << 18}
# pauses before other threads are let run: a caller may wait for one that has lost its core to it,
# a worker is wanted again soon
_CALLER_SPINS, _WORKER_SPINS = 4000, 80_000


def runtime_text(architecture: str) -> str:
    """The IR of the functions that `pool.Runtime` names, for a processor architecture."""
    declaration, pause = _PAUSES.get(architecture, ("", ""))
    counter, clock = _CLOCKS.get(architecture, _NO_CLOCK)
    patience = _PATIENT_TICKS.get(architecture, 1)
    places = {name: value for name, value in globals().items() if name.isupper()}
    text = _TEXT.replace("$declaration", declaration).replace("$pause", pause)
    text = text.replace("$caller", str(_CALLER_SPINS)).replace("$worker", str(_WORKER_SPINS))
    text = text.replace("$counter", counter).replace("$patience", str(patience))
    text = text.replace("$clock", clock)
    for name in sorted(places, key=len, reverse=True):
        text = text.replace(f"${name}", f"getelementptr i8, ptr %pool, i64 {places[name]}")
    return text


_TEXT = """
$declaration
$counter

define i64 @ticks() nounwind {
  %now = $clock
  ret i64 %now
}

; One chunk of a step; `record` is where its times go, or null.
define internal void @run_chunk(ptr %step, i64 %chunk, ptr %scratch, ptr %record) nounwind {
entry:
  %kernel = load ptr, ptr %step
  %place = getelementptr i8, ptr %step, i64 8
  %arguments = load ptr, ptr %place
  %plain = icmp eq ptr %record, null
  br i1 %plain, label %untimed, label %timed
untimed:
  call void %kernel(ptr %arguments, i64 %chunk, ptr %scratch)
  ret void
timed:
  %begin = call i64 @ticks()
  call void %kernel(ptr %arguments, i64 %chunk, ptr %scratch)
  %end = call i64 @ticks()
  %end.p = getelementptr i8, ptr %record, i64 8
  %busy.p = getelementptr i8, ptr %record, i64 16
  %number.p = getelementptr i8, ptr %record, i64 24
  %number = load i64, ptr %number.p
  %first = icmp eq i64 %number, 0
  %earlier = load i64, ptr %record
  %since = select i1 %first, i64 %begin, i64 %earlier
  store i64 %since, ptr %record
  store i64 %end, ptr %end.p
  %length = sub i64 %end, %begin
  %before = load i64, ptr %busy.p
  %busy = add i64 %before, %length
  store i64 %busy, ptr %busy.p
  %number1 = add i64 %number, 1
  store i64 %number1, ptr %number.p
  ret void
}

; Where a thread notes the times of a step; null if nobody asked.
define internal ptr @record_of(ptr %records, i64 %thread, i64 %count, i64 %s) nounwind {
entry:
  %none = icmp eq ptr %records, null
  br i1 %none, label %end, label %find
find:
  %row = mul i64 %thread, %count
  %index = add i64 %row, %s
  %offset = mul i64 %index, 32
  %place = getelementptr i8, ptr %records, i64 %offset
  br label %end
end:
  %record = phi ptr [null, %entry], [%place, %find]
  ret ptr %record
}

define internal i64 @chunks_of(ptr %step) nounwind {
  %place = getelementptr i8, ptr %step, i64 16
  %chunks = load i64, ptr %place
  ret i64 %chunks
}

; A list from step `first` on the calling thread alone; gives the step that it reached.
define i64 @run_serial(
    ptr %steps, i64 %first, i64 %count, i64 %limit, ptr %scratch, ptr %records) nounwind {
entry:
  %started = call i64 @ticks()
  %deadline = add i64 %started, $patience
  br label %outer
outer:
  %s = phi i64 [%first, %entry], [%s1, %next]
  %more = icmp slt i64 %s, %count
  br i1 %more, label %begin, label %end
begin:
  %offset = mul i64 %s, 24
  %step = getelementptr i8, ptr %steps, i64 %offset
  %chunks = call i64 @chunks_of(ptr %step)
  %record = call ptr @record_of(ptr %records, i64 0, i64 %count, i64 %s)
  br label %inner
inner:
  %c = phi i64 [0, %begin], [%c1, %body]
  %left = icmp slt i64 %c, %chunks
  br i1 %left, label %body, label %done
body:
  call void @run_chunk(ptr %step, i64 %c, ptr %scratch, ptr %record)
  %c1 = add i64 %c, 1
  br label %inner
done:
  %s1 = add i64 %s, 1
  %breakable = icmp slt i64 %s1, %limit
  br i1 %breakable, label %look, label %next
look:
  %now = call i64 @ticks()
  %late = icmp sgt i64 %now, %deadline
  br i1 %late, label %stop, label %next
next:
  br label %outer
stop:
  ret i64 %s1
end:
  ret i64 %count
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
define internal void @advance(ptr %pool, i64 %first, i64 %thread, ptr %scratch) nounwind {
entry:
  %limit.p = $LIMIT
  %limit = load i64, ptr %limit.p
  %deadline.p = $DEADLINE
  %deadline = load i64, ptr %deadline.p
  %records.p = $RECORD
  %records = load ptr, ptr %records.p
  %steps.p = $STEPS
  %steps = load ptr, ptr %steps.p
  %count.p = $COUNT
  %count = load i64, ptr %count.p
  br label %next
next:
  %s = phi i64 [%first, %entry], [%s1, %one], [%s1, %look]
  %s1 = add i64 %s, 1
  %breakable = icmp slt i64 %s, %limit
  br i1 %breakable, label %watch, label %go
watch:
  %now = call i64 @ticks()
  %late = icmp sgt i64 %now, %deadline
  br i1 %late, label %finish, label %go
go:
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
  %record = call ptr @record_of(ptr %records, i64 %thread, i64 %count, i64 %s)
  call void @run_chunk(ptr %step, i64 0, ptr %scratch, ptr %record)
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
  %reached.p = $REACHED
  store i64 %s, ptr %reached.p
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
  %count.p = $COUNT
  %count = load i64, ptr %count.p
  %records.p = $RECORD
  %records = load ptr, ptr %records.p
  %record = call ptr @record_of(ptr %records, i64 %thread, i64 %count, i64 %s)
  call void @run_chunk(ptr %step, i64 %chunk, ptr %scratch, ptr %record)
  %completed.p = $COMPLETED
  %before = atomicrmw add ptr %completed.p, i64 1 acq_rel
  %after = add i64 %before, 1
  %last = icmp eq i64 %after, %chunks
  br i1 %last, label %onward, label %something
onward:
  %s1 = add i64 %s, 1
  call void @advance(ptr %pool, i64 %s1, i64 %thread, ptr %scratch)
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

; A list from step `first` on all threads; gives the step that it reached.
define i64 @run_shared(
    ptr %pool, ptr %steps, i64 %first, i64 %count, i64 %limit, ptr %records) nounwind {
entry:
  %steps.p = $STEPS
  store ptr %steps, ptr %steps.p
  %count.p = $COUNT
  store i64 %count, ptr %count.p
  %limit.p = $LIMIT
  store i64 %limit, ptr %limit.p
  %records.p = $RECORD
  store ptr %records, ptr %records.p
  %started = call i64 @ticks()
  %deadline = add i64 %started, $patience
  %deadline.p = $DEADLINE
  store i64 %deadline, ptr %deadline.p
  %finished.p = $FINISHED
  store atomic i64 0, ptr %finished.p monotonic, align 8
  %table.p = $SCRATCH
  %table = load ptr, ptr %table.p
  %scratch = load ptr, ptr %table
  call void @advance(ptr %pool, i64 %first, i64 0, ptr %scratch)
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
  %reached.p = $REACHED
  %reached = load i64, ptr %reached.p
  ret i64 %reached
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
