// The shape of one entry of the opcode table.
import { constants } from 'node:os';

import type { Packet } from '../packet.ts';
import type { Server } from '../server.ts';

/** A struct layout of wire.ts: field offsets, and SIZE. */
export type Layout = Readonly<Record<string, number>> & { readonly SIZE: number };

/**
 * What an operation leaves to the session: answer a body of that many bytes (0 or more) that is in the reply buffer, answer
 * an errno (negative), answer EIO and say that the packet was MALFORMED, or nothing (undefined), because the operation
 * answers itself.
 */
export type Outcome = number | undefined;

/** Far below every errno. */
export const MALFORMED = -100000;

/** `at` is where the fixed struct begins in the packet; the session has checked that it is all there. */
export type Handler = (server: Server, packet: Packet, at: number) => Outcome;

export interface Operation {
  /** The kernel's name without FUSE_. */
  readonly name: string;
  /** The fixed struct after the header, for the length check and the trace. */
  readonly input: Layout;
  /** How many NUL-terminated names follow it. */
  readonly names?: number;
  /** False: the kernel expects no answer and would take one for an error. */
  readonly reply: boolean;
  readonly handle: Handler;
}

export const NOTHING: Layout = { SIZE: 0 };

/** An operation that is always answered the same errno. */
export function always(code: 'ENOSYS' | 'EPERM' | 'EOPNOTSUPP'): Handler {
  const errno = constants.errno[code];
  return () => -errno;
}
