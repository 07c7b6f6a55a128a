/**
 * The order of the bytes inside a multi-byte field.
 *
 * The cxl driver never converts: every struct and event is in the order of the machine that the driver runs on, so bytes
 * captured on a POWER machine may be of either order.
 */
export type ByteOrder = 'little' | 'big';

/** The byte order of the machine this program runs on. Decided once, when this module is loaded. */
export const hostOrder: ByteOrder = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 'little' : 'big';
