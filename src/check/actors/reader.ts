// Threads of programs that wait for events, each in one of the ways that there are.
import { Errno, POLLIN } from '../../abi/index.ts';
import { ReadCall, type Watcher } from '../doors/port.ts';
import type { Fingerprint } from '../fingerprint.ts';
import { errnoText, maskText } from '../oracle.ts';
import type { Slot } from '../slot.ts';
import { Actor } from './actor.ts';

/**
 * `blocking`: read(2) that sleeps. `nonblocking`: with O_NONBLOCK. `poll`: poll(2), then a read that must not block.
 * `epoll-lt`, `epoll-et`: epoll_wait(2), then reads, edge-triggered until EAGAIN; `epoll-once`: edge-triggered, but one read
 * for each report, which is right as long as the next event is reported too.
 */
export type ReaderKind = 'blocking' | 'nonblocking' | 'poll' | 'epoll-lt' | 'epoll-et' | 'epoll-once';

export interface ReaderSpec {
  readonly kind: ReaderKind;
  /** System calls that it begins, 1 to 15; what they were about is finished. */
  readonly calls: number;
  /** Reads whose copy to the reader fails. Default 0. */
  readonly doomed?: number | undefined;
  /** Signals that it gets in a read, which is then EINTR. Default 0. */
  readonly signals?: number | undefined;
  /** It may be killed in a read. Default false. */
  readonly killed?: boolean | undefined;
  /** Bytes that it reads at most; default 4096. */
  readonly room?: number | undefined;
  /** Which context it reads; default 0. */
  readonly slot?: number | undefined;
}

const kinds: readonly ReaderKind[] = ['blocking', 'nonblocking', 'poll', 'epoll-lt', 'epoll-et', 'epoll-once'];
const systemCalls: Readonly<Record<ReaderKind, string>> = {
  blocking: 'read(2)',
  nonblocking: 'read(2), O_NONBLOCK',
  poll: 'poll(2), then read(2)',
  'epoll-lt': 'epoll_wait(2), then read(2)',
  'epoll-et': 'epoll_wait(2) edge-triggered, then read(2)',
  'epoll-once': 'epoll_wait(2) edge-triggered, then one read(2)',
};

/** Where the thread is. */
type At = 'idle' | 'reading' | 'polling' | 'told' | 'dead';
const places: readonly At[] = ['idle', 'reading', 'polling', 'told', 'dead'];

export class Reader extends Actor implements Watcher {
  readonly name: string;
  readonly slot: Slot;
  readonly #kind: ReaderKind;
  readonly #room: number;
  #left: number;
  #doomed: number;
  #signals: number;
  #at: At = 'idle';
  #call: ReadCall | undefined;
  /** An answer to poll is on its way. */
  #asking = false;
  /** Asking is worth it: the epoll item is on the ready list, or poll(2) was woken. */
  #ready = true;
  /** What the context's judge had counted when the reader was told. */
  #toldAt = -1;
  #seenNews = 0;
  /** Of the last read that was done. */
  #result = 0;
  #got: unknown;

  constructor(name: string, slot: Slot, spec: ReaderSpec, footprint: number) {
    const verbs = [systemCalls[spec.kind]];
    if (spec.doomed) verbs.push('read(2) whose copy fails');
    if (spec.signals) verbs.push('gets a signal');
    if (spec.killed) verbs.push('is killed');
    super(verbs, footprint);
    this.name = name;
    this.slot = slot;
    this.#kind = spec.kind;
    this.#room = spec.room ?? 4096;
    this.#left = spec.calls;
    this.#doomed = spec.doomed ?? 0;
    this.#signals = spec.signals ?? 0;
    slot.readers.push(this);
  }

