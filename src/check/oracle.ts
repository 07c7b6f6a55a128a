// The specification: what a context is, written down as plainly as possible and without a look at its code.
import { Errno, POLLERR, POLLIN, POLLRDNORM } from '../abi/index.ts';
import type { Fingerprint } from './fingerprint.ts';
import { Judge, type Blame } from './judge.ts';
import { Kind, kindOf, label, labelsOf, labelsText, onTheWire, sizeOf, valueOf, type Label } from './labels.ts';

export interface OracleOptions {
  readonly pe: number;
  /** Events that one read may return. */
  readonly most: number;
  /** An event whose copy failed stays. */
  readonly keep: boolean;
  /** Whether events that a driver gave away survive new ops: those of the pull form do, in the fetch form it has them back. */
  readonly survives: boolean;
}

/** A set, two lists and two values, from which the next read is worked out anew each time. */
export class Oracle extends Judge {
  readonly #options: OracleOptions;
  survives: boolean;
  readonly interrupts: Set<number> = new Set();
  #driver: Label[] = [];
  #fault: Label | undefined;
  #error: Label | undefined;
  /** What was put back, in order; what is not injected is still in its own place too. */
  #back: Label[] = [];
  /** In a reader's hands. */
  #taken: Label[] = [];
  override last: Label[] | undefined;
  #drained = false;
  /** The driver broke its promise: until it posts, only what it has given away counts. */
  aside = false;
  /** How many events the core has fetched and no reader has, in the fetch form. */
  held = 0;
  /** Serial numbers of the driver's events that reached a reader. */
  readonly arrivedValues: Set<number> = new Set();
  /** How many diagnostics there must have been. */
  complaints = 0;
  #saidLost = false;

  constructor(blame: Blame, options: OracleOptions) {
    super(blame);
    this.#options = options;
    this.survives = options.survives;
  }

  // ---- what happens ------------------------------------------------------------------------------------------------

  override interrupt(number: number): void {
    if (this.closed) return;
    this.interrupts.add(number);
    this.changed();
  }

  override fault(address: number): void {
    if (this.closed) return;
    this.#fault = label(Kind.fault, address);
    this.changed();
  }

