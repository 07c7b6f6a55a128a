// /dev/fuse read by libuv's event loop, no pool thread; what follows closely is read before the loop sleeps again.
import { Socket } from 'node:net';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';

import type { Transport } from '../types.ts';
import { RECEIVE_BUFFER } from '../wire.ts';
import { closeBacking, openBacking } from './backing.ts';
import { sendTo, unexpected } from './device.ts';
import { readerOf, Spinner } from './spin.ts';

/** Packets after which koffi is loaded, to spin with: a server that hardly anybody asks does without. */
const BUSY = 64;

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
  readonly #buffer: Uint8Array = new Uint8Array(RECEIVE_BUFFER);
  #onPacket: (packet: Uint8Array, length: number) => void = () => {};
  #socket: Socket | undefined;
  #closed = false;
  /** Packets until there is a spinner, when one is wanted. */
  #untilSpinner: number;
  #spinner: Spinner | undefined;
  #handling = false;
  /** Something was sent since the last packet came: its sender may well ask again. */
  #sent = false;
  #spinSoon = false;

  /** @throws Error when this Node has no pipe binding, or it does not take the descriptor; `fd` is then still the caller's */
  constructor(fd: number, spin = true) {
    const binding = pipeBinding();
    if (!binding) throw new Error("this Node has no process.binding('pipe_wrap'); use the reader 'parked'");
    this.#fd = fd;
    this.#untilSpinner = spin ? BUSY : Infinity;
    this.#handle = new binding.Pipe(binding.constants.SOCKET);
    const status = this.#handle.open(fd);
    if (status) throw new Error(`the pipe binding did not take /dev/fuse (libuv error ${status})`);
  }

  start(onPacket: (packet: Uint8Array, length: number) => void, onClose: (error?: Error) => void): void {
    this.#onPacket = onPacket;
    const options: SocketConstructorOpts & { handle: PipeHandle; onread: OnReadOpts } = {
      handle: this.#handle,
      onread: {
        buffer: this.#buffer,
        // What read(2) put at the buffer's start: always one whole packet, /dev/fuse gives no less and no more.
        callback: length => {
          if (this.#handlePacket(length)) this.#spin();
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

  /** Whether it was answered at once: otherwise what answers it may need the event loop. */
  readonly #handlePacket = (length: number): boolean => {
    this.#sent = false;
    this.#handling = true;
    try {
      this.#onPacket(this.#buffer, length);
    } finally {
      this.#handling = false;
    }
    return this.#sent;
  };

  #spin(): void {
    if (this.#spinner) {
      if (this.#spinner.run(this.#handlePacket)) this.#spinAfterwards();
    } else if (--this.#untilSpinner === 0) {
      const read = readerOf(this.#fd, this.#buffer);
      // The number may be another file's once it is closed.
      if (read) this.#spinner = new Spinner(() => (this.#closed || this.#socket?.destroyed ? 0 : read()));
    }
  }

  send(bytes: Uint8Array, length: number): boolean {
    if (this.#closed) return false;
    this.#sent = true;
    if (!this.#handling && this.#spinner?.busy) this.#spinAfterwards();
    return sendTo(this.#fd, bytes, length);
  }

  /** Before the event loop sleeps, but not now: others want their turn, or are in the middle of something. */
  #spinAfterwards(): void {
    if (this.#spinSoon) return;
    this.#spinSoon = true;
    setImmediate(() => {
      this.#spinSoon = false;
      this.#spin();
    });
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
