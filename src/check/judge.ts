// What one context owes its readers: asked at every poll and read, whatever the door.
import type { Fingerprint } from './fingerprint.ts';
import type { Invariant } from './system.ts';

/** Takes note of a violation. */
export type Blame = (invariant: Invariant, text: string) => void;

/** Judges what readers of one context are told. */
export abstract class Judge {
  protected readonly blame: Blame;
  /** Counts what may change an answer that somebody was given: events, reads that got one, steps in the context's life. */
  disturbances = 0;
  /** Counts what an edge-triggered epoll must report. */
  news = 0;
  closed = false;
  /** The connection was aborted: readers hear of the context no more. */
  off = false;
  link = true;

  constructor(blame: Blame) {
    this.blame = blame;
  }

  /** Whoever sleeps must have been woken: there is an event, or an error for ever. */
  abstract readonly ready: boolean;
  /** Somebody was told this mask. */
  abstract polled(who: string, mask: number): void;
  /** A reader with room for `room` bytes gets these `size`, or is about to: the copy may still fail. */
  abstract given(who: string, bytes: Uint8Array, offset: number, size: number, room: number): void;
  /** They arrived. */
  abstract arrived(): void;
  /** They did not. */
  abstract failed(): void;
  /** A reader with room for `room` bytes was told this errno; 0: it went to sleep, or was told EAGAIN. */
  abstract refused(who: string, errno: number, room: number): void;
  abstract fingerprint(into: Fingerprint): void;
  /** What a read gave last, for {@link text}. */
  abstract readonly last: unknown;
  abstract text(given: unknown): string;
  /** What is the case, for the story. */
  abstract belief(): string;

  // What happens to the context; a judge that knows more takes note of more.

  interrupt(_number: number): void {
    this.changed();
  }

  fault(_address: number): void {
    this.changed();
  }

  error(_code: number): void {
    this.changed();
  }

  inject(_value: number): void {
    this.changed();
  }

  /** Whether the event that a driver posts counts. */
  post(_value: number): boolean {
    this.changed();
    return true;
  }

  nudge(): void {
    this.disturbances++;
  }

  detached(): void {
    if (!this.closed) this.news++;
    this.closed = true;
  }

  protected changed(): void {
    this.disturbances++;
    this.news++;
  }
}
