// From a trace that leads to a violation to the shortest one.
import { explore, type Found } from './explorer.ts';
import type { System, SystemMaker, Violation } from './system.ts';

/** So many states, and milliseconds, may be spent on the proof that nothing shorter does it. */
const MOST_STATES = 300_000;
const MOST_MS = 10_000;

/** Does what can be done of a trace, in order; what was done, and the violation, if any. */
export async function attempt(
  make: SystemMaker,
  trace: readonly number[],
  ended: boolean,
  each: (system: System, action: number) => void = () => {},
): Promise<{ readonly trace: readonly number[]; readonly violation: Violation | undefined; readonly atEnd: boolean }> {
  const system = make();
  const done: number[] = [];
  for (const action of trace) {
    if ((system.enabled() & (1 << action)) === 0) continue;
    done.push(action);
    system.perform(action);
    if (system.settle) await system.settle();
    each(system, action);
    if (system.violation) return { trace: done, violation: system.violation, atEnd: false };
  }
  if (ended) {
    system.end();
    if (system.settle) await system.settle();
  }
  return { trace: done, violation: system.violation, atEnd: true };
}

export interface Shrunk extends Found {
  /** Nothing shorter leads to a violation: every shorter trace was tried. */
  readonly shortest: boolean;
}

/** The shortest trace to a violation of the same invariant: first what can be left out is left out, then all shorter ones are tried. */
export async function shrink(make: SystemMaker, found: Found): Promise<Shrunk> {
  return plain(make, await fewest(make, found));
}

async function fewest(make: SystemMaker, first: Found): Promise<Shrunk> {
  let best = await leaveOut(make, await onTheWay(make, first));
  const deadline = performance.now() + MOST_MS;
  for (let depth = 1; depth < best.trace.length; depth++) {
    const timeMs = deadline - performance.now();
    if (timeMs <= 0) return { ...best, shortest: false };
    const bounds = { depth, states: MOST_STATES, timeMs, endAll: best.atEnd, ends: best.atEnd };
    const { found: shorter, states } = await explore(make, bounds);
    if (shorter?.violation.invariant === best.violation.invariant) {
      best = await leaveOut(make, shorter);
      return { ...best, shortest: best.trace.length <= depth };
    }
    if (states >= MOST_STATES) return { ...best, shortest: false };
  }
  return { ...best, shortest: true };
}

/** What shows only at the end is told better where it shows on the way, by a trace that is hardly longer. */
async function onTheWay(make: SystemMaker, found: Found): Promise<Found> {
  if (!found.atEnd) return found;
  const { trace } = await leaveOut(make, found);
  for (let more = 0; more <= 3; more++) {
    const bounds = { depth: trace.length + more, states: 20_000, timeMs: 2000, ends: false };
    const { found: other } = await explore(make, bounds);
    if (other?.violation.invariant === found.violation.invariant) return other;
  }
  return found;
}

/** Of traces that are as short, the one with the more ordinary steps: those that come first in the table. */
async function plain(make: SystemMaker, shrunk: Shrunk): Promise<Shrunk> {
  let best = shrunk;
  for (let at = 0; at < best.trace.length; at++) {
    for (let action = 0; action < best.trace[at]!; action++) {
      const { trace, violation, atEnd } = await attempt(make, best.trace.with(at, action), best.atEnd);
      if (violation?.invariant !== best.violation.invariant || trace.length !== best.trace.length) continue;
      best = { ...best, trace, violation, atEnd };
      break;
    }
  }
  return best;
}

async function leaveOut(make: SystemMaker, found: Found): Promise<Found> {
  let best = found;
  for (let size = Math.ceil(best.trace.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.trace.length;) {
      const shorter = [...best.trace.slice(0, at), ...best.trace.slice(at + size)];
      const { trace, violation, atEnd } = await attempt(make, shorter, best.atEnd);
      if (violation?.invariant === best.violation.invariant && trace.length < best.trace.length) {
        best = { trace, violation, atEnd };
      } else at += size;
    }
  }
  return best;
}
