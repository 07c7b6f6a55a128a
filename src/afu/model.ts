import type { AfuOptions } from '../core/index.ts';
import type { ProcessElement } from './process-element.ts';
import type { Registers } from './registers.ts';

/**
 * An accelerator. One model object is one AFU; what belongs to one program is kept by process element. Whatever a callback
 * throws, now or later, is reported with the model's name and harms no other context. An {@link AddressError} that a
 * callback lets escape is no fault of the model: the program has its data storage event, and the work goes on or not.
 */
export interface AfuModel<R extends Registers = Registers> {
  readonly name: string;
  /** False: `element.memory` is never used, and START_WORK need not take hold of the program's memory. Default true. */
  readonly usesMemory?: boolean | undefined;
  /** The registers of each context's window; default: none. */
  readonly registers?: R | undefined;
  /** The registers of a master's window, which is the whole area; default: as {@link registers}. */
  readonly masterRegisters?: Registers | undefined;
  /**
   * START_WORK: begin; throw a CxlError to refuse with its errno. A promise is not waited for: when it rejects, or has not
   * settled after `attachTimeoutMs`, that is reported and the process element detached.
   */
  attach(element: ProcessElement<R>): void | Promise<void>;
  /** The work itself, begun when {@link attach} is done; it may last until `element.signal` is aborted. */
  run?(element: ProcessElement<R>): void | Promise<void>;
  /** The work is over: stop timers, let go of everything that belongs to `element`. */
  detach?(element: ProcessElement<R>): void | Promise<void>;
  /** A program stored `value` in a doorbell. Two stores within the doorbell period are one, of the later value. */
  doorbell?(element: ProcessElement<R>, register: keyof R & string, value: bigint): void | Promise<void>;
  /** Back to the state after power-on; no process element is attached. No work can be started until a promise settles. */
  reset?(): void | Promise<void>;
}

/** Returns the model, typed: the names of its registers are known to `element.registers` and `doorbell`. */
export function defineModel<const R extends Registers>(model: AfuModel<R>): AfuModel<R> {
  return model;
}

/** An AFU as a configuration names it: a model, the driver that goes with it, and what its descriptor says. */
export interface AfuDefinition extends Omit<AfuOptions, 'backend'> {
  // A model may know its registers' names; whoever holds a definition need not.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly model: AfuModel<any>;
  /** Milliseconds between two looks at the doorbells of mapped windows while work is started; default 1. */
  readonly doorbellMs?: number | undefined;
  /** Milliseconds that an asynchronous attach may take; default 5000, as the kernel waits for an AFU. */
  readonly attachTimeoutMs?: number | undefined;
}

/** Returns the definition, typed. */
export function defineAfu(definition: AfuDefinition): AfuDefinition {
  return definition;
}
