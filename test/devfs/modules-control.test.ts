/* debug/cxl/modules takes three commands and no other word, however it is spelled. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Adapter, type DriverModule } from '../../src/core/index.ts';
import { Modules } from '../../src/devfs/index.ts';
import { Backend } from '../core/rig.ts';

interface Control {
  readonly lines: string[];
  readonly modules: Modules;
  readonly write: (text: string) => Promise<unknown>;
}

const load = async (): Promise<{ name: string }> => ({ name: 'spare' });

function control(): Control {
  const lines: string[] = [];
  const adapter = new Adapter({ afus: [{ backend: new Backend() }] });
  const modules = new Modules([adapter], new Map<DriverModule, string>(), load, line => lines.push(line));
  return { lines, modules, write: async text => modules.controlFile.write!(Buffer.from(text)) };
}

describe('debug/cxl/modules', () => {
  for (const word of ['constructor', 'toString', 'hasOwnProperty', '__proto__', 'Load', '']) {
    it(`EINVAL for "${word} spare"`, async () => {
      await assert.rejects(control().write(`${word} spare`), { code: 'EINVAL' });
    });
  }

  it('the same driver a second time is EEXIST, and the table is as it was', async () => {
    const { modules, write } = control();
    await write('load /spare.ts afu0.0');
    const before = modules.text();
    await assert.rejects(write('load /spare.ts afu0.0'), { code: 'EEXIST' });
    assert.equal(modules.text(), before);
  });

  it('says one line for each write, of bounded length and without control characters', async () => {
    const { lines, write } = control();
    await assert.rejects(write('load\n\u001b[2Jafukit: all is well\r\n'), { code: 'ENOENT' });
    await assert.rejects(write(`unload ${'x'.repeat(30_000)}`), { code: 'ENOENT' });
    assert.equal(lines.length, 2);
    for (const line of lines) assert.match(line, /^modules: [^\p{Cc}]{1,600}$/u);
  });
});
