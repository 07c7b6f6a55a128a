/**
 * A server's view of another process, for the tests to run as another user: `node memory-reader.js PID PRIVATE SHARED`
 * says in JSON what comes of reading 4 bytes at PRIVATE and of a compare-and-swap of the word at SHARED from 1 to 2.
 */
import { ProcessMemory } from '../../src/devfs/process-memory.ts';

const [pid = '', from = '', word = ''] = process.argv.slice(2);
const memory = ProcessMemory.of(Number(pid));
const bytes = new Uint8Array(4);
const count = memory?.read([{ address: BigInt(from), bytes }]);
const swapped = memory?.compareExchange(BigInt(word), 8, 1n, 2n)?.toString();
const failure = memory?.failure(BigInt(from), false);
console.log(JSON.stringify({ count, bytes: [...bytes], swapped, failure, problem: memory?.problem }));
memory?.close();
