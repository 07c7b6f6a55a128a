// process_vm_readv and process_vm_writev over typed arrays: their own memory is the local end, so nothing is copied twice.
//
// NOTE: a page of a FUSE file that nobody has touched is fetched by the kernel in the middle of the call, from its server. If
// that is us we wait for ourselves, until somebody kills us: a program must not hand out an address at which it has mapped
// an attribute of our own /sys/class/cxl. (sysfs has no mmap; a device file has no bytes to fetch.)
import { CxlError, type MemoryPiece } from '../core/index.ts';
import { libc, type Libc, type VmTransfer } from './libc.ts';

/** What the kernel takes in one call: IOV_MAX. */
const MOST_PIECES = 1024;
/** struct iovec where pointers have 64 bits, in words of that: base, length. */
const WORDS = 2;
const BEYOND = 1n << 64n;

/** Both arrays of struct iovec, one behind the other; used by one call at a time, as all calls are synchronous. */
interface Vectors {
  readonly words: BigUint64Array;
  readonly local: bigint;
  readonly remote: bigint;
}
let vectors: Vectors | undefined;

function allocate({ addressOf }: Libc): Vectors {
  const words = new BigUint64Array(2 * MOST_PIECES * WORDS);
  const local = addressOf(words);
  return { words, local, remote: local + BigInt(words.byteLength / 2) };
}

/** How far a transfer has come: the piece, and the byte in it. */
interface Position {
  index: number;
  offset: number;
}

/**
 * Moves bytes between the pieces, in order, and the memory of a process, within that memory's own protection.
 * @param threadId a thread of the process, as this one sees it
 * @returns how many bytes were moved before the first that could not be; why not, errno says if it is 0
 */
export function transfer(call: 'read' | 'write', threadId: number, pieces: readonly MemoryPiece[]): number {
  const c = libc();
  const move: VmTransfer = call === 'read' ? c.process_vm_readv : c.process_vm_writev;
  vectors ??= allocate(c);
  const at: Position = { index: 0, offset: 0 };
  let total = 0;
  for (;;) {
    const count = layOut(vectors.words, pieces, at, c);
    if (count === 0) return total;
    const moved = move(threadId, vectors.local, count, vectors.remote, count, 0);
    // Short is not the end yet: the kernel moves at most 2 GiB at once.
    if (moved <= 0) return total;
    total += moved;
    advance(at, pieces, moved);
  }
}

/** Describes what comes next to the kernel; returns the number of vectors, 0 at the end or at an address that is none. */
function layOut(words: BigUint64Array, pieces: readonly MemoryPiece[], from: Position, { addressOf }: Libc): number {
  let { offset } = from;
  let count = 0;
  for (let index = from.index; index < pieces.length && count < MOST_PIECES; index++, offset = 0) {
    const { address, bytes } = pieces[index]!;
    const length = BigInt(bytes.length - offset);
    if (length === 0n) continue;
    const first = address + BigInt(offset);
    // The array below would take these modulo 2^64.
    if (first < 0n || first >= BEYOND) break;
    const room = BEYOND - first;
    const local = count * WORDS;
    const remote = local + words.length / 2;
    words[local] = addressOf(bytes) + BigInt(offset);
    words[remote] = first;
    words[local + 1] = words[remote + 1] = length < room ? length : room;
    count++;
    if (length > room) break;
  }
  return count;
}

function advance(at: Position, pieces: readonly MemoryPiece[], moved: number): void {
  let left = moved + at.offset;
  while (at.index < pieces.length && left >= pieces[at.index]!.bytes.length) left -= pieces[at.index++]!.bytes.length;
  at.offset = left;
}

/**
 * Copies `bytes` into the memory of a thread that waits for our answer, so that it cannot be another's meanwhile.
 * @param threadId the thread, as this process sees it
 * @throws CxlError EFAULT when not every byte could be written
 */
export function writeToCaller(threadId: number, address: number, bytes: Uint8Array): void {
  if (transfer('write', threadId, [{ address: BigInt(address), bytes }]) !== bytes.length) {
    throw new CxlError('EFAULT', 'ioctl', `cannot write to process ${threadId}`);
  }
}
