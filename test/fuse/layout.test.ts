// The numbers and layouts of src/fuse/wire.ts against <linux/fuse.h>, by a C program that is compiled here.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import * as wire from '../../src/fuse/wire.ts';

const structs = Object.entries(wire).filter(([name]) => name.startsWith('fuse_')) as [string, Record<string, number>][];
const tables: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  FuseOpcode: wire.FuseOpcode,
  FuseNotifyCode: wire.FuseNotifyCode,
  FuseInitFlag: wire.FuseInitFlag,
  FuseOpenFlag: wire.FuseOpenFlag,
  FuseIoctlFlag: wire.FuseIoctlFlag,
  FusePollFlag: wire.FusePollFlag,
  FuseAttrValid: wire.FuseAttrValid,
  FuseInitFlag2: wire.FuseInitFlag2,
};

const HEADER = '/usr/include/linux/fuse.h';

function whyNot(): string | false {
  if (spawnSync('cc', ['--version']).status !== 0) return 'no C compiler (cc) here';
  return spawnSync('test', ['-r', HEADER]).status !== 0
    ? 'no <linux/fuse.h> here (apt-get install linux-libc-dev)'
    : false;
}

/** Names that this machine's header does not have yet, because it is older than our minor. */
const isKnown = (header: string, name: string) => new RegExp(`\\b${name}\\b`).test(header);

test('every struct size, field offset and constant is that of <linux/fuse.h>', { skip: whyNot() }, () => {
  const header = readFileSync(HEADER, 'utf8');
  const lines: string[] = [];
  const expected: string[] = [];
  const expectNumber = (label: string, expression: string, value: number) => {
    lines.push(`printf("${label} %llu\\n", (unsigned long long)(${expression}));`);
    expected.push(`${label} ${value}`);
  };
  for (const [name, { SIZE, ...offsets }] of structs) {
    if (!isKnown(header, name)) continue;
    // fuse_dirent ends in a flexible array: its size is where the name begins, and so is ours.
    expectNumber(`sizeof ${name}`, `sizeof(struct ${name})`, SIZE ?? -1);
    for (const [field, offset] of Object.entries(offsets).filter(([field]) => isKnown(header, field))) {
      expectNumber(`${name}.${field}`, `offsetof(struct ${name}, ${field})`, offset);
    }
  }
  for (const [table, entries] of Object.entries(tables)) {
    for (const [name, value] of Object.entries(entries)) {
      if (!isKnown(header, name)) continue;
      const shifted = table === 'FuseInitFlag2' ? `${name} >> 32` : `(unsigned)(${name})`;
      expectNumber(name, shifted, value);
    }
  }
  expectNumber('FUSE_KERNEL_VERSION', 'FUSE_KERNEL_VERSION', wire.FUSE_KERNEL_VERSION);
  expectNumber('FUSE_ROOT_ID', 'FUSE_ROOT_ID', wire.FUSE_ROOT_ID);

  const directory = mkdtempSync(join(tmpdir(), 'afukit-layout-'));
  try {
    const source = join(directory, 'layout.c');
    const includes = ['linux/fuse.h', 'stddef.h', 'stdio.h'].map(name => `#include <${name}>`);
    writeFileSync(source, [...includes, 'int main(void) {', ...lines, 'return 0; }', ''].join('\n'));
    execFileSync('cc', ['-o', join(directory, 'layout'), source]);
    const actual = execFileSync(join(directory, 'layout'), { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(actual, expected);
    assert.ok(expected.length > 200, `only ${expected.length} numbers were compared`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('poll bits are those of <poll.h>', { skip: whyNot() }, () => {
  const names = Object.keys(wire.Poll);
  const program = `#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
int main(void) { ${names.map(name => `printf("%d\\n", ${name});`).join(' ')} return 0; }`;
  const directory = mkdtempSync(join(tmpdir(), 'afukit-layout-'));
  try {
    const source = join(directory, 'poll.c');
    writeFileSync(source, program);
    execFileSync('cc', ['-o', join(directory, 'poll'), source]);
    const actual = execFileSync(join(directory, 'poll'), { encoding: 'utf8' }).trim().split('\n').map(Number);
    assert.deepEqual(actual, Object.values<number>(wire.Poll));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('no two names of a table share a number, except where the kernel has an alias', () => {
  for (const [table, entries] of Object.entries(tables)) {
    const values = Object.values(entries);
    assert.equal(new Set(values).size, values.length, table);
  }
});
