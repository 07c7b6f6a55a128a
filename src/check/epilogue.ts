// The end of every path: whoever sleeps can still be woken, what is pending is read in its order, nothing is left behind.
import { Errno } from '../abi/index.ts';
import { CxlError } from '../core/index.ts';
import { takeForRead } from '../file/index.ts';
import { errnoOf } from './doors/core.ts';
import { ReadCall } from './doors/port.ts';
import { maskText } from './oracle.ts';
import type { Slot } from './slot.ts';
import { Witness } from './witness.ts';
import type { World } from './world.ts';

const ROOM = 8192;
const buffer = new Uint8Array(ROOM);

export function finish(world: World): void {
  if (world.aborted) return;
  world.serveAll();
  if (!world.linkUp) {
    for (const { opens, judge } of world.slots) if (opens > 0) judge.link = true;
    world.adapter.restoreLink();
  }
  for (const slot of world.slots) {
    if (!slot.open) continue;
    if (slot.judge instanceof Witness) probe(slot);
    drain(slot);
    if (world.settle || world.violation) continue;
    if (slot.context.status === 'STARTED') {
      slot.judge.interrupt(1);
      slot.context.raiseInterrupt(1);
      world.look();
      drain(slot);
    }
  }
  if (world.violation || world.settle) return;
  for (const slot of world.slots) {
    if (!slot.open) continue;
    for (const reader of slot.readers) reader.leave();
    world.serveAll();
    world.close(slot);
  }
  world.look();
  if (world.setup.user) return;
  for (const { context, blame } of world.slots) {
    const { raised, coalesced, delivered, dropped } = context.counters;
    if (raised !== coalesced + delivered + dropped) {
      blame(
        'C3',
        `${raised} events were raised, but ${coalesced} coalesced, ${delivered} delivered, ${dropped} dropped`,
      );
    }
  }
  leftBehind(world);
}

/** Whoever sleeps sleeps rightly: nothing is there for it. */
function probe(slot: Slot): void {
  const sleeper = slot.readers.find(reader => reader.asleep);
  if (!sleeper) return;
  const mask = slot.context.poll();
  if (mask === 0) return;
  slot.blame('C2', `${sleeper.name} sleeps and nobody has woken it, though poll(2) would say ${maskText(mask)} now`);
}

/** Reads all that is pending, past every door. */
function drain(slot: Slot): void {
  const { context, judge } = slot;
  for (let count = 0; count < 64; count++) {
    const call = new ReadCall('the last reader', judge, { nonblocking: true, doomed: false, room: ROOM });
    let size = 0;
    try {
      size = takeForRead(context, buffer, 0, ROOM);
    } catch (error) {
      call.refuse(errnoOf(error));
      return;
    }
    if (size === 0) {
      call.refuse(Errno.EAGAIN);
      if (judge instanceof Witness) judge.drained();
      return;
    }
    call.give(buffer, 0, size);
    context.commit();
  }
  slot.blame('C3', 'events come without end');
}

/** After the last close: interrupts, process elements and module references are all given back. */
function leftBehind(world: World): void {
  const { afu, adapter } = world;
  const module = afu.driver;
  if (module?.state === 'live') {
    try {
      module.unload();
      afu.bindDriver(undefined);
    } catch (error) {
      if (!(error instanceof CxlError)) throw error;
      world.blame('C6', `after every last close: ${error.message}`);
      return;
    }
  }
  const context = afu.openContext();
  if (context.pe !== 0) world.blame('C6', `after every last close process element ${context.pe} is the lowest free`);
  try {
    context.start({ wed: 0n, amr: 0n, interrupts: adapter.userIrqs, mmioErrorsAllOnes: false, pid: 0 });
  } catch (error) {
    world.blame('C6', `after every last close not all interrupts are free: ${String(error)}`);
  }
  context.release();
}
