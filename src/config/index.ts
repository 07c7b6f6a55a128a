/**
 * What this version of afukit can do, for drivers that are built against several: `afukit/config`.
 *
 * A capability is a name in a frozen table, as the kernel's silent Kconfig symbols were: a driver that came through
 * another tree asked for the symbol and not for a version, and no user could switch it off. The symbols that only
 * smoothed cxlflash's own merge, `CXL_KERNEL_API` and `CXL_EEH`, are not carried.
 *
 * @module
 */

/** Every capability there is is `true`; one that is absent this version does not have. */
export interface Capabilities {
  /** `setDriverOps` and `contextEventsPending`: a driver's own events. Linux 4.8 to 5.8 had it under this name. */
  readonly CXL_AFU_DRIVER_OPS: true;
  /** The pull form (`eventPending`, `deliverEvent`) beside the fetch form. */
  readonly CXL_AFU_DRIVER_OPS_POLL: true;
  /** Driver events of more than 4,088 bytes, by `maxDataSize`. */
  readonly CXL_AFU_DRIVER_LARGE_EVENTS: true;
  /** Driver modules: reference counts, unload, reload. */
  readonly CXL_DRIVER_MODULES: true;
}

export const config: Readonly<Capabilities> = Object.freeze({
  CXL_AFU_DRIVER_OPS: true,
  CXL_AFU_DRIVER_OPS_POLL: true,
  CXL_AFU_DRIVER_LARGE_EVENTS: true,
  CXL_DRIVER_MODULES: true,
});

/** Whether this version has a capability; C original: `IS_ENABLED(CONFIG_CXL_AFU_DRIVER_OPS)`. */
export function isEnabled(name: string): boolean {
  return Object.hasOwn(config, name);
}
