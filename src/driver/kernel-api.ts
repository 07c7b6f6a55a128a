import type { Context, DriverOps } from '../core/index.ts';

/**
 * Registers the callbacks that deliver this driver's own events on `context`; events announced before are forgotten.
 * @throws CxlError EINVAL, with one diagnostic, when a callback is missing or the two forms are mixed: nothing is
 * registered then, so no later path has to check
 * C original: `cxl_set_driver_ops` (drivers/misc/cxl/api.c), which warns and registers.
 */
export function setDriverOps(context: Context, ops: DriverOps): void {
  context.setDriverOps(ops, context.afu.driver?.name);
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
