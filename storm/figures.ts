/** What is counted of a kind. */
export interface Figures {
  rounds: number;
  readers: number;
  /** Readers as the events see them: threads, of forks too. */
  threads: number;
  actions: number;
  /** Driver events, interrupts, faults and errors. */
  sent: number;
  delivered: number;
  coalesced: number;
  /** Times that an event was kept because it did not reach its reader. */
  kept: number;
  /** Events that went with a killed reader. */
  missed: number;
  kills: number;
  signals: number;
  flips: number;
  stops: number;
  remounts: number;
  /** Largest that was seen, in bytes: resident memory of the server, and its heap after a collection. */
  memory: number;
  heap: number;
}

export function noFigures(): Figures {
  return {
    rounds: 0,
    readers: 0,
    threads: 0,
    actions: 0,
    sent: 0,
    delivered: 0,
    coalesced: 0,
    kept: 0,
    missed: 0,
    kills: 0,
    signals: 0,
    flips: 0,
    stops: 0,
    remounts: 0,
    memory: 0,
    heap: 0,
  };
}

export function addFigures(to: Figures, more: Partial<Figures>): void {
  for (const [name, value] of Object.entries(more) as [keyof Figures, number][]) {
    to[name] = name === 'memory' || name === 'heap' ? Math.max(to[name], value) : to[name] + value;
  }
}
