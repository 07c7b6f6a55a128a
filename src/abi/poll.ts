/** An event mask of poll(2): an or of the POLL* bits. */
export type PollMask = number;

/*
 * Bits of poll(2), include/uapi/asm-generic/poll.h: x86, arm64 and powerpc share these values. A cxl file only ever
 * reports POLLIN | POLLRDNORM, POLLERR or nothing.
 */

/** There is something to read. */
export const POLLIN = 0x0001;
/** There is urgent data to read. Never reported by cxl. */
export const POLLPRI = 0x0002;
/** A write would not block. Never reported by cxl. */
export const POLLOUT = 0x0004;
/** The file is in error: for cxl, the context is closed and drained. Reported whether asked for or not. */
export const POLLERR = 0x0008;
/** The peer hung up. Never reported by cxl. Reported whether asked for or not. */
export const POLLHUP = 0x0010;
/** The descriptor is not open. Made by the kernel, never by a driver. */
export const POLLNVAL = 0x0020;
/** There is normal data to read; drivers report it together with POLLIN. */
export const POLLRDNORM = 0x0040;
/** There is priority band data to read. */
export const POLLRDBAND = 0x0080;
/** Normal data may be written. */
export const POLLWRNORM = 0x0100;
/** Priority band data may be written. */
export const POLLWRBAND = 0x0200;
/** A message is available (not used by Linux). */
export const POLLMSG = 0x0400;
/** Removed from /dev/poll (Solaris; not used by Linux). */
export const POLLREMOVE = 0x1000;
/** The peer closed its writing half (stream sockets). */
export const POLLRDHUP = 0x2000;

/** Every named bit, by name: for traces, and for tests that no two share a value. */
export const PollBits = {
  POLLIN: 0x0001,
  POLLPRI: 0x0002,
  POLLOUT: 0x0004,
  POLLERR: 0x0008,
  POLLHUP: 0x0010,
  POLLNVAL: 0x0020,
  POLLRDNORM: 0x0040,
  POLLRDBAND: 0x0080,
  POLLWRNORM: 0x0100,
  POLLWRBAND: 0x0200,
  POLLMSG: 0x0400,
  POLLREMOVE: 0x1000,
  POLLRDHUP: 0x2000,
} as const;

/** The mask in words, as `POLLIN|POLLRDNORM`; unnamed bits in hex; `0` for an empty mask. */
export function pollText(mask: PollMask): string {
  const names: string[] = [];
  let rest = mask;
  for (const [name, bit] of Object.entries(PollBits)) {
    if ((mask & bit) === 0) continue;
    names.push(name);
    rest &= ~bit;
  }
  if (rest !== 0) names.push(`0x${(rest >>> 0).toString(16)}`);
  return names.length === 0 ? '0' : names.join('|');
}
