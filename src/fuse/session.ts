// One connection: packets in, each dispatched through the opcode table, and the end of it all.
import { constants } from 'node:os';

import { errnoOf } from './errors.ts';
import { MALFORMED } from './operations/operation.ts';
import type { Operation } from './operations/operation.ts';
import { operationOf } from './operations/table.ts';
import { Packet } from './packet.ts';
import { describe, Server } from './server.ts';
import { traceLine } from './trace.ts';
import type { DirectoryNode, SessionOptions, Transport } from './types.ts';

const { EIO, ENOSYS } = constants.errno;

/**
 * Serves one tree over one connection. Every packet is handled, and answered unless a handler parks it or returns a promise,
 * within the tick that delivered it. A handler's fault is answered EIO and reported once; it never ends the session.
 */
export class Session implements AsyncDisposable {
  /** Resolves when the connection has ended and every open file was released; never rejects. */
  readonly closed: Promise<void>;
  /** Resolves true once the kernel and we agreed on a protocol version, false when the session ended before. */
  readonly ready: Promise<boolean>;
  /** Why the session ended, when it was neither unmounted, aborted nor closed. */
  failure: Error | undefined;
  readonly #transport: Transport;
  readonly #server: Server;
  readonly #packet = new Packet();
  #resolveClosed!: () => void;
  #resolveReady!: (ready: boolean) => void;
  #started = false;
  #ended = false;

  constructor(transport: Transport, root: DirectoryNode, options: SessionOptions = {}) {
    this.closed = new Promise(resolve => (this.#resolveClosed = resolve));
    this.ready = new Promise(resolve => (this.#resolveReady = resolve));
    this.#transport = transport;
    this.#server = new Server(transport, root, options, refusal => this.#settled(refusal));
  }

  /** Begins to read packets. @throws Error when called twice or after `close` */
  start(): void {
    if (this.#started) throw new Error('Session.start: the session was started before or is closed');
    this.#started = true;
    this.#transport.start(
      (bytes, length) => this.#receive(bytes, length),
      error => this.#end(error),
    );
  }

  /** Ends the connection: cancels what waits, releases every open file, closes the transport. `closed` tells when done. */
  close(): void {
    if (this.#ended) return;
    this.#letGo();
    if (this.#started) {
      this.#transport.close();
    } else {
      this.#started = true;
      this.#transport.close();
      this.#end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  #receive(bytes: Uint8Array, length: number): void {
    const packet = this.#packet;
    const { link } = this.#server;
    if (!packet.load(bytes, length)) {
      link.warn(`a packet of ${length} bytes is shorter than its header, it is dropped`);
      return;
    }
    const operation = operationOf(packet.opcode);
    if (link.trace) link.trace(traceLine(packet, operation));
    if (packet.claimed !== length) {
      link.warn(`a ${operation?.name ?? packet.opcode} packet of ${length} bytes says it has ${packet.claimed}`);
      if (operation?.reply !== false) this.#refuse(EIO);
    } else if (operation) {
      this.#perform(operation);
    } else {
      this.#refuse(ENOSYS);
    }
  }

  #perform(operation: Operation): void {
    const packet = this.#packet;
    // Handlers may cause other answers but never another packet, so these stay what they are.
    const { uniqueHigh, uniqueLow } = packet;
    const at = packet.take(operation.input.SIZE);
    let outcome;
    try {
      outcome = at === undefined ? MALFORMED : operation.handle(this.#server, packet, at);
    } catch (error) {
      outcome = this.#threw(operation, error);
    }
    if (outcome === MALFORMED) {
      this.#server.link.warn(`malformed ${operation.name} packet of ${packet.length} bytes`);
      outcome = -EIO;
    }
    if (outcome === undefined || !operation.reply) return;
    if (outcome < 0) this.#server.link.refuse(uniqueHigh, uniqueLow, -outcome);
    else this.#server.link.answer(uniqueHigh, uniqueLow, outcome);
  }

  // A node's attributes, lookup, entries, target or open, or an open file's poll.
  #threw(operation: Operation, error: unknown): number {
    const errno = errnoOf(error);
    // The kernel would remember ENOSYS and never ask again: one file's answer must not switch off poll or open for all.
    if (errno !== undefined && errno !== ENOSYS) return -errno;
    const { nodeId } = this.#packet;
    const node = `"${this.#server.inodes.nameOf(nodeId)}" (node ${nodeId})`;
    this.#server.link.warn(`${operation.name} of ${node}: threw ${describe(error)}; EIO is answered`);
    return -EIO;
  }

  #refuse(errno: number): void {
    this.#server.link.refuse(this.#packet.uniqueHigh, this.#packet.uniqueLow, errno);
  }

  #settled(refusal?: Error): void {
    if (refusal) {
      this.failure = refusal;
      // After the answer to INIT, which the caller sends when it returns.
      queueMicrotask(() => this.close());
    } else {
      this.#resolveReady(true);
    }
  }

  #letGo(): void {
    this.#server.link.end();
    this.#server.handles.closeAll();
  }

  #end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#letGo();
    if (error) {
      this.failure ??= error;
      this.#server.link.warn(`the connection ended: ${describe(error)}`);
    }
    this.#resolveReady(false);
    this.#resolveClosed();
  }
}
