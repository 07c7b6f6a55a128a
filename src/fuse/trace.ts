// One line per packet, in the manner of go-fuse: rx 6: READ n2 p4711 {fh 1, offset 0, size 4096, ...}
import type { Operation } from './operations/operation.ts';
import { keyOf } from './packet.ts';
import type { Packet } from './packet.ts';
import { fuse_in_header } from './wire.ts';

/** Reads nothing that the operation will take: field offsets come from the operation's layout. */
export function traceLine(packet: Packet, operation: Operation | undefined): string {
  const id = keyOf(packet.uniqueHigh, packet.uniqueLow);
  const head = `rx ${id}: ${operation?.name ?? `opcode ${packet.opcode}`} n${packet.nodeId} p${packet.pid}`;
  const body = packet.length - fuse_in_header.SIZE;
  if (!operation || body < operation.input.SIZE) return `${head} ${body} bytes`;
  const fields = fieldsOf(packet, operation);
  const names = operation.names ? ` "${packet.peekName() ?? ''}"` : '';
  const extra = body - operation.input.SIZE;
  const tail = extra > 0 && !operation.names ? ` +${extra} bytes` : '';
  return `${head}${fields}${names}${tail}`;
}

function fieldsOf(packet: Packet, { input }: Operation): string {
  const { SIZE, ...offsets } = input;
  const fields = Object.entries(offsets).sort(([, a], [, b]) => a - b);
  if (fields.length === 0) return '';
  const texts = fields.map(([name, offset], index) => {
    const at = fuse_in_header.SIZE + offset;
    // A field is 8 bytes wide when the next one is, and when it sits where only 8 bytes are left of the struct.
    const width = (fields[index + 1]?.[1] ?? SIZE) - offset;
    const wide = width >= 8 && offset % 8 === 0 && !name.endsWith('flags');
    return `${name} ${wide ? packet.u64(at) : packet.u32(at)}`;
  });
  return ` {${texts.join(', ')}}`;
}
