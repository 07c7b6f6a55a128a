// The kernel's half of FUSE as bytes: requests into one reused packet, answers and notifications taken apart.
import { endianness } from 'node:os';

const LITTLE = endianness() === 'LE';

/** Opcodes of include/uapi/linux/fuse.h that the model sends. */
export const Opcode = {
  lookup: 1,
  open: 14,
  read: 15,
  release: 18,
  init: 26,
  interrupt: 36,
  ioctl: 39,
  poll: 40,
} as const;

const HEADER = 40;
const FUSE_POLL_SCHEDULE_NOTIFY = 1;
/** FUSE_NOTIFY_POLL */
export const NOTIFY_POLL = 1;

/** Builds one packet after the other in the same memory. */
export class PacketWriter {
  readonly bytes: Uint8Array = new Uint8Array(256);
  readonly #view = new DataView(this.bytes.buffer);
  length = 0;

  begin(opcode: number, unique: number, nodeId: number): this {
    this.bytes.fill(0, 0, HEADER);
    this.length = HEADER;
    this.#view.setUint32(4, opcode, LITTLE);
    this.#put64(8, unique);
    this.#put64(16, nodeId);
    this.#view.setUint32(32, 1, LITTLE);
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.length, value, LITTLE);
    this.length += 4;
    return this;
  }

  u64(value: number): this {
    this.#put64(this.length, value);
    this.length += 8;
    return this;
  }

  data(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  end(): this {
    this.#view.setUint32(0, this.length, LITTLE);
    return this;
  }

  #put64(at: number, value: number): void {
    this.#view.setUint32(at + (LITTLE ? 0 : 4), value >>> 0, LITTLE);
    this.#view.setUint32(at + (LITTLE ? 4 : 0), Math.floor(value / 2 ** 32), LITTLE);
  }

  /** struct fuse_read_in */
  read(unique: number, nodeId: number, fh: number, size: number, flags: number): this {
    return this.begin(Opcode.read, unique, nodeId).u64(fh).u64(0).u32(size).u32(0).u64(0).u32(flags).u32(0).end();
  }

  /** struct fuse_poll_in; POLLIN|POLLERR|POLLHUP is wanted */
  poll(unique: number, nodeId: number, fh: number, kh: number, schedule: boolean): this {
    const flags = schedule ? FUSE_POLL_SCHEDULE_NOTIFY : 0;
    return this.begin(Opcode.poll, unique, nodeId).u64(fh).u64(kh).u32(flags).u32(0x19).end();
  }
}

/** An answer or a notification, as far as the model looks at it. */
export class Message {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Whether it says of itself how long it is. */
  get whole(): boolean {
    return this.bytes.length >= 16 && this.#view.getUint32(0, LITTLE) === this.bytes.length;
  }

  /** Positive errno; 0 for success; for a notification minus its code. */
  get errno(): number {
    return 0 - this.#view.getInt32(4, LITTLE);
  }

  /** 0 in a notification. */
  get unique(): number {
    return this.u64(8);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, LITTLE);
  }

  u64(at: number): number {
    const [low, high] = LITTLE ? [at, at + 4] : [at + 4, at];
    return this.#view.getUint32(high, LITTLE) * 2 ** 32 + this.#view.getUint32(low, LITTLE);
  }
}
