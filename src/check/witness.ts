// The judge where the driver is somebody else's: what it means to send is not known, so readers' experiences are compared.
import { Errno } from '../abi/index.ts';
import { Fingerprint } from './fingerprint.ts';
import { Judge, type Blame } from './judge.ts';
import { errnoText } from './oracle.ts';

const HEADER = 8;
const DRIVER_EVENT = 4;

/** The serial number that a payload carries; undefined when it carries none. */
export type SerialOf = (payload: Uint8Array) => number | undefined;

export class Witness extends Judge {
  readonly #serialOf: SerialOf | undefined;
  /** What was given to the last reader. */
  override last: Uint8Array = new Uint8Array(0);
  /** An event whose copy failed: the next that is read. */
  #failed: Uint8Array | undefined;
  #serial = 0;
  /** Everything that readers were given, in order. */
  readonly #history = new Fingerprint();
  /** Posts that must be read before the end. */
  posted = 0;
  read = 0;

  constructor(blame: Blame, serialOf: SerialOf | undefined) {
    super(blame);
    this.#serialOf = serialOf;
  }

  /** Not known: at the end of each path the context itself is asked. */
  override get ready(): boolean {
    return false;
  }

  override post(value: number): boolean {
    this.posted = value;
    return super.post(value);
  }

  override polled(): void {}

  override given(who: string, bytes: Uint8Array, offset: number, size: number, room: number): void {
    this.last = bytes.slice(offset, offset + size);
    if (size > room || size < HEADER) this.blame('C8', `read gave ${who} ${size} bytes where ${room} fit`);
    if (this.#failed && !equal(this.#failed, this.last)) {
      this.blame(
        'C4',
        `read gave ${who} ${this.text(this.last)}, though ${this.text(this.#failed)} has not arrived yet`,
      );
    }
  }

  override arrived(): void {
    this.#failed = undefined;
    this.#history.addBytes(this.last);
    this.disturbances++;
    const { last } = this;
    if (new Uint16Array(last.slice(0, 2).buffer)[0] !== DRIVER_EVENT) return;
    this.read++;
    const serial = this.#serialOf?.(last.subarray(HEADER));
    if (serial === undefined) return;
    if (serial !== this.#serial + 1) {
      this.blame('C3', `event ${serial} was read after event ${this.#serial}`);
    }
    this.#serial = serial;
  }

  override failed(): void {
    this.#failed = this.last;
    this.changed();
  }

  override refused(who: string, errno: number): void {
    if (!this.#failed || !this.link || errno === Errno.EINVAL) return;
    this.blame('C4', `read told ${who} ${errnoText(errno)}, though ${this.text(this.#failed)} has not arrived yet`);
  }

  /** Nothing is left to read. */
  drained(): void {
    if (this.#serialOf && this.#serial < this.posted) {
      this.blame('C3', `event ${this.#serial + 1} was posted and nobody can read it`);
    }
  }

  override fingerprint(into: Fingerprint): void {
    into.add(this.#history.high);
    into.add(this.#history.low);
    into.add((this.#failed ? 1 : 0) | (Number(this.closed) << 1) | (Number(this.link) << 2));
    if (this.#failed) into.addBytes(this.#failed);
  }

  override text(given: unknown): string {
    const bytes = given as Uint8Array;
    const type = new Uint16Array(bytes.slice(0, 2).buffer)[0];
    if (type !== DRIVER_EVENT) return `an event of the AFU (type ${type})`;
    const payload = bytes.subarray(HEADER);
    const serial = this.#serialOf?.(payload);
    if (serial !== undefined) return `driver event ${serial}`;
    const hex = [...payload.subarray(0, 8)].map(byte => byte.toString(16).padStart(2, '0')).join(' ');
    return `a driver event of ${payload.length} bytes${payload.length > 0 ? ` (${hex}${payload.length > 8 ? ' ...' : ''})` : ''}`;
  }

  override belief(): string {
    const state = [
      `${this.posted} posted, ${this.read} read`,
      this.closed ? 'CLOSED' : '',
      this.link ? '' : 'no link',
    ].filter(text => text !== '');
    if (this.#failed) state.push(`not arrived: ${this.text(this.#failed)}`);
    return state.join(', ');
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
