// Plays the kernel for a session over MemoryTransport: builds requests field by field, takes answers apart.
import { endianness } from 'node:os';

import type { DirectoryNode, SessionOptions } from '../../src/fuse/index.ts';
import { MemoryTransport, Session } from '../../src/fuse/index.ts';
import { FuseInitFlag, FuseOpcode } from '../../src/fuse/wire.ts';

export const LITTLE: boolean = endianness() === 'LE';

/** One field of a message: [width in bytes, value]; text is a NUL-terminated name, bytes are themselves. */
export type Field = readonly [4 | 8 | 2, number | bigint] | string | Uint8Array;

export const u16 = (value: number): Field => [2, value];
export const u32 = (value: number): Field => [4, value];
export const u64 = (value: number | bigint): Field => [8, value];

export function bytesOf(...fields: Field[]): Uint8Array {
  const parts = fields.map(field => {
    if (typeof field === 'string') return Buffer.from(`${field}\0`);
    if (field instanceof Uint8Array) return field;
    const [width, value] = field;
    const view = new DataView(new ArrayBuffer(width));
    if (width === 8) view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), LITTLE);
    else if (width === 4) view.setUint32(0, Number(value), LITTLE);
    else view.setUint16(0, Number(value), LITTLE);
    return new Uint8Array(view.buffer);
  });
  return new Uint8Array(Buffer.concat(parts));
}

export interface Header {
  unique?: number | bigint;
  nodeId?: number | bigint;
  uid?: number;
  gid?: number;
  pid?: number;
  /** What the header claims, when it lies. */
  length?: number;
}

/** struct fuse_in_header and a body. */
export function packet(opcode: number, header: Header, ...body: Field[]): Uint8Array {
  const tail = bytesOf(...body);
  const { unique = 2, nodeId = 1, uid = 0, gid = 0, pid = 1, length = 40 + tail.length } = header;
  const head = bytesOf(u32(length), u32(opcode), u64(unique), u64(nodeId), u32(uid), u32(gid), u32(pid), u32(0));
  return new Uint8Array(Buffer.concat([head, tail]));
}

export interface Answer {
  unique: number;
  /** Positive errno, 0 for success. */
  errno: number;
  body: Buffer;
}

export function answerOf(message: Uint8Array): Answer {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (view.getUint32(0, LITTLE) !== message.byteLength) throw new Error('an answer whose length is not its length');
  return {
    unique: Number(view.getBigUint64(8, LITTLE)),
    errno: view.getInt32(4, LITTLE) === 0 ? 0 : -view.getInt32(4, LITTLE),
    body: Buffer.from(message.subarray(16)),
  };
}

/** A connection that takes backing files, or refuses them, and writes down what it was asked. */
export class BackingTransport extends MemoryTransport {
  readonly asked: string[] = [];
  refusal: Error | undefined;
  #last = 0x1000;

  openBacking(fd: number): number {
    this.asked.push(`open ${fd}`);
    if (this.refusal) throw this.refusal;
    return ++this.#last;
  }

  closeBacking(id: number): void {
    this.asked.push(`close 0x${id.toString(16)}`);
  }
}

/** A session with a kernel that is played by the test. */
export class Kernel {
  readonly transport: MemoryTransport;
  readonly warnings: string[] = [];
  readonly session: Session;
  #unique = 2;

  constructor(root: DirectoryNode, options: SessionOptions = {}, transport: MemoryTransport = new MemoryTransport()) {
    this.transport = transport;
    this.session = new Session(this.transport, root, { onWarning: message => this.warnings.push(message), ...options });
    this.session.start();
  }

  /** Sends one request; its unique. */
  send(opcode: number, header: Header, ...body: Field[]): number {
    const unique = (this.#unique += 2);
    this.transport.deliver(packet(opcode, { unique, ...header }, ...body));
    return unique;
  }

  answers(): Answer[] {
    return this.transport.take().map(answerOf);
  }

  /** Sends one request and takes the one answer that it must have had by now. */
  ask(opcode: number, header: Header, ...body: Field[]): Answer {
    const unique = this.send(opcode, header, ...body);
    const [answer, ...more] = this.answers();
    if (!answer || more.length > 0 || answer.unique !== unique) throw new Error(`not one answer: ${unique}`);
    return answer;
  }

  init(minor = 45, flags2 = 0x7ff): Answer {
    const flags = Object.values(FuseInitFlag).reduce((all, bit) => all | bit, 0) >>> 0;
    const body = [u32(7), u32(minor), u32(131072), u32(flags), u32(flags2), new Uint8Array(44)];
    return this.ask(FuseOpcode.FUSE_INIT, { nodeId: 0 }, ...body);
  }

  /** The node id of a name. */
  lookup(name: string, parent = 1): number {
    const { errno, body } = this.ask(FuseOpcode.FUSE_LOOKUP, { nodeId: parent }, name);
    if (errno) throw new Error(`LOOKUP ${name}: errno ${errno}`);
    return Number(read64(body, 0));
  }

  /** The fh of a freshly opened file. */
  open(nodeId: number, flags = 0): number {
    const { errno, body } = this.ask(FuseOpcode.FUSE_OPEN, { nodeId }, u32(flags), u32(0));
    if (errno) throw new Error(`OPEN: errno ${errno}`);
    return Number(read64(body, 0));
  }

  openName(name: string, flags = 0): number {
    return this.open(this.lookup(name), flags);
  }
}

export const read64 = (body: Buffer, at: number): bigint =>
  LITTLE ? body.readBigUInt64LE(at) : body.readBigUInt64BE(at);
export const read32 = (body: Buffer, at: number): number => (LITTLE ? body.readUInt32LE(at) : body.readUInt32BE(at));

/** Bodies of the requests that most tests send. */
export const readBody = (fh: number, size = 4096, offset = 0, flags = 0): Field[] => [
  u64(fh),
  u64(offset),
  u32(size),
  u32(0),
  u64(0),
  u32(flags),
  u32(0),
];
export const writeBody = (fh: number, data: Uint8Array, offset = 0, flags = 0): Field[] => [
  u64(fh),
  u64(offset),
  u32(data.byteLength),
  u32(0),
  u64(0),
  u32(flags),
  u32(0),
  data,
];
export const ioctlBody = (fh: number, command: number, input: Uint8Array, outputSize: number, flags = 0): Field[] => [
  u64(fh),
  u32(flags),
  u32(command),
  u64(0x7ffc00001000),
  u32(input.byteLength),
  u32(outputSize),
  input,
];
export const pollBody = (fh: number, kh: number | bigint, schedule: boolean, events = 1): Field[] => [
  u64(fh),
  u64(kh),
  u32(schedule ? 1 : 0),
  u32(events),
];
export const releaseBody = (fh: number): Field[] => [u64(fh), u32(0), u32(0), u64(0)];
