// A driver of somebody else's: how it is made to post, and what it is asked, in order.
import type { AfuDriver, Context, DriverModule, DriverOps, DriverOpsForm } from '../core/index.ts';
import type { Feed } from './feeds.ts';
import { Fingerprint } from './fingerprint.ts';
import type { Slot } from './slot.ts';

/**
 * What a driver's file may export as `check`, beside the driver as its default export. Without it `afukit check` writes
 * numbers to the driver's control files.
 */
export interface DriverCheck {
  /** Makes the driver post event number `serial`, 1 upwards for each context. */
  post?(context: Context, serial: number): void;
  /** The number of the event with this payload: then each must be read exactly once, in order. */
  serial?(payload: Uint8Array): number | undefined;
  /** What is written to control files, by their names; default: `1`, `2` ... */
  controls?: Readonly<Record<string, readonly string[]>>;
}

/** A driver's file, loaded anew: nothing of what an earlier one did is left in its variables. */
export interface DriverFile {
  readonly driver: AfuDriver;
  readonly check?: DriverCheck | undefined;
}

const callbacks = ['eventPending', 'deliverEvent', 'fetchEvent', 'eventDelivered'] as const;

type Callback = (...args: unknown[]) => unknown;

/** The driver's part in one context. What it was asked and what it answered is its state, for it has nothing else to go by. */
export class UserFeed implements Feed {
  readonly #slot: Slot;
  readonly #file: DriverFile;
  readonly #history = new Fingerprint();
  #watched: DriverOps | undefined;

  constructor(slot: Slot, file: DriverFile) {
    this.#slot = slot;
    this.#file = file;
    this.watch();
  }

  get form(): DriverOpsForm {
    return 'fetchEvent' in (this.#slot.context.driverOps ?? {}) ? 'fetch' : 'poll';
  }

  get owner(): DriverModule | undefined {
    return this.#slot.context.driverOps?.owner;
  }

  /** Takes note of all that the present ops are asked. */
  watch(): void {
    const ops = this.#slot.context.driverOps;
    if (ops === undefined || ops === this.#watched || Object.isFrozen(ops)) return;
    this.#watched = ops;
    const own = ops as unknown as Record<string, Callback | undefined>;
    for (const [index, name] of callbacks.entries()) {
      const original = own[name];
      if (!original) continue;
      own[name] = (...args) => {
        this.#history.add(index);
        const returned = original.apply(ops, args);
        this.#history.add(typeof returned === 'object' ? 2 : Number(returned));
        return returned;
      };
    }
  }

  post(value: number): undefined {
    this.#history.add(0x100 | value);
    this.#file.check!.post!(this.#slot.context, value);
    this.watch();
  }

  control(name: string, left: number): string {
    const { afu } = this.#slot.context;
    const texts = this.#file.check?.controls?.[name];
    const text = texts ? texts.at(-1 - (left % texts.length))! : `${left + 1}`;
    this.#history.addText(`${name} ${text}`);
    this.#slot.judge.nudge();
    void this.#file.driver.controls?.(afu)[name]?.write?.(new TextEncoder().encode(text));
    this.watch();
    return text;
  }

  check(): void {}

  end(): void {}

  fingerprint(into: Fingerprint): void {
    into.add(this.#history.high);
    into.add(this.#history.low);
  }
}
