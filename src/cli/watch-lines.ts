import type { Report, ReportedEvent } from '../devfs/index.ts';

/** A line of `debug/cxl/events`. */
export type Line = Report | { readonly lost: number };

const which = ({ kind, irq }: Report): string => (irq === undefined ? (kind ?? '') : `${kind} ${irq}`);
const nothing = (): string => '';
const moduleName = ({ module = '' }: Report): string => module;

/** What happened, in a few words. */
const details: Readonly<Record<ReportedEvent, (report: Report) => string>> = {
  open: nothing,
  start: nothing,
  detach: nothing,
  close: nothing,
  raised: report => which(report) + (report.coalesced ? ', coalesced' : ''),
  announced: ({ count }) => `${count} driver`,
  fetched: ({ dataSize }) => `${dataSize} bytes`,
  delivered: which,
  'copy-failed': report => `${which(report)}, ${report.kept ? 'kept' : 'lost'}`,
  'module-get': moduleName,
  'module-put': moduleName,
  link: ({ link = '' }) => link,
  diagnostic: ({ problem = '' }) => problem,
};

/** `[12.345678] raised      afu0.0 pe 0   interrupt 1   python3[123]` */
export function lineOf(line: Line): string {
  if ('lost' in line) return `... ${line.lost} events are not shown: they came faster than they were read`;
  const { time, event, card = '', afu, pe, pid, command } = line;
  const where = afu === undefined ? card : `${afu} pe ${pe}`;
  const who = pid ? `${command ?? '?'}[${pid}]` : '';
  const what = details[event](line);
  const text = `[${time.toFixed(6)}] ${event.padEnd(11)} ${where.padEnd(12)} ${what.padEnd(13)} ${who}`;
  return printable(text).trimEnd();
}

/** A command's or a driver's text must not move the cursor. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
