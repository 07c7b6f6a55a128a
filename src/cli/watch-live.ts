import type { WriteStream } from 'node:tty';

import { lineOf, type Line } from './watch-lines.ts';

/** Ten pictures a second are as many as anybody sees. */
const PERIOD_MS = 100;
/** Rates are those of the last second. */
const WINDOW_MS = 1000;

const ERASE_LINE = '\r\x1b[K';

interface Snapshot {
  readonly at: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Lines on a terminal, with a last line of totals and rates that stays at the bottom. */
export class LiveView {
  readonly #out: WriteStream;
  readonly #counts = new Map<string, number>([['events', 0]]);
  /** The past second's, oldest first. */
  readonly #past: Snapshot[] = [];
  readonly #timer: NodeJS.Timeout;
  #lines: Line[] = [];
  #status = '';

  constructor(out: WriteStream) {
    this.#out = out;
    this.#timer = setInterval(() => this.#draw(), PERIOD_MS);
    this.#draw();
  }

  add(line: Line): void {
    const [kind, count] = 'lost' in line ? ['lost', line.lost] : [line.event, 1];
    for (const each of ['events', kind]) this.#counts.set(each, (this.#counts.get(each) ?? 0) + count);
    this.#lines.push(line);
  }

  /** Shows what is left, and takes the last line away. */
  end(): void {
    clearInterval(this.#timer);
    this.#draw();
    this.#out.write(ERASE_LINE);
  }

  #draw(): void {
    const status = this.#statusLine().slice(0, Math.max(0, (this.#out.columns || 80) - 1));
    if (this.#lines.length === 0 && status === this.#status) return;
    // More than a screen in one picture nobody reads, and a terminal may take its time for it.
    const most = this.#out.rows || 24;
    const hidden = Math.max(0, this.#lines.length - most);
    const shown = this.#lines.slice(hidden).map(line => `${lineOf(line)}\n`);
    if (hidden > 0) shown.unshift(`... ${hidden} more\n`);
    this.#out.write(`${ERASE_LINE}${shown.join('')}${status}`);
    this.#lines = [];
    this.#status = status;
  }

  /** `events 24, 10/s  raised 12, 5/s  delivered 12, 5/s` */
  #statusLine(): string {
    const at = performance.now();
    while (this.#past.length > 1 && at - this.#past[1]!.at >= WINDOW_MS) this.#past.shift();
    this.#past.push({ at, counts: new Map(this.#counts) });
    const [then] = this.#past;
    const seconds = Math.max(WINDOW_MS, at - then!.at) / 1000;
    return [...this.#counts]
      .map(([kind, count]) => `${kind} ${count}, ${Math.round((count - (then!.counts.get(kind) ?? 0)) / seconds)}/s`)
      .join('  ');
  }
}
