// Memory that is shared by descriptor; that programs map it through a mount is for test/fuse/mmap.test.ts.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';

import { SharedMemory } from '../../src/devfs/shared-memory.ts';

const options = { skip: process.platform === 'linux' ? false : 'memfd_create is a Linux call' };

/** What is in it, by read(2): the file itself and not our mapping. */
function content(memory: SharedMemory, size: number): number[] {
  const bytes = new Uint8Array(size);
  return [...bytes.subarray(0, readSync(memory.fd, bytes, 0, size, 0))];
}

const mappings = (name: string): number => readFileSync('/proc/self/maps', 'latin1').split(`memfd:${name}`).length - 1;

test('bytes is the file itself, both ways', options, () => {
  using memory = new SharedMemory(3);
  assert.deepEqual([memory.bytes.length, [...memory.bytes]], [3, [0, 0, 0]]);
  memory.bytes[1] = 7;
  assert.deepEqual(content(memory, 9), [0, 7, 0]);
  writeSync(memory.fd, Uint8Array.of(1, 2), 0, 2, 0);
  assert.deepEqual([...memory.bytes], [1, 2, 0]);
  memory.fill(0xff);
  assert.deepEqual(content(memory, 9), [255, 255, 255]);
});

test('resize keeps what stays, zeroes what comes, and 0 is empty', options, () => {
  using memory = new SharedMemory(2);
  memory.fill(5);
  memory.resize(4);
  assert.deepEqual([...memory.bytes], [5, 5, 0, 0]);
  memory.resize(1);
  assert.deepEqual([...memory.bytes], [5]);
  memory.resize(0);
  assert.deepEqual([memory.bytes.length, content(memory, 9)], [0, []]);
  memory.fill(1);
  memory.resize(2);
  assert.deepEqual([...memory.bytes], [0, 0]);
  for (const size of [-1, 0.5, NaN, 2 ** 60]) assert.throws(() => memory.resize(size), RangeError);
  assert.deepEqual([...memory.bytes], [0, 0]);
});

test('a view from before is safe to touch, and no longer shared', options, () => {
  const memory = new SharedMemory(8192);
  const views = [memory.bytes];
  memory.resize(0);
  memory.resize(4096);
  views.push(memory.bytes);
  memory.close();
  for (const view of views) {
    view.fill(3);
    assert.equal(view.at(-1), 3);
  }
  using other = new SharedMemory(8192);
  assert.ok(other.bytes.every(byte => byte === 0));
});

test('close is for good, may be repeated, and leaves neither descriptor nor mapping', options, () => {
  const before = readdirSync('/proc/self/fd').length;
  const memory = new SharedMemory(100, 'afukit-closed');
  assert.equal(mappings('afukit-closed'), 1);
  memory.close();
  memory.close();
  assert.deepEqual([memory.fd, memory.bytes.length, memory.mappedElsewhere()], [-1, 0, false]);
  assert.throws(() => memory.resize(1), { code: 'EBADF' });
  assert.deepEqual([readdirSync('/proc/self/fd').length, mappings('afukit-closed')], [before, 0]);
  assert.throws(() => new SharedMemory(-1), RangeError);
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('mappedElsewhere: not by us, but by whoever has it open', options, async () => {
  using memory = new SharedMemory(4096);
  const answers = [memory.mappedElsewhere(), memory.mappedElsewhere()];
  const child = spawn('sh', ['-c', `exec 3<>/proc/${process.pid}/fd/${memory.fd}; echo; read x`]);
  await new Promise(resolve => child.stdout.once('data', resolve));
  answers.push(memory.mappedElsewhere());
  child.stdin.end();
  await new Promise(resolve => child.once('close', resolve));
  answers.push(memory.mappedElsewhere());
  assert.deepEqual(answers, [false, false, true, false]);
});
