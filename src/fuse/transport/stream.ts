// /dev/fuse read by libuv's event loop: one readiness, one read(2), one packet, no pool thread.
import { Socket } from 'node:net';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';

import type { Transport } from '../types.ts';
import { RECEIVE_BUFFER } from '../wire.ts';
import { closeBacking, openBacking } from './backing.ts';
import { sendTo, unexpected } from './device.ts';

/** The part of Node's internal pipe handle that is used: uv_pipe_t, which takes any pollable descriptor. */
interface PipeHandle {
  open(fd: number): number | undefined;
  close(): void;
}
type PipeClass = new (type: number) => PipeHandle;

interface PipeBinding {
  Pipe: PipeClass;
  constants: { SOCKET: number };
}

function isPipeBinding(binding: unknown): binding is PipeBinding {
  return typeof binding === 'object' && binding !== null && 'Pipe' in binding && 'constants' in binding;
}

/**
 * Node's own pipe binding, or undefined where it is gone. `process.binding` is deprecated (DEP0111, a warning only under
 * --pending-deprecation), and it is the only way to a stream over /dev/fuse: net.Socket's `fd` option takes pipes and
 * sockets alone.
 */
export function pipeBinding(): PipeBinding | undefined {
  try {
    const binding: unknown = Reflect.get(process, 'binding');
    const found: unknown = typeof binding === 'function' ? Reflect.apply(binding, process, ['pipe_wrap']) : undefined;
    return isPipeBinding(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Owns `fd`. libuv makes it non-blocking and watches it with epoll. */
export class StreamTransport implements Transport {
  readonly #fd: number;
  readonly #handle: PipeHandle;
  #socket: Socket | undefined;
  #closed = false;

  /** @throws Error when this Node has no pipe binding, or it does not take the descriptor; `fd` is then still the caller's */
  constructor(fd: number) {
    const binding = pipeBinding();
    if (!binding) throw new Error("this Node has no process.binding('pipe_wrap'); use the reader 'parked'");
    this.#fd = fd;
    this.#handle = new binding.Pipe(binding.constants.SOCKET);
    const status = this.#handle.open(fd);
    if (status) throw new Error(`the pipe binding did not take /dev/fuse (libuv error ${status})`);
  }

  start(onPacket: (packet: Uint8Array, length: number) => void, onClose: (error?: Error) => void): void {
    const buffer = new Uint8Array(RECEIVE_BUFFER);
    const options: SocketConstructorOpts & { handle: PipeHandle; onread: OnReadOpts } = {
      handle: this.#handle,
      onread: {
        buffer,
        // What read(2) put at the buffer's start: always one whole packet, /dev/fuse gives no less and no more.
        callback: length => {
          onPacket(buffer, length);
          return true;
        },
      },
    };
    let failure: Error | undefined;
    const socket = new Socket(options);
    socket.on('error', error => (failure = unexpected(error)));
    socket.on('close', () => {
      this.#closed = true;
      onClose(failure);
    });
    this.#socket = socket;
  }

  send(bytes: Uint8Array, length: number): boolean {
    return !this.#closed && sendTo(this.#fd, bytes, length);
  }

  openBacking(fd: number): number {
    return openBacking(this.#fd, fd);
  }

  closeBacking(id: number): void {
    if (!this.#closed) closeBacking(this.#fd, id);
  }

  /** The descriptor is closed when this returns, which aborts the connection; `onClose` comes in a later tick. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#socket) this.#socket.destroy();
    else this.#handle.close();
  }
}
