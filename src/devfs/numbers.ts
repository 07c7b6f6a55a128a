import type { Adapter, Afu } from '../core/index.ts';

/** Major device number that sysfs `dev` shows; the kernel's is allocated dynamically, from the same range. */
export const CXL_MAJOR = 242;

/**
 * The three views of an AFU, with their place among a slice's minors. C original: `CXL_DEV_MINORS` and
 * `CXL_AFU_MINOR_D` ... (drivers/misc/cxl/cxl.h, file.c).
 */
export const views = {
  d: { minor: 0, mode: 'dedicated_process', master: true },
  m: { minor: 1, mode: 'afu_directed', master: true },
  s: { minor: 2, mode: 'afu_directed', master: false },
} as const;
export type View = keyof typeof views;

/** The views that an AFU shows in its current mode; none when its card is gone. */
export function viewsOf(afu: Afu): View[] {
  if (afu.adapter.gone) return [];
  return (Object.keys(views) as View[]).filter(view => views[view].mode === afu.mode);
}

/** 13 minors for each card, of which the first is the card's own. C original: `CXL_CARD_MINOR` (drivers/misc/cxl/cxl.h). */
export function cardMinor(adapter: Adapter): number {
  return 13 * adapter.card;
}

/** After the card's own, three for each slice. */
export function minorOf(afu: Afu, view: View): number {
  return cardMinor(afu.adapter) + 1 + 3 * afu.slice + views[view].minor;
}

/**
 * A device file's st_ino: 0xCA, cxl's ioctl letter, in the top byte of 32 bits, then 12 for the major and 12 for the minor.
 * It fits the ino_t of 32-bit programs. preload/cxl-stat.c reads it.
 */
export function deviceInode(minor: number): number {
  return ((0xca << 24) | (CXL_MAJOR << 12) | minor) >>> 0;
}
