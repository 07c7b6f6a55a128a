import type { Window, WindowMemory } from '../core/index.ts';
import type { AreaMirror, OpenWindow } from './area-mirror.ts';
import { SharedMemory } from './shared-memory.ts';

/**
 * A context's window in memory that its program maps through the device file. Before the work is started there is none of
 * it, so that a mapping made too early is SIGBUS.
 */
export class MappedWindow implements WindowMemory {
  readonly #memory = new SharedMemory(0, 'afukit-window');
  readonly #mirror: AreaMirror;
  #open: OpenWindow | undefined;

  /** @throws Error when there can be no such memory: no descriptor is left, or koffi is missing */
  constructor(mirror: AreaMirror) {
    this.#mirror = mirror;
  }

  /** What mmap(2) of the device file maps. */
  get fd(): number {
    return this.#memory.fd;
  }

  /** Whether a program has it mapped; may be true for a little while after it is not. */
  get mapped(): boolean {
    return this.#memory.mappedElsewhere();
  }

  begin(place: Window): Uint8Array {
    this.#memory.resize(place.size);
    const { bytes } = this.#memory;
    this.#open = { place, bytes };
    this.#mirror.add(this.#open);
    return bytes;
  }

  end(allOnes: boolean): void {
    if (this.#open) this.#mirror.delete(this.#open);
    this.#open = undefined;
    if (allOnes) this.#memory.fill(0xff);
    else this.#memory.resize(0);
  }

  /** Programs that still have it mapped keep what they see. */
  close(): void {
    this.#memory.close();
  }
}
