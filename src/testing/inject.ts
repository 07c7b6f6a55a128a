import type { Context } from '../core/index.ts';
import type { At, Host } from './host.ts';

/** Faults and events on demand, in the words of `afukit inject`. Each throws when it would come to nothing. */
export class Inject {
  readonly #host: Host;

  /** @internal */
  constructor(host: Host) {
    this.#host = host;
  }

  /** An AFU interrupt. @param number 1 to the context's number @throws CxlError EINVAL */
  interrupt(at: At, number: number): void {
    this.#live(at).raiseInterrupt(number);
  }

  /** A data storage fault. @param dsisr the raw register: why; see `CxlPslDsisr` of `afukit/abi` */
  fault(at: At, address: bigint, dsisr: bigint): void {
    this.#live(at).raiseFault(address, dsisr);
  }

  /** An AFU error. */
  error(at: At, code: bigint): void {
    this.#live(at).raiseAfuError(code);
  }

  /** A driver event, of whatever driver or none; a string is sent as UTF-8. @throws CxlError EINVAL when it is too long */
  event(at: At, payload: Uint8Array | string): void {
    this.#live(at).raiseDriverEvent(typeof payload === 'string' ? new TextEncoder().encode(payload) : payload);
  }

  /** Takes the context from its AFU: what is pending can still be read, then read is EIO. */
  detach(at: At): void {
    this.#live(at).detach();
  }

  /**
   * The PCI link to a card goes down, comes up again, or fails for good.
   * @param card such as `card0`; default: the first
   * @throws CxlError ENODEV for `up` when the card has failed
   */
  link(state: 'down' | 'up' | 'fail', card?: string): void {
    const adapter = this.#host.adapter(card);
    if (state === 'up') adapter.restoreLink();
    else if (state === 'down') adapter.loseLink();
    else adapter.fail();
  }

  /** A card that failed is found again. */
  probe(card?: string): void {
    this.#host.adapter(card).probe();
  }

  /**
   * Resets a card, also under contexts that are started, or an AFU that nobody has open.
   * @param name such as `card0` or `afu0.0`; default: the first card
   * @throws CxlError EBUSY, EIO
   */
  reset(name?: string): void {
    if (name?.startsWith('afu')) this.#host.afu(name).reset();
    else this.#host.adapter(name).reset(true);
  }

  #live(at: At): Context {
    const context = this.#host.context(at);
    if (context.status !== 'CLOSED') return context;
    throw new Error(`${context.name} is CLOSED: nothing can be raised on it`);
  }
}