  override get outcome(): string {
    if (this.said !== '') return this.said;
    if (this.#result > 0) return `reads ${this.slot.judge.text(this.#got)}`;
    if (this.#result === -Errno.EFAULT) return `the copy of ${this.slot.judge.text(this.#got)} failed`;
    return `read(2) is ${errnoText(-this.#result)}`;
  }

  get who(): string {
    return this.name;
  }

  /** In a system call: the file cannot have its last close. */
  get inside(): boolean {
    return this.#at === 'reading' || this.#at === 'polling';
  }

  override can(verb: number): boolean {
    if (this.#at === 'dead' || !this.slot.open) return false;
    const what = this.verbs[verb]!;
    if (what === 'gets a signal') return this.#signals > 0 && this.#at === 'reading' && !this.#call!.disturbed;
    if (what === 'is killed') return this.#at === 'reading' && !this.#call!.disturbed;
    const reads = this.#at === 'told' || (this.#at === 'idle' && !this.#polls && this.#left > 0);
    if (verb > 0) return this.#doomed > 0 && reads;
    if (this.#at === 'reading') return this.#call!.state === 'woken';
    if (this.#at === 'polling') return !this.#asking && this.#ready;
    return reads || this.#left > 0;
  }

  get #polls(): boolean {
    return this.#kind !== 'blocking' && this.#kind !== 'nonblocking';
  }

  override act(verb: number): void {
    const what = this.verbs[verb]!;
    if (what === 'gets a signal') this.#disturbed('signal');
    else if (what === 'is killed') this.#disturbed('kill');
    else this.#goOn(verb > 0);
  }

  #disturbed(how: 'signal' | 'kill'): void {
    if (how === 'signal') this.#signals--;
    this.slot.port.disturb(this.#call!, how);
    this.said = 'it is on its way';
    this.#look();
    if (how === 'kill') {
      this.#left = 0;
      if (this.#at === 'idle') this.#at = 'dead';
    }
  }

  #goOn(doomed: boolean): void {
    this.said = '';
    if (this.#at === 'reading') this.slot.port.resume(this.#call!);
    else if (this.#at === 'polling') this.#ask();
    else if (this.#at === 'idle' && this.#polls) this.#wait();
    else this.#read(doomed);
    this.#look();
  }

  #read(doomed: boolean): void {
    if (doomed) this.#doomed--;
    if (this.#at === 'idle') this.#left--;
    const nonblocking = this.#kind !== 'blocking';
    this.#call = new ReadCall(this.name, this.slot.judge, { nonblocking, doomed, room: this.#room });
    this.#at = 'reading';
    this.slot.port.read(this.#call);
  }

  #wait(): void {
    this.#left--;
    this.#at = 'polling';
    if (this.#kind === 'poll') this.#ready = true;
    if (this.#ready) this.#ask();
    else this.said = 'sleeps';
  }

  #ask(): void {
    this.#ready = false;
    this.#asking = true;
    this.said = 'asks';
    this.slot.port.ask(this);
  }

  // ---- what comes back ---------------------------------------------------------------------------------------------

  wake(): void {
    this.#ready = true;
  }

  answered(mask: number): void {
    this.#asking = false;
    const { judge } = this.slot;
    judge.polled(this.name, mask);
    this.#seenNews = judge.news;
    this.said = mask === 0 ? 'nothing yet, sleeps' : `told ${maskText(mask)}`;
    if (mask === 0) return;
    this.#toldAt = (mask & POLLIN) === 0 ? -1 : judge.disturbances;
    if (this.#kind === 'epoll-lt') this.#ready = true;
    if (this.#kind === 'poll') this.slot.port.unwatch(this);
    this.#at = 'told';
  }

  /** After anything happened: a read may be done now. */
  look(): void {
    if (this.#at === 'reading') this.#look();
  }

  #look(): void {
    const call = this.#call;
    if (this.#at !== 'reading' || !call) return;
    if (call.state !== 'done') {
      if (!call.disturbed) this.said = call.state === 'queued' ? 'is on its way to the server' : 'sleeps';
      return;
    }
    this.#result = call.result;
    this.#got = this.slot.judge.last;
    this.said = '';
    this.slot.finished.push(this);
    const dry = call.result === -Errno.EAGAIN;
    const over = call.result === -Errno.EIO || call.result === -Errno.ECONNABORTED;
    if (dry && this.#toldAt === this.slot.judge.disturbances) {
      this.slot.blame('C1', `poll told ${this.name} POLLIN, nobody did anything since, and read(2) is EAGAIN`);
    }
    this.#toldAt = -1;
    this.#call = undefined;
    if (call.disturbed === 'kill') this.#at = 'dead';
    // Edge-triggered: until there is nothing more. An error is an edge that was seen, and no other will come.
    else this.#at = this.#kind === 'epoll-et' && !dry && !over ? 'told' : 'idle';
    if (over && this.#kind === 'epoll-et') this.#left = 0;
  }

  /** The file that it used is closed: what it was told does not hold for the next. */
  forget(): void {
    if (this.#at === 'told') this.#at = 'idle';
    this.#ready = true;
    this.#toldAt = -1;
  }

  /** The thread ends, wherever it is. */
  leave(): void {
    if (this.#at === 'reading' && !this.#call!.disturbed) this.slot.port.disturb(this.#call!, 'kill');
    this.slot.port.unwatch(this);
    this.#left = 0;
    if (this.#at !== 'reading') this.#at = 'dead';
    this.look();
  }

  /** Nobody will wake it who does not know of it. */
  get asleep(): boolean {
    if (this.#at === 'reading') return this.#call!.state === 'asleep' && !this.#call!.disturbed;
    return this.#at === 'polling' && !this.#asking && !this.#ready;
  }

  /** Whether it was told of everything that there is: an edge-triggered reader that left events unread sleeps rightly. */
  get owed(): boolean {
    const { judge } = this.slot;
    if (this.#kind === 'epoll-once') return this.#seenNews !== judge.news && judge.ready;
    return judge.ready;
  }

  override check(): void {
    if (!this.slot.open || !this.asleep || !this.owed) return;
    this.slot.blame(
      'C2',
      `${this.name} sleeps in ${this.#at === 'reading' ? 'read(2)' : systemCalls[this.#kind].split(',', 1)[0]} and nobody has woken it: ${this.slot.judge.belief()}`,
    );
  }

  override fingerprint(into: Fingerprint): void {
    into.add(
      places.indexOf(this.#at) |
        (this.#left << 4) |
        (this.#doomed << 8) |
        (this.#signals << 12) |
        (Number(this.#asking) << 16) |
        (Number(this.#ready) << 17) |
        (Number(this.#toldAt === this.slot.judge.disturbances) << 18) |
        (Number(this.#seenNews === this.slot.judge.news) << 19) |
        (kinds.indexOf(this.#kind) << 20),
    );
    this.#call?.fingerprint(into);
  }

  get #woken(): boolean {
    return this.#at === 'reading' ? this.#call!.state === 'woken' : !this.#asking && this.#ready;
  }

  override belief(): string | undefined {
    if (this.#at === 'dead') return `${this.name} is dead`;
    if (this.asleep) return `${this.name} sleeps`;
    if (this.inside) return `${this.name} ${this.#woken ? 'was woken' : 'waits for the server'}`;
    if (this.#at === 'told') return `${this.name} ${this.#toldAt >= 0 ? 'believes that it can read' : 'was told'}`;
    return undefined;
  }
}