  override error(code: number): void {
    if (this.closed) return;
    if (this.#error === undefined) {
      this.#error = label(Kind.error, code);
      this.#saidLost = false;
      this.changed();
    } else {
      if (!this.#saidLost) this.complaints++;
      this.#saidLost = true;
    }
  }

  /** Whether it counts. */
  override post(value: number): boolean {
    if (this.#drained) return false;
    this.#driver.push(label(Kind.driver, value));
    this.aside = false;
    this.changed();
    return true;
  }

  /** The driver asks to be asked again. */
  override nudge(): void {
    if (!this.#drained) this.aside = false;
    this.disturbances++;
  }

  override inject(value: number): void {
    if (this.closed) return;
    this.#back.push(label(Kind.injected, value));
    this.changed();
  }

  replaceDriver(survives: boolean): void {
    if (!this.survives) this.#back = this.#back.filter(event => !isDrivers(event));
    this.#back = this.#back.map(event => (isDrivers(event) ? label(Kind.injected, valueOf(event)) : event));
    this.#driver = [];
    this.survives = survives;
    this.aside = false;
    this.held = 0;
    this.disturbances++;
  }

  /** A callback went wrong: one diagnostic, and what the driver has not given away waits until it posts. */
  brokeItsPromise(): void {
    this.aside = true;
    this.complaints++;
    this.disturbances++;
  }

  /** The driver has lost all that it did not give away. */
  lostByDriver(): void {
    this.#driver.length = this.#givenAway;
  }

  /** The driver has lost its oldest event that it did not give away. */
  lostOldest(): void {
    this.#driver.splice(this.#givenAway, 1);
  }

  get #givenAway(): number {
    return Math.max(this.held, this.#back.filter(event => kindOf(event) === Kind.driver).length);
  }

  // ---- what follows ------------------------------------------------------------------------------------------------

  /** What a read of at most `most` events in `room` bytes gives now. */
  next(most: number = this.#options.most, room: number = Infinity): Label[] {
    const back = this.#back.map(event => (kindOf(event) === Kind.fault ? this.#fault! : event));
    const backDrivers = back.filter(event => kindOf(event) === Kind.driver).length;
    const driver = (this.aside ? this.#driver.slice(0, this.#givenAway) : this.#driver).slice(backDrivers);
    const irqs = [...this.interrupts].sort((a, b) => a - b).map(number => label(Kind.interrupt, number));
    const generic = [...irqs, this.#fault, this.#error].filter(event => event !== undefined);
    const all = [...back, ...driver, ...generic.filter(event => !back.includes(event))];
    const given: Label[] = [];
    let left = room;
    for (const event of all) {
      left -= sizeOf(event);
      if (left < 0 || given.length === most) break;
      given.push(event);
    }
    return given;
  }

  get pending(): boolean {
    if (this.#back.length > 0 || this.interrupts.size > 0 || this.#fault !== undefined || this.#error !== undefined) {
      return true;
    }
    return this.#driver.length > (this.aside ? this.#driver.length - this.#givenAway : 0);
  }

  override get ready(): boolean {
    return !this.off && (this.closed || !this.link || this.pending);
  }

  get drained(): boolean {
    return this.#drained;
  }

  override polled(who: string, mask: number): void {
    const { pending } = this;
    if (this.off) return;
    const right = !this.link ? POLLERR : pending ? POLLIN | POLLRDNORM : this.closed ? POLLERR : 0;
    if (this.link && !pending && this.closed) this.#drained = true;
    if (mask === right) return;
    const what = `poll told ${who} ${maskText(mask)}, not ${maskText(right)}`;
    if ((mask & POLLIN) !== 0) this.blame('C1', `${what}: the next read gives nothing`);
    else if (right !== POLLERR) this.blame('C2', `${what}: ${labelsText(this.next(1))} is pending`);
    else this.blame('C5', `${what}: the context is CLOSED or its link is down`);
  }

  override given(who: string, bytes: Uint8Array, offset: number, size: number, room: number): void {
    const events = size <= room ? labelsOf(bytes, offset, size, this.#options.pe) : undefined;
    const right = this.link ? this.next(this.#options.most, room) : [];
    this.#taken = right;
    this.last = events;
    if (!events) this.blame('C8', `read gave ${who} ${size} bytes, which are not whole events in ${room}`);
    else if (!same(events, right.map(onTheWire)))
      this.#wrong(who, `${labelsText(events)}, not ${labelsText(right)}`, events.length);
  }

  override arrived(): void {
    const taken = this.#taken.splice(0);
    this.#back.splice(0, taken.length);
    for (const event of taken) this.#forget(event);
    this.disturbances++;
  }

  override failed(): void {
    const taken = this.#taken.splice(0);
    if (!this.#options.keep) {
      this.#taken = taken;
      this.arrived();
      return;
    }
    // What was back already stays where it was; the rest comes behind it.
    this.#back.splice(0, taken.length, ...taken);
    this.changed();
  }

  #forget(event: Label): void {
    const kind = kindOf(event);
    if (kind === Kind.interrupt) this.interrupts.delete(valueOf(event));
    else if (kind === Kind.fault) this.#fault = undefined;
    else if (kind === Kind.error) this.#error = undefined;
    else if (kind === Kind.driver) {
      this.#driver.shift();
      this.arrivedValues.add(valueOf(event));
      if (this.held > 0) this.held--;
    }
  }

  override refused(who: string, errno: number, room: number): void {
    if (this.off) return;
    const right = this.#errno(room);
    if (this.link && !this.pending && this.closed && room >= 4096) this.#drained = true;
    if (errno === right) return;
    const what = `read told ${who} ${errnoText(errno)}, not ${errnoText(right)}`;
    if (right === 0) this.#wrong(who, `${errnoText(errno)}, not ${labelsText(this.next())}`, 0);
    else if (right === Errno.EIO || errno === Errno.EIO) this.blame('C5', what);
    else this.blame(room < 4096 || right === Errno.EMSGSIZE ? 'C8' : 'C3', what);
  }

  /** What a read that gets no event is told; 0: there is nothing yet, or there is an event. */
  #errno(room: number): number {
    if (!this.link) return Errno.EIO;
    if (room < 4096) return Errno.EINVAL;
    if (!this.pending) return this.closed ? Errno.EIO : Errno.EAGAIN;
    return this.next(1, room).length === 0 ? Errno.EMSGSIZE : 0;
  }

  #wrong(who: string, what: string, given: number): void {
    const lost = this.#back.length > 0 && given <= this.next().length;
    this.blame(lost ? 'C4' : 'C3', `read gave ${who} ${what}`);
  }

  override text(given: unknown): string {
    return given ? labelsText(given as Label[]) : 'bytes that are no events';
  }

  override fingerprint(into: Fingerprint): void {
    let bits = 0;
    for (const number of this.interrupts) bits |= 1 << (number & 31);
    into.add(bits);
    into.add(this.#fault ?? 0);
    into.add(this.#error ?? 0);
    const flags = [this.closed, this.link, this.#drained, this.aside, this.survives, this.#saidLost];
    into.add(flags.reduce((sum, flag, index) => sum | (Number(flag) << index), this.held << 8));
    into.add(this.#driver.length);
    for (const event of this.#driver) into.add(event);
    into.add(this.#back.length);
    for (const event of this.#back) into.add(event);
  }

  override belief(): string {
    const state = [this.closed ? 'CLOSED' : '', this.link ? '' : 'no link', this.aside ? 'driver set aside' : ''];
    return [`pending: ${labelsText(this.next(Infinity))}`, ...state.filter(text => text !== '')].join(', ');
  }
}

function isDrivers(event: Label): boolean {
  return kindOf(event) === Kind.driver;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

export function maskText(mask: number): string {
  if (mask === 0) return 'nothing (0)';
  if (mask === (POLLIN | POLLRDNORM)) return 'POLLIN';
  return mask === POLLERR ? 'POLLERR' : `0x${mask.toString(16)}`;
}

const errnos: ReadonlyMap<number, string> = new Map(Object.entries(Errno).map(([name, number]) => [number, name]));

export function errnoText(errno: number): string {
  return errno === 0 ? 'an event' : (errnos.get(errno) ?? `errno ${errno}`);
}
