import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { cannotRun, root, serve, startReader, temporaryDirectory, until } from './rig.ts';

const driver = (generation: number, state: string, references: number, boundTo: string, usedBy: string): string[] =>
  ['flash', generation, state, references, boundTo, usedBy].map(String);

/** This package's sources, to be edited. */
async function copy(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  for (const part of ['src', 'afukit.config.ts']) cpSync(join(root, part), join(directory, part), { recursive: true });
  return directory;
}

describe('debug/cxl/modules', { skip: cannotRun() }, () => {
  it('unloads the driver only when nobody has the card open, and says who has', async t => {
    const card = await serve(t);
    assert.deepEqual(await card.modules(), [driver(1, 'live', 0, 'afu0.0', '-')]);
    const reader = startReader(t, 'C', card.device);
    assert.equal(await reader.line(), 'pe 0 interrupt 1');
    await assert.rejects(card.moduleCommand('unload flash'), { code: 'EBUSY' });
    await card.complaint(/^afukit: modules: unload flash: EBUSY: .*: driver flash is held by afu0\.0 pe 0$/m);
    assert.deepEqual(await card.modules(), [driver(1, 'live', 2, 'afu0.0', 'afu0.0pe0')]);
    await card.command('reset 1');
    assert.equal(await reader.line(), 'pe 0 link_reset port 1 resets 1', 'the refusal has harmed nothing');
    await reader.end('SIGTERM');
    await card.closed();
    await card.moduleCommand('unload flash');
    assert.deepEqual(await card.modules(), []);
    await assert.rejects(access(card.device), { code: 'ENOENT' });
    await assert.rejects(card.text(), { code: 'ENOENT' });
  });

  it('reloads an edited driver: new openers get the new code, who has the card open keeps the old', async t => {
    const directory = await copy(t);
    const card = await serve(t, directory);
    const old = startReader(t, 'C', card.device);
    assert.equal(await old.line(), 'pe 0 interrupt 1');
    const file = join(directory, 'src/typed-channel.ts');
    const source = await readFile(file, 'utf8');
    const edited = source.replace(/=> void (events\.post\(.*\)) \}/, '=> { $1; $1; } }');
    assert.notEqual(edited, source);
    await writeFile(file, edited);
    await card.moduleCommand('reload flash');
    assert.deepEqual(await card.modules(), [
      driver(1, 'going', 2, '-', 'afu0.0pe0'),
      driver(2, 'live', 0, 'afu0.0', '-'),
    ]);
    const young = startReader(t, 'C', card.device);
    assert.equal(await young.line(), 'pe 1 interrupt 1');
    await card.command('reset 1');
    const line = 'pe 1 link_reset port 1 resets 1';
    assert.deepEqual(await young.lines(2), [line, line], 'the new code says everything twice');
    await old.end('SIGTERM');
    await until('the old code is gone', async () => (await card.modules()).length === 1);
    assert.deepEqual(await card.modules(), [driver(2, 'live', 2, 'afu0.0', 'afu0.0pe1')]);
  });

  it('keeps the driver when its file cannot be loaded any more', async t => {
    const directory = await copy(t);
    const card = await serve(t, directory);
    const reader = startReader(t, 'C', card.device);
    assert.equal(await reader.line(), 'pe 0 interrupt 1');
    await writeFile(join(directory, 'src/driver.ts'), 'export default { nodes');
    await assert.rejects(card.moduleCommand('reload flash'));
    await card.complaint(/driver\.ts: cannot be loaded: ParseError/);
    assert.deepEqual(await card.modules(), [driver(1, 'live', 2, 'afu0.0', 'afu0.0pe0')]);
    await card.command('reset 1');
    assert.equal(await reader.line(), 'pe 0 link_reset port 1 resets 1');
  });
});
