import { join } from 'node:path';

import { diagnosticText, messageOf, type Adapter, type Afu, type Context, type Diagnostic } from '../core/index.ts';
import { atProcessExit, startServing, viewsOf, type Serving } from '../devfs/index.ts';
import { Complaints, type MayComplain } from './complaints.ts';
import { eventText, Recorder, type DeliveredEvent, type EventPattern } from './delivered.ts';
import { Guard } from './guard.ts';
import { Inject } from './inject.ts';
import { adaptersFor, type HostOptions } from './options.ts';
import type { Program } from './program.ts';
import { Programs, type SpawnOptions } from './programs.ts';
import { PATIENCE_MS, until, WaitError, type WaitLimit } from './until.ts';

/** A context: its process element on the first AFU, or `afuC.S/PE`, or the context itself. */
export type At = number | string | Context;

/** Device files that this process serves for one test, the programs that use them, and what comes of it. */
export class Host implements AsyncDisposable {
  /** The mount: `dev`, `sys/class/cxl` and `debug/cxl` lie in it. Never touch it synchronously from this process. */
  readonly directory: string;
  readonly adapters: readonly Adapter[];
  /** Faults and events on demand. */
  readonly inject: Inject = new Inject(this);
  readonly #serving: Serving;
  readonly #recorder: Recorder;
  readonly #complaints: Complaints;
  readonly #guard: Guard;
  readonly #programs: Programs;
  readonly #timeoutMs: number;
  readonly #calledOff: () => void;
  #closing: Promise<void> | undefined;

