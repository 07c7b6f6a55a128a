// A connection without a kernel: tests hand in packets and look at the answers.
import type { Transport } from '../types.ts';

/** Keeps a copy of every message sent. Packets can only be delivered between `start` and the end. */
export class MemoryTransport implements Transport {
  /** What was sent, oldest first. */
  readonly sent: Uint8Array[] = [];
  /** Asked for each message; false plays a kernel that no longer knows the request (ENOENT). It may also throw. */
  accept: (message: Uint8Array) => boolean = () => true;
  #onPacket: ((packet: Uint8Array, length: number) => void) | undefined;
  #onClose: ((error?: Error) => void) | undefined;

  start(onPacket: (packet: Uint8Array, length: number) => void, onClose: (error?: Error) => void): void {
    this.#onPacket = onPacket;
    this.#onClose = onClose;
  }

  send(bytes: Uint8Array, length: number): boolean {
    const message = bytes.slice(0, length);
    const accepted = this.accept(message);
    if (accepted) this.sent.push(message);
    return accepted;
  }

  close(): void {
    this.end();
  }

  /** One packet from the kernel, handled before this returns. */
  deliver(packet: Uint8Array, length: number = packet.byteLength): void {
    this.#onPacket?.(packet, length);
  }

  /** The kernel ends the connection: unmounted, or with an error. */
  end(error?: Error): void {
    const onClose = this.#onClose;
    this.#onClose = undefined;
    this.#onPacket = undefined;
    onClose?.(error);
  }

  /** Takes what was sent since the last call. */
  take(): Uint8Array[] {
    return this.sent.splice(0);
  }
}
