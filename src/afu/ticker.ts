import { defineAfu, type AfuDefinition } from './model.ts';
import type { ProcessElement } from './process-element.ts';

export interface TickerOptions extends Omit<Partial<AfuDefinition>, 'model'> {
  /**
   * Microseconds between interrupts, 1 upwards; default 100 000. A program that starts with a work element descriptor
   * other than 0 gets that period instead. Below 1000 the ticker keeps a core busy while it is started.
   */
  readonly periodUs?: number | undefined;
}

/** The shortest that a timer sleeps; anything shorter is waited for awake. */
const TIMER_MS = 1;
/** The longest: a descriptor that is an address asks for more, and is slept for in pieces. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** One process element's ticks: interrupts 1, 2, ... up to the number it was given, then 1 again. */
class Ticks {
  readonly #element: ProcessElement;
  readonly #periodMs: number;
  readonly #start = performance.now();
  #count = 0;
  #stop: () => void = () => {};

  constructor(element: ProcessElement, periodUs: number) {
    this.#element = element;
    this.#periodMs = periodUs / 1000;
    this.#sleep();
  }

  stop(): void {
    this.#stop();
  }

  readonly #tick = (): void => {
    // Late ticks are not made up for: like the hardware's, they coalesce into one.
    const due = Math.floor((performance.now() - this.#start) / this.#periodMs);
    if (due > this.#count) {
      this.#count = due;
      this.#element.interrupt(((due - 1) % this.#element.interrupts) + 1);
    }
    if (this.#element.attached) this.#sleep();
  };

  #sleep(): void {
    const left = this.#start + (this.#count + 1) * this.#periodMs - performance.now();
    if (left < TIMER_MS && typeof setImmediate === 'function') {
      const immediate = setImmediate(this.#tick);
      this.#stop = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(this.#tick, Math.min(Math.ceil(left), LONGEST_TIMER_MS));
      this.#stop = () => clearTimeout(timer);
    }
  }
}

/** An AFU that raises an interrupt every so many microseconds while work is started, and does nothing else. */
export function ticker(options: TickerOptions = {}): AfuDefinition {
  const { periodUs = 100_000, ...definition } = options;
  if (!(periodUs >= 1 && Number.isFinite(periodUs))) {
    throw new RangeError(`periodUs must be 1 or more microseconds, not ${String(periodUs)}`);
  }
  const running = new Map<ProcessElement, Ticks>();
  return defineAfu({
    ...definition,
    model: {
      name: 'ticker',
      usesMemory: false,
      attach(element) {
        // Without interrupts there is nothing to tick with.
        if (element.interrupts === 0) return;
        const wed = Number(element.workElementDescriptor);
        running.set(element, new Ticks(element, wed === 0 ? periodUs : wed));
      },
      detach(element) {
        running.get(element)?.stop();
        running.delete(element);
      },
    },
  });
}