  /** @internal Made by {@link serveDevices}. */
  constructor(serving: Serving, adapters: readonly Adapter[], complaints: Complaints, timeoutMs: number) {
    const { directory, device, temporary } = serving;
    this.directory = directory;
    this.adapters = adapters;
    this.#serving = serving;
    this.#complaints = complaints;
    this.#timeoutMs = timeoutMs;
    this.#recorder = new Recorder(adapters);
    this.#guard = new Guard(directory, device.minor, temporary);
    const programs = new Programs(serving, this.#guard);
    this.#programs = programs;
    this.#calledOff = atProcessExit(() => programs.kill());
  }

  /** A card by its name, such as `card0`; default: the first. @throws Error when there is none of that name */
  adapter(name?: string): Adapter {
    return named('card', this.adapters, name);
  }

  /** An AFU by its name, such as `afu0.0`; default: the first. @throws Error when there is none of that name */
  afu(name?: string): Afu {
    return named(
      'AFU',
      this.adapters.flatMap(({ afus }) => afus),
      name,
    );
  }

  /** An open context; default: process element 0 of the first AFU. @throws Error when it is not open */
  context(at: At = 0): Context {
    const context = this.#find(at);
    if (context) return context;
    const open = this.#open.map(({ name }) => name).join(', ');
    throw new Error(`${this.#nameOf(at)} is not open; ${open === '' ? 'no context is' : `these are: ${open}`}`);
  }

  /** The device file of that name, such as `afu0.0s`; default: that of the first AFU, `s` rather than `m`. */
  path(device?: string): string {
    return join(this.directory, 'dev/cxl', device ?? `${this.afu().name}${viewsOf(this.afu()).at(-1) ?? 's'}`);
  }

  /** A path in `sys/class/cxl`, such as `afu0.0/mode`. */
  sysfs(path: string = ''): string {
    return join(this.directory, 'sys/class/cxl', path);
  }

  /** The environment of programs: this process's own, with `AFUKIT_MOUNT`, the directory. */
  get env(): NodeJS.ProcessEnv {
    return { ...process.env, AFUKIT_MOUNT: this.directory };
  }

  /**
   * Starts a program, looked up along PATH, with pipes for its standard streams. It ends with the host.
   * @throws system errors such as ENOENT; NamespaceError when `namespace` cannot be had
   */
  async spawn(program: string, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Program> {
    if (this.#closing) throw new Error('the host is closed');
    return this.#programs.start(program, args, { ...this.env, ...options.env }, options);
  }

  // ---- what happened -----------------------------------------------------------------------------------------------

  /** Every event that reached its reader, oldest first, of this host's contexts. */
  get delivered(): readonly DeliveredEvent[] {
    return this.#recorder.events;
  }

  /** What the core, the drivers, the models and the session complained about unexpectedly. */
  get complaints(): readonly Diagnostic[] {
    return this.#complaints.unexpected;
  }

  /** Resolves with the first delivered event that fits and that no earlier call was given, also one of the past. */
  event(pattern: EventPattern = {}, limit?: WaitLimit): Promise<DeliveredEvent> {
    return this.#await(`${eventText(pattern)} is delivered`, () => this.#recorder.take(pattern), limit);
  }

  /** Resolves with the context once work is started on it. */
  started(at: At = 0, limit?: WaitLimit): Promise<Context> {
    return this.#await(`work is started on ${this.#nameOf(at)}`, () => this.#having(at, isStarted), limit);
  }

  /** Resolves with the context once somebody sleeps on it, in read(2) or behind poll(2) and its like. */
  waiting(at: At = 0, limit?: WaitLimit): Promise<Context> {
    return this.#await(`somebody waits on ${this.#nameOf(at)}`, () => this.#having(at, isWaitedFor), limit);
  }

  /** Resolves when no context is open. */
  async idle(limit?: WaitLimit): Promise<void> {
    await this.until('no context is open', () => this.#open.length === 0, limit);
  }

  /** Resolves with the first complaint that fits, which then does not fail the test. */
  complaint(what: MayComplain, limit?: WaitLimit): Promise<Diagnostic> {
    return this.until(`there is a complaint like ${String(what)}`, () => this.#complaints.take(what), limit);
  }

  /**
   * Resolves with what `condition` gives as soon as that is neither false nor undefined.
   * @param what completes the sentence `waited 10000 ms in vain until ...`
   * @throws WaitError after the time limit, which tells what was seen instead
   */
  until<T>(
    what: string,
    condition: () => T | false | undefined | Promise<T | false | undefined>,
    { timeoutMs = this.#timeoutMs }: WaitLimit = {},
  ): Promise<T> {
    return until(what, condition, { timeoutMs }, () => this.describe());
  }

  /** For messages: the open contexts, the last events, the complaints, and the programs with what they wrote. */
  describe(): string {
    const contexts = this.#open.map(contextText);
    const events = this.delivered.slice(-5).map(event => `${eventText(event)}, ${age(event)} ms ago`);
    const complaints = this.complaints.map(diagnosticText);
    const programs = this.#programs.all.map(program => program.describe());
    return [
      ...(contexts.length > 0 ? contexts : ['no context is open']),
      events.length > 0 ? `delivered: ${this.delivered.length} events, the last of them:` : 'no event was delivered',
      ...events.map(event => `  ${event}`),
      ...complaints.map(complaint => `complaint: ${complaint}`),
      ...programs,
    ].join('\n');
  }

  // ---- the end -----------------------------------------------------------------------------------------------------

  /**
   * Ends every program (SIGTERM, a second later SIGKILL), unmounts, and removes the temporary directory. Called again it
   * only waits for the first call.
   * @throws AssertionError when there were unexpected {@link complaints}; Error when something is left over; AggregateError
   * for several of these. Everything is taken down by then
   */
  close(): Promise<void> {
    if (this.#closing) return this.#closing.catch(() => {});
    this.#closing = this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const failures: unknown[] = [];
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      await work().catch((error: unknown) => void failures.push(error));
    };
    await attempt(() => this.#programs.end());
    // Open files of a program that will not die end with the mount.
    await attempt(() => this.#serving.close());
    const unmounted = failures.length === 0;
    await attempt(() => this.#programs.gone());
    // Else the exit handler and the guard try again when the process ends.
    if (unmounted) await attempt(() => this.#guard.over());
    this.#calledOff();
    this.#recorder.close();
    const open = this.#open.map(({ name }) => name);
    if (open.length > 0) failures.push(new Error(`still open in this process: ${open.join(', ')}`));
    const complained = this.#complaints.failure();
    if (complained) failures.push(complained);
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, texts(failures));
  }

  // ---- contexts ----------------------------------------------------------------------------------------------------

  get #open(): Context[] {
    return this.adapters.flatMap(({ afus }) => afus.flatMap(afu => [...afu.contexts.values()]));
  }

  #find(at: At): Context | undefined {
    if (typeof at === 'object') return at;
    const { afu, pe } = this.#place(at);
    return afu.contexts.get(pe);
  }

  #place(at: number | string): { afu: Afu; pe: number } {
    if (typeof at === 'number') return { afu: this.afu(), pe: at };
    const [, name, pe] = /^(afu\d+\.\d+)\/(\d+)$/.exec(at) ?? [];
    if (name === undefined) throw new Error(`"${at}" is no context: write afuC.S/PE, such as afu0.0/0`);
    return { afu: this.afu(name), pe: Number(pe) };
  }

  #nameOf(at: At): string {
    if (typeof at === 'object') return at.name;
    const { afu, pe } = this.#place(at);
    return `${afu.name} pe ${pe}`;
  }

  #having(at: At, condition: (context: Context) => boolean): Context | undefined {
    const context = this.#find(at);
    return context && condition(context) ? context : undefined;
  }

  /** As {@link until}, for what only a program can bring about. */
  async #await<T>(what: string, look: () => T | undefined, limit?: WaitLimit): Promise<T> {
    return this.until(
      what,
      () => {
        const found = look();
        if (found === undefined && this.#hopeless) {
          throw new WaitError(`a program failed, and none is left, before ${what}\n${this.describe()}`);
        }
        return found;
      },
      limit,
    );
  }

  /** Whether a program failed by itself and nobody is there any more for whom anything could happen. */
  get #hopeless(): boolean {
    return this.#programs.failed && this.#open.length === 0;
  }
}

const isStarted = (context: Context): boolean => context.status === 'STARTED';
const isWaitedFor = (context: Context): boolean => !context.waiters.empty;

function named<T extends { readonly name: string }>(what: string, all: readonly T[], name: string | undefined): T {
  const found = name === undefined ? all[0] : all.find(each => each.name === name);
  if (found) return found;
  throw new Error(`there is no ${what} ${name}; there are ${all.map(each => each.name).join(', ')}`);
}

function contextText(context: Context): string {
  const { name, status, interrupts, counters } = context;
  const { raised, coalesced, delivered, dropped } = counters;
  const waiting = isWaitedFor(context) ? 'somebody waits' : 'nobody waits';
  const counts = `raised ${raised}, coalesced ${coalesced}, delivered ${delivered}, dropped ${dropped}`;
  return `${name}: ${status}, ${interrupts} interrupts, ${waiting}; ${counts}`;
}

const age = ({ at }: DeliveredEvent): number => Math.round(performance.now() - at);

const texts = (errors: readonly unknown[]): string => errors.map(messageOf).join('\n');

/**
 * Serves the device files of some AFUs on a mount of their own, until the host is closed.
 *
 * `await using host = await serveDevices({ afus: [ticker()] })`, or without `await using` close it in `finally`, `t.after`
 * or `afterEach`.
 * @throws MountError, whose message says what is wrong and what to do; RangeError for an option that is out of its range
 */
export async function serveDevices(options: HostOptions): Promise<Host> {
  const complaints = new Complaints(options.mayComplain);
  const adapters = adaptersFor(options, complaints.add);
  const { permissions, mount, timeoutMs = PATIENCE_MS } = options;
  const serving = await startServing(mount, adapters, { permissions, onWarning: complaints.warn });
  return new Host(serving, adapters, complaints, timeoutMs);
}
