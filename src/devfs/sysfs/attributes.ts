import { CxlError, type Adapter } from '../../core/index.ts';
import { textFile, type FileNode, type Node } from '../../fuse/index.ts';
import { CXL_MAJOR } from '../numbers.ts';

/** One file of a directory of sysfs: what it says of `of`, in the kernel's format, and what writing to it does. */
export interface Attribute<T> {
  /** One value, or one for each line; the newline at the end is added, unless there is nothing at all. */
  readonly read?: (of: T) => string | number;
  /** Acts; throws a CxlError to refuse. */
  readonly write?: (of: T, text: string) => void;
  /** Whether it is there at all; default: always. */
  readonly exists?: (of: T) => boolean;
}
export type Attributes<T> = Readonly<Record<string, Attribute<T>>>;

/** Whether what a directory stands for is still there; an attribute that was opened before answers ENODEV when not. */
export type Presence = () => boolean;

/** Until the card leaves: when it is back, it is another one. */
export function presenceOf(adapter: Adapter): Presence {
  const { appearances } = adapter;
  return () => !adapter.gone && adapter.appearances === appearances;
}

/** @throws CxlError ENODEV */
export function need(there: Presence, syscall: string): void {
  if (!there()) throw new CxlError('ENODEV', syscall, 'what it belonged to is gone');
}

/** The files of a table. */
export function attributeFiles<T>(attributes: Attributes<T>, of: T, there: Presence): Record<string, Node> {
  const files = Object.entries(attributes)
    .filter(([, attribute]) => attribute.exists?.(of) ?? true)
    .map(([name, attribute]) => [name, attributeFile(attribute, of, there)]);
  return Object.fromEntries(files) as Record<string, Node>;
}

function attributeFile<T>({ read, write }: Attribute<T>, of: T, there: Presence): FileNode {
  return textFile({
    ...(read && {
      read: () => {
        need(there, 'read');
        const text = String(read(of));
        return text === '' ? '' : `${text}\n`;
      },
    }),
    ...(write && {
      write: (text: string) => {
        need(there, 'write');
        write(of, text);
      },
    }),
  });
}

/** `MAJOR:MINOR` of a device file. */
export function devAttribute<T>(minorOf: (of: T) => number): Attribute<T> {
  return { read: of => `${CXL_MAJOR}:${minorOf(of)}` };
}

const ACTIONS = /^(add|remove|change|move|online|offline|bind|unbind)(\s|$)/;

/**
 * `uevent`: what a hot-plug event says of a device. Writing the name of one is taken, and nobody hears it.
 * C original: `uevent_show`, `uevent_store` (drivers/base/core.c).
 */
export function ueventAttribute<T>(lines: (of: T) => Readonly<Record<string, string | number>>): Attribute<T> {
  return {
    read: of =>
      Object.entries(lines(of))
        .map(([key, value]) => `${key}=${value}`)
        .join('\n'),
    write: (_, text) => {
      if (!ACTIONS.test(text)) throw new CxlError('EINVAL', 'write', 'not the name of an event');
    },
  };
}

/** What `uevent` says of a device file. C original: `dev_uevent` (drivers/base/core.c). */
export function deviceLines(minor: number, name: string): Readonly<Record<string, string | number>> {
  return { MAJOR: CXL_MAJOR, MINOR: minor, DEVNAME: `cxl/${name}` };
}

/**
 * The number at the start of a text as the kernel's sscanf reads `%i`: blanks, a minus, then decimal, 0x hexadecimal or 0
 * octal, cut to 32 bits; what follows does not matter. Undefined when there is none.
 * C original: `vsscanf` (lib/vsprintf.c).
 */
export function scanInteger(text: string): number | undefined {
  const [, minus, digits] = /^[\t-\r ]*(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const octal = /^0[0-7]/.test(digits);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  return Number(BigInt.asIntN(32, minus ? -value : value));
}
