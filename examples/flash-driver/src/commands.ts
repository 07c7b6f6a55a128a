import { CxlError } from 'afukit/driver';

/** What can be asked of the control file. */
export type Command =
  | { readonly verb: 'complete' | 'detach' }
  | { readonly verb: 'resize'; readonly lun: number; readonly blocks: bigint }
  | { readonly verb: 'reset'; readonly port: number }
  | { readonly verb: 'timeout'; readonly tag: number; readonly afterMs: number };

export const usage =
  'complete | resize LUN BLOCKS | reset PORT | timeout TAG MILLISECONDS | detach, each with " to PE" or for all';

const U8 = 0xffn;
const U32 = 0xffff_ffffn;
const U64 = 0xffff_ffff_ffff_ffffn;

/**
 * Reads one command, and for which process element it is: all, where none is named.
 * @throws CxlError EINVAL for anything that is not a command
 */
export function parseCommand(text: string): { readonly command: Command; readonly pe: number | undefined } {
  const [words = '', to, ...more] = text.trim().split(/ +to +/);
  if (more.length > 0) throw refused(text);
  const pe = to === undefined ? undefined : Number(number(to, U32, text));
  const [verb = '', ...args] = words.split(/ +/);
  const most = limits[verb];
  if (!most || most.length !== args.length) throw refused(text);
  const [first = 0n, second = 0n] = args.map((arg, at) => number(arg, most[at]!, text));
  return { command: command(verb, first, second), pe };
}

/** The largest value of each argument, by command. */
const limits: Readonly<Record<string, readonly bigint[] | undefined>> = {
  __proto__: null as never,
  complete: [],
  resize: [U32, U64],
  reset: [U8],
  timeout: [U32, U32],
  detach: [],
};

function command(verb: string, first: bigint, second: bigint): Command {
  switch (verb) {
    case 'resize':
      return { verb, lun: Number(first), blocks: second };
    case 'reset':
      return { verb, port: Number(first) };
    case 'timeout':
      return { verb, tag: Number(first), afterMs: Number(second) };
    default:
      return { verb: verb as 'complete' | 'detach' };
  }
}

function number(word: string, most: bigint, text: string): bigint {
  if (!/^\d{1,20}$/.test(word) || BigInt(word) > most) throw refused(text);
  return BigInt(word);
}

function refused(text: string): CxlError {
  return new CxlError('EINVAL', 'write', `"${text.trim()}" is not one of: ${usage}`);
}
