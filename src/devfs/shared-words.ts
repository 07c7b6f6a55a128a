// Words that a program has mapped shared: mapped here too, so that the processor's own atomic instructions work on them.
import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';

import { MAP_ANONYMOUS, MAP_FAILED, MAP_FIXED, MAP_SHARED, PROT_NONE, PROT_READ, PROT_WRITE, libc } from './libc.ts';
import { areaAt, type MappedArea } from './memory-map.ts';

/** Pages mapped at the same time for one process: doorbells are few. */
const SLOTS = 8;

/** One page of a file that is mapped here; the file stays open, so that its inode's number is not used again. */
interface Slot {
  readonly key: string;
  readonly fd: number;
  readonly offset: bigint;
}

/** Address space of our own, of which each slot is one page. It never moves, so one buffer lies over all of it. */
interface Window {
  readonly at: bigint;
  readonly pageSize: number;
  /** The device of memory that is shared without a file (memfd_create, MAP_ANONYMOUS, shmat): the window's own. */
  readonly anonymousDevice: string;
  readonly words: { readonly 4: Uint32Array; readonly 8: BigUint64Array };
}

/**
 * The shared words of one program. V8 compiles Atomics to the same locked instructions whether or not a buffer is a
 * SharedArrayBuffer, so they are atomic towards the program's threads.
 */
export class SharedWords {
  #window: Window | undefined;
  readonly #slots: Slot[] = [];
  #next = 0;

  /**
   * As {@link ProgramMemory.compareExchange}, for an address in an area that is shared, readable and writable.
   * @param threadId a thread of the program, whose area `area` was just now
   */
  compareExchange(
    threadId: number,
    area: MappedArea,
    address: bigint,
    width: 4 | 8,
    expected: bigint,
    desired: bigint,
  ): bigint | undefined {
    const window = (this.#window ??= openWindow());
    if (!window) return undefined;
    const { pageSize, words } = window;
    const inPage = Number(address % BigInt(pageSize));
    const slot = this.#slotOf(window, threadId, area, address - BigInt(inPage));
    // A page that the file no longer reaches is a SIGBUS, here as there. The program that cuts its file short between
    // these two lines ends us; there is no way to touch memory under another's control that cannot.
    if (slot === undefined || !reaches(this.#slots[slot]!)) return undefined;
    const index = (slot * pageSize + inPage) / width;
    if (width === 8) {
      return Atomics.compareExchange(words[8], index, BigInt.asUintN(64, expected), BigInt.asUintN(64, desired));
    }
    const [from, to] = [Number(BigInt.asUintN(32, expected)), Number(BigInt.asUintN(32, desired))];
    return BigInt(Atomics.compareExchange(words[4], index, from, to));
  }

  /** Unmaps everything. */
  close(): void {
    for (const { fd } of this.#slots.splice(0)) closeSync(fd);
    if (this.#window) libc().munmap(this.#window.at, SLOTS * this.#window.pageSize);
    this.#window = undefined;
  }

  /** The slot that has what lies at `page` in the program now; undefined when it cannot be mapped here. */
  #slotOf(window: Window, threadId: number, area: MappedArea, page: bigint): number | undefined {
    const offset = area.offset + page - area.start;
    const key = `${area.device} ${area.inode} ${offset} ${area.name}`;
    const found = this.#slots.findIndex(slot => slot.key === key);
    if (found !== -1) return found;
    if (!isOpenable(threadId, area.device, window.anonymousDevice)) return undefined;
    const fd = openFileOf(threadId, area);
    if (fd === undefined) return undefined;
    const slot = this.#next;
    const at = window.at + BigInt(slot * window.pageSize);
    // What was opened is what was looked at only if the program has not mapped something else there meanwhile.
    const unchanged = sameArea(area, areaAt(threadId, page));
    if (!unchanged || !mapPage(at, window.pageSize, fd, offset)) {
      closeSync(fd);
      return undefined;
    }
    const replaced = this.#slots[slot];
    if (replaced) closeSync(replaced.fd);
    this.#slots[slot] = { key, fd, offset };
    this.#next = (slot + 1) % SLOTS;
    return slot;
  }
}

function openWindow(): Window | undefined {
  const { getpagesize, mmap, view } = libc();
  const pageSize = getpagesize();
  const size = SLOTS * pageSize;
  const at = mmap(0n, size, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0n);
  if (at === MAP_FAILED) return undefined;
  const buffer = view(at, size);
  const words = { 4: new Uint32Array(buffer), 8: new BigUint64Array(buffer) };
  return { at, pageSize, anonymousDevice: areaAt(process.pid, at)?.device ?? '', words };
}

/** Over what the slot had before; when it fails that is still there. */
function mapPage(at: bigint, size: number, fd: number, offset: bigint): boolean {
  return libc().mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset) !== MAP_FAILED;
}

function reaches({ fd, offset }: Slot): boolean {
  return BigInt(fstatSync(fd).size) > offset;
}

function sameArea(one: MappedArea, other: MappedArea | undefined): boolean {
  return other !== undefined && Object.keys(one).every(key => one[key as keyof MappedArea] === other[key as 'start']);
}

/**
 * Whether a file of this device may be opened. Never one of a FUSE mount: it may be ours, and we would wait for ourselves.
 * The program may be in another mount namespace, so both tables count.
 */
function isOpenable(threadId: number, device: string, anonymousDevice: string): boolean {
  if (device === anonymousDevice) return true;
  const [major, minor] = device.split(':').map(digits => parseInt(digits, 16));
  for (const who of [threadId, 'self']) {
    const mounts = textOf(`/proc/${who}/mountinfo`);
    const type = new RegExp(`^\\d+ \\d+ ${major}:${minor} .* - (\\S+) `, 'm').exec(mounts)?.[1];
    if (type !== undefined) return !type.startsWith('fuse');
  }
  return false;
}

/** The file behind an area, by the kernel's own link; without privilege by its name, if that still is the same file. */
function openFileOf(threadId: number, area: MappedArea): number | undefined {
  const link = `/proc/${threadId}/map_files/${area.start.toString(16)}-${area.end.toString(16)}`;
  const byLink = openFile(link);
  if (byLink !== undefined || !area.name.startsWith('/')) return byLink;
  const byName = openFile(area.name);
  if (byName === undefined) return undefined;
  const { dev, ino } = fstatSync(byName, { bigint: true });
  if (deviceText(dev) === area.device && String(ino) === area.inode) return byName;
  closeSync(byName);
  return undefined;
}

/** A regular file only: to open anything else may do something. */
function openFile(path: string): number | undefined {
  try {
    return statSync(path).isFile() ? openSync(path, 'r+') : undefined;
  } catch {
    return undefined;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A device number as /proc/PID/maps has it: major and minor in hexadecimal, of two digits at least. */
function deviceText(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffff_ffffn);
  return [major, minor].map(part => part.toString(16).padStart(2, '0')).join(':');
}
