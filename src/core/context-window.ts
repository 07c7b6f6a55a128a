import type { Context } from './context.ts';
import { CxlError } from './errors.ts';
import { windowOf, type Window, type WindowMemory } from './problem-state.ts';

/**
 * What one context sees of its AFU's problem state area, from START_WORK until it is detached.
 * C original: `psn_phys`, `psn_size` and `mmio` of `struct cxl_context` (drivers/misc/cxl/cxl.h).
 */
export class ContextWindow {
  readonly #context: Context;
  #memory: WindowMemory | undefined;
  #bytes: Uint8Array | undefined;

  /** @internal */
  constructor(context: Context) {
    this.#context = context;
  }

  /** Where its bytes are to be; without it, in this process. Too late once the work is started. */
  use(memory: WindowMemory): void {
    if (!this.#bytes) this.#memory = memory;
  }

  /** Where it lies in the area, and its size: 0 when the AFU has no problem state area. */
  get place(): Window {
    const { afu, master, pe } = this.#context;
    return windowOf(afu.problemState, afu.mode === 'afu_directed' && !master, pe);
  }

  /** Its bytes while the work is started; undefined before and after, and when there are none. */
  get bytes(): Uint8Array | undefined {
    return this.#bytes;
  }

  /** @internal */
  begin(): void {
    const { place } = this;
    this.#memory ??= this.#context.afu.localWindow;
    if (place.size > 0) this.#bytes = this.#memory?.begin(place);
  }

  /** @internal */
  end(allOnes: boolean): void {
    if (!this.#bytes) return;
    this.#bytes = undefined;
    this.#memory?.end(allOnes);
  }

  /**
   * The bytes that a mapping of `length` bytes from `offset` shows.
   * @throws CxlError EIO unless STARTED and while the link is down; EINVAL beyond the window; EBUSY while the AFU is reset
   * C original: `cxl_context_iomap` (drivers/misc/cxl/context.c).
   */
  map(offset: number, length: number): Uint8Array {
    const { status, name, afu } = this.#context;
    if (status !== 'STARTED') throw new CxlError('EIO', 'mmap', `${name} is ${status}`);
    if (!afu.adapter.linkUp) throw new CxlError('EIO', 'mmap', `${afu.adapter.name} has no link`);
    const { size } = this.place;
    if (!this.#bytes || !(offset >= 0 && length >= 0 && offset + length <= size)) {
      throw new CxlError(
        'EINVAL',
        'mmap',
        `${length} bytes at ${offset} are beyond the ${size} bytes of ${name}'s window`,
      );
    }
    if (!afu.enabled) throw new CxlError('EBUSY', 'mmap', `${afu.name} is being reset`);
    return this.#bytes.subarray(offset, offset + length);
  }

  /**
   * Loads a register.
   * @param bytes 4 or 8 of them
   * @throws CxlError as {@link map}, and EINVAL unless `offset` is a multiple of their number
   */
  load(offset: number, bytes: Uint8Array): void {
    bytes.set(this.#register(offset, bytes.length));
  }

  /** Stores to a register, and lets the AFU notice. @throws CxlError as {@link load} */
  store(offset: number, bytes: Uint8Array): void {
    this.#register(offset, bytes.length).set(bytes);
    this.#context.afu.stored(this.#context);
  }

  #register(offset: number, length: number): Uint8Array {
    const bytes = this.map(offset, length);
    if ((length === 4 || length === 8) && offset % length === 0) return bytes;
    throw new CxlError('EINVAL', 'mmio', `${length} bytes at ${offset}: a register has 4 or 8, aligned to that`);
  }
}
