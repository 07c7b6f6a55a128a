import {
  CxlError,
  type Afu,
  type Context,
  type DriverModule,
  type DriverOps,
  type ProgramMemory,
} from '../core/index.ts';

/**
 * Registers the callbacks that deliver this driver's own events on `context` and takes a reference to `ops.owner`, which
 * the context puts when it is destroyed. Replacing ops moves the reference, forgets what was announced, and gives the
 * former ops the events that the core still held, with -ECANCELED.
 * @throws CxlError EINVAL, with one diagnostic, when a callback or the owner is missing, the two forms are mixed or a
 * callback is async; ENODEV when the owner is being unloaded; EDEADLK from within a callback on the same context.
 * Nothing is registered then, so no later path has to check
 * C original: `cxl_set_driver_ops` (drivers/misc/cxl/api.c), which warns and registers all the same.
 */
export function setDriverOps(context: Context, ops: DriverOps): void {
  context.setDriverOps(ops);
}

/**
 * Says that `count` more events can be fetched (fetch form), or that it is worth asking again (0; the pull form ignores
 * the number), and wakes everybody who waits on the context.
 * @throws CxlError EINVAL when `count` is not a whole number from 0 upwards
 * C original: `cxl_context_events_pending` (drivers/misc/cxl/api.c).
 */
export function contextEventsPending(context: Context, count: number): void {
  context.driverEventsPending(count);
}

/** Keeps a value of the driver's with the context. C original: `cxl_set_priv` (drivers/misc/cxl/api.c). */
export function setPriv(context: Context, priv: unknown): void {
  context.priv = priv;
}

/** What {@link setPriv} kept. C original: `cxl_get_priv` (drivers/misc/cxl/api.c). */
export function getPriv(context: Context): unknown {
  return context.priv;
}

/** The context's process element, as user space sees it. C original: `cxl_process_element` (drivers/misc/cxl/api.c). */
export function processElement(context: Context): number {
  return context.pe;
}

/**
 * Makes a context for the driver's own purposes: OPENED, a slave, belonging to `module`.
 * @throws CxlError ENODEV when the AFU has no mode or the module is being unloaded, EIO without link, ENOSPC when all
 * process elements are in use
 * C original: `cxl_dev_context_init` (drivers/misc/cxl/api.c).
 */
export function devContextInit(afu: Afu, module: DriverModule): Context {
  return afu.openKernelContext(module);
}

/**
 * Releases a context that was never handed out as a descriptor; the last close releases one that was.
 * @throws CxlError EBUSY while it is STARTED
 * C original: `cxl_release_context` (drivers/misc/cxl/api.c).
 */
export function releaseContext(context: Context): void {
  if (context.status === 'STARTED') throw new CxlError('EBUSY', 'releaseContext', `${context.name} is STARTED`);
  context.release();
}

/** Makes the context a master; before its work is started. C original: `cxl_set_master` (drivers/misc/cxl/api.c). */
export function setMaster(context: Context): void {
  context.master = true;
}

/** What {@link startWork} takes: START_WORK's arguments without the flags, of which a kernel context knows one. */
export interface KernelWork {
  /** Work element descriptor; default 0n. */
  readonly wed?: bigint | undefined;
  /** Interrupts wanted, irqsMin to irqsMax of the AFU; default irqsMin. */
  readonly numInterrupts?: number | undefined;
  /** The process in whose memory the work is done; default 0, none. */
  readonly pid?: number | undefined;
  /** That process's memory, as an opener gives it; the core closes it. Default: none, and every address is bad. */
  readonly memory?: ProgramMemory | undefined;
}

/**
 * Starts work on a driver's own context; AMR and the other flags are not looked at, as in the kernel.
 * @throws CxlError EINVAL for a number of interrupts that is out of range, and as START_WORK does from there on
 * C original: `cxl_start_work` (drivers/misc/cxl/api.c).
 */
export function startWork(context: Context, work: KernelWork = {}): void {
  const { irqsMin, irqsMax } = context.afu;
  const { wed = 0n, numInterrupts: interrupts = irqsMin, pid = 0, memory } = work;
  if (!(interrupts >= irqsMin && interrupts <= irqsMax)) {
    throw new CxlError('EINVAL', 'startWork', `${interrupts} interrupts, not ${irqsMin} to ${irqsMax}`);
  }
  context.start({ wed, amr: 0n, interrupts, mmioErrorsAllOnes: false, pid, memory });
}

/**
 * Stops a context's work: it is CLOSED, and what was pending can still be read.
 * @throws CxlError EBUSY when it is not STARTED
 * C original: `cxl_stop_context` (drivers/misc/cxl/api.c), which leaves sleeping readers asleep.
 */
export function stopContext(context: Context): void {
  if (context.status !== 'STARTED') throw new CxlError('EBUSY', 'stopContext', `${context.name} is ${context.status}`);
  context.detach();
}
