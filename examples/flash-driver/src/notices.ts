/** What the driver has to say to those who have the card open. */
export interface Notices {
  /** A logical unit has another size now. */
  readonly lunResized: { readonly lun: number; readonly blocks: bigint };
  /** A Fibre Channel port lost its link and has it again; `resets` counts that since the driver was loaded. */
  readonly linkReset: { readonly port: number; readonly resets: number };
  /** The card did not answer a command in time. */
  readonly commandTimeout: { readonly commandTag: number; readonly afterMs: number };
}

export type Notice = { [N in keyof Notices]: { readonly name: N; readonly values: Notices[N] } }[keyof Notices];

/** How one opener is told. */
export interface Channel {
  notify(notice: Notice): void;
}

/** The interrupt with which the card says that a command is done. */
export const COMMAND_DONE = 1;
/** For versions of afukit without driver events: the interrupt that stands for each. */
export const noticeInterrupts: Readonly<Record<keyof Notices, number>> = {
  lunResized: 2,
  linkReset: 3,
  commandTimeout: 4,
};
/** How many interrupts an opener gets. */
export const INTERRUPTS = 4;
