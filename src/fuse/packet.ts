// Reading requests: a bounds-checked cursor over the receive buffer. One of each per session, reused for every packet.
import { endianness } from 'node:os';

import { fuse_in_header } from './wire.ts';

/** FUSE speaks the machine's own byte order; POWER and s390x have big-endian kernels. */
export const LITTLE: boolean = endianness() === 'LE';

const HIGH = LITTLE ? 4 : 0;
const LOW = LITTLE ? 0 : 4;
const TWO_32 = 0x1_0000_0000;

/** A u64 as a number: exact below 2^53, which ids that we hand out never reach. */
export function getU64(view: DataView, at: number): number {
  return view.getUint32(at + HIGH, LITTLE) * TWO_32 + view.getUint32(at + LOW, LITTLE);
}

export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at + HIGH, Math.floor(value / TWO_32), LITTLE);
  view.setUint32(at + LOW, value >>> 0, LITTLE);
}

/** Writes back a u64 that is not ours to interpret (`unique`, `kh`): all 64 bits survive. */
export function setWords(view: DataView, at: number, high: number, low: number): void {
  view.setUint32(at + HIGH, high, LITTLE);
  view.setUint32(at + LOW, low, LITTLE);
}

/** `unique` as a key: exact below 2^53; the kernel counts it up from 2, so it stays there. */
export function keyOf(high: number, low: number): number {
  return high * TWO_32 + low;
}

// A byte order mark at the start of a name is part of the name.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * One packet. `load` reads the header; then `take` gives the body's fixed struct and `name`, `bytes` what follows it, each
 * undefined when the packet is too short. Field readers take offsets inside what `take` has checked.
 */
export class Packet {
  opcode = 0;
  uniqueHigh = 0;
  uniqueLow = 0;
  nodeId = 0;
  uid = 0;
  gid = 0;
  pid = 0;
  /** The header's `len`, which `length` should equal. */
  claimed = 0;
  length = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;

  /** False when not even the header is there. */
  load(bytes: Uint8Array, length: number): boolean {
    if (length < fuse_in_header.SIZE || bytes.byteLength < length) return false;
    if (bytes.buffer !== this.#view.buffer || bytes.byteOffset !== this.#view.byteOffset) {
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.#bytes = bytes;
    const view = this.#view;
    this.length = length;
    this.claimed = view.getUint32(fuse_in_header.len, LITTLE);
    this.opcode = view.getUint32(fuse_in_header.opcode, LITTLE);
    this.uniqueHigh = view.getUint32(fuse_in_header.unique + HIGH, LITTLE);
    this.uniqueLow = view.getUint32(fuse_in_header.unique + LOW, LITTLE);
    this.nodeId = getU64(view, fuse_in_header.nodeid);
    this.uid = view.getUint32(fuse_in_header.uid, LITTLE);
    this.gid = view.getUint32(fuse_in_header.gid, LITTLE);
    this.pid = view.getUint32(fuse_in_header.pid, LITTLE);
    this.#at = fuse_in_header.SIZE;
    return true;
  }

  /** Where a struct of `size` bytes begins, and steps over it; undefined when it is not all there. */
  take(size: number): number | undefined {
    const at = this.#at;
    if (at + size > this.length) return undefined;
    this.#at = at + size;
    return at;
  }

  u32(at: number): number {
    return this.#view.getUint32(at, LITTLE);
  }

  u64(at: number): number {
    return getU64(this.#view, at);
  }

  high(at: number): number {
    return this.#view.getUint32(at + HIGH, LITTLE);
  }

  low(at: number): number {
    return this.#view.getUint32(at + LOW, LITTLE);
  }

  /** A view of the next `size` bytes: valid until the next packet. */
  bytes(size: number): Uint8Array | undefined {
    const at = this.take(size);
    return at === undefined ? undefined : this.#bytes.subarray(at, at + size);
  }

  /** A NUL-terminated name; undefined without its NUL. */
  name(): string | undefined {
    const rest = this.#bytes.subarray(this.#at, this.length);
    const end = rest.indexOf(0);
    if (end < 0) return undefined;
    this.#at += end + 1;
    return decoder.decode(rest.subarray(0, end));
  }

  /** `name` without stepping over it. */
  peekName(): string | undefined {
    const at = this.#at;
    const name = this.name();
    this.#at = at;
    return name;
  }
}
