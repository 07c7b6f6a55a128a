import { hostOrder } from '../abi/index.ts';
import { AddressError } from './memory.ts';
import { defineAfu, defineModel, type AfuDefinition } from './model.ts';
import type { ProcessElement } from './process-element.ts';
import type { Registers } from './registers.ts';

export interface MemcpyOptions extends Omit<Partial<AfuDefinition>, 'model'> {
  /** Bytes that are copied before other work has its turn, 4096 to 2^30; default 1 MiB. */
  readonly chunkBytes?: number | undefined;
  /** Work elements that can wait while one is being copied, 1 to 65536; default 64. */
  readonly queueLength?: number | undefined;
}

const registers = {
  /** The address of another work element. */
  DOORBELL: { offset: 0x00, width: 8, doorbell: true },
  /** Copies done since START_WORK. */
  COMPLETED: { offset: 0x08, width: 8, readOnly: true },
  STATUS: { offset: 0x10, width: 8, readOnly: true },
} as const satisfies Registers;

/** Bits of STATUS. */
const BUSY = 1n;
const FAULTED = 2n;

/** What an AFU error says. */
const RESERVED_NOT_ZERO = 1n;
const QUEUE_FULL = 2n;
const WRAPS = 3n;

const DONE = 1;
const WORK_ELEMENT_SIZE = 32;
/** What fetching a work element counts as, in bytes. */
const FETCH_COST = 4096;
const DEFAULT_CHUNK = 1_048_576;
const MOST_CHUNK = 2 ** 30;
const DEFAULT_QUEUE = 64;
const MOST_QUEUE = 65_536;
const BYTES_IN_ALL = 2n ** 64n;

interface Limits {
  readonly chunkBytes: number;
  readonly queueLength: number;
}
type Element = ProcessElement<typeof registers>;

/** A work element that cannot be done, and the AFU error that says why. */
class Refused extends Error {
  readonly code: bigint;

  constructor(code: bigint) {
    super(`AFU error ${code}`);
    this.code = code;
  }
}

/** The copies of one process element, one after the other. */
class Copier {
  readonly #element: Element;
  readonly #limits: Limits;
  readonly #buffer: () => Uint8Array;
  readonly #waiting: bigint[] = [];
  #running = false;
  #copying = false;
  #faulted = false;
  #completed = 0n;
  /** Bytes until others have their turn. */
  #left = 0;

  constructor(element: Element, limits: Limits, buffer: () => Uint8Array) {
    this.#element = element;
    this.#limits = limits;
    this.#buffer = buffer;
  }

  /** One more work element, by its address. */
  add(address: bigint): void {
    this.#faulted = false;
    if (this.#waiting.length >= this.#limits.queueLength) this.#failed(QUEUE_FULL);
    else this.#waiting.push(address);
    this.#tell();
  }

  /** Copies until nothing waits or the element is detached. */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#left = this.#limits.chunkBytes;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#copying = true;
      const done = await this.#do(next);
      if (!this.#element.attached) return;
      this.#copying = false;
      if (done) this.#completed++;
      // What the registers say is true before the interrupt says that it is.
      this.#tell();
      if (done && this.#element.interrupts > 0) this.#element.interrupt(DONE);
    }
    this.#running = false;
  }

  /** Whether the work element was done. */
  async #do(address: bigint): Promise<boolean> {
    try {
      await this.#copy(address);
      return true;
    } catch (error) {
      if (error instanceof Refused) this.#failed(error.code);
      else if (error instanceof AddressError) this.#faulted = true;
      else throw error;
      return false;
    }
  }

  /** @throws AddressError, of which the program has been told; Refused */
  async #copy(address: bigint): Promise<void> {
    const { memory } = this.#element;
    if (!(await this.#mayGoOn())) return;
    this.#left -= FETCH_COST;
    const fields = new DataView(memory.read(address, WORK_ELEMENT_SIZE).buffer);
    const [source, target, length, reserved] = [0, 8, 16, 24].map(at =>
      fields.getBigUint64(at, hostOrder === 'little'),
    ) as [bigint, bigint, bigint, bigint];
    if (reserved !== 0n) throw new Refused(RESERVED_NOT_ZERO);
    if (source + length > BYTES_IN_ALL || target + length > BYTES_IN_ALL) throw new Refused(WRAPS);
    // Like memmove: where the target overlaps what is still to be read, the end goes first.
    const backwards = target > source && target - source < length;
    const most = BigInt(this.#limits.chunkBytes);
    for (let done = 0n; done < length;) {
      if (!(await this.#mayGoOn())) return;
      const size = length - done < most ? length - done : most;
      const at = backwards ? length - done - size : done;
      const bytes = this.#buffer().subarray(0, Number(size));
      memory.readInto(source + at, bytes);
      memory.write(target + at, bytes);
      done += size;
      this.#left -= bytes.length;
    }
  }

  /** Lets others have their turn when it is time; false when the element was detached meanwhile. */
  async #mayGoOn(): Promise<boolean> {
    if (this.#left <= 0) {
      await turn();
      this.#left = this.#limits.chunkBytes;
    }
    return this.#element.attached;
  }

  #failed(code: bigint): void {
    this.#faulted = true;
    this.#element.error(code);
  }

  #tell(): void {
    const { registers, attached } = this.#element;
    if (!attached) return;
    registers.write('COMPLETED', this.#completed);
    const busy = this.#copying || this.#waiting.length > 0;
    registers.write('STATUS', (busy ? BUSY : 0n) | (this.#faulted ? FAULTED : 0n));
  }
}

/** Resolves when everybody else who has something to do has had a turn. */
function turn(): Promise<void> {
  return new Promise(resolve => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve);
  });
}

/**
 * An AFU that copies within the memory of the program that started its work. What it is told, by START_WORK's descriptor or
 * through its doorbell, is the address of 32 bytes in the host's order: source, target, length, 0. See docs/models/memcpy.md.
 */
export function memcpy(options: MemcpyOptions = {}): AfuDefinition {
  const { chunkBytes = DEFAULT_CHUNK, queueLength = DEFAULT_QUEUE, ...definition } = options;
  inRange('chunkBytes', chunkBytes, 4096, MOST_CHUNK);
  inRange('queueLength', queueLength, 1, MOST_QUEUE);
  const copiers = new Map<Element, Copier>();
  /** What is on its way; one for all, since nothing else happens between a load and its store. */
  let buffer: Uint8Array | undefined;
  const model = defineModel({
    name: 'memcpy',
    registers,
    attach(element) {
      const copier = new Copier(element, { chunkBytes, queueLength }, () => (buffer ??= new Uint8Array(chunkBytes)));
      copiers.set(element, copier);
      if (element.workElementDescriptor !== 0n) copier.add(element.workElementDescriptor);
    },
    run: element => copiers.get(element)?.run(),
    doorbell(element, _register, address) {
      const copier = copiers.get(element);
      copier?.add(address);
      return copier?.run();
    },
    detach(element) {
      copiers.delete(element);
      if (copiers.size === 0) buffer = undefined;
    },
  });
  return defineAfu({ ...definition, model });
}

function inRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}`);
}
