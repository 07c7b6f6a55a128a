import type { Kernel } from '../doors/kernel.ts';
import { Actor } from './actor.ts';

/** The process that serves the mount: it reads one packet after the other. */
export class Server extends Actor {
  readonly name = 'server';
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, footprint: number) {
    super(['reads a packet'], footprint);
    this.#kernel = kernel;
  }

  override can(): boolean {
    return this.#kernel.waiting;
  }

  override act(): void {
    this.said = this.#kernel.serve();
  }

  override fingerprint(): void {}

  override belief(): string | undefined {
    return this.#kernel.waiting ? 'the server has packets to read' : undefined;
  }
}
