/* The C clients of the stock models, as their pages show them, on device files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { adder } from '../../examples/afu-template/model.ts';
import { afuOptions, echo, memcpy, nullModel, registerModel, ticker, type AfuDefinition } from '../../src/afu/index.ts';
import { Adapter } from '../../src/core/index.ts';
import { temporaryDirectory } from '../support/cleanup.ts';
import { packageRoot, place, serving } from '../support/cli.ts';
import { mountAdapters } from '../support/device.ts';
import { any, noCompiler, noFuse, noPassthrough } from '../support/needs.ts';
import { start, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const sources = join(packageRoot, 'examples/models/clients');
const template = join(packageRoot, 'examples/afu-template');
const clients = ['memcpy', 'null', 'ticker', 'echo', 'registers'] as const;

/** `ours`: as where <misc/cxl.h> is not installed. */
const abis = { system: [], ours: ['-DAFUKIT_OWN_CXL_ABI'] } as const;

function compile(name: string, directory: string, abi: keyof typeof abis = 'ours'): string {
  const program = join(directory, name);
  const source = name === 'client' ? join(template, 'client.c') : join(sources, `${name}.c`);
  const flags = ['-O1', '-Wall', '-Wextra', '-Werror', '-I', sources, ...abis[abi]];
  execFileSync('cc', [...flags, '-o', program, source], { stdio: 'inherit' });
  return program;
}

interface Served {
  readonly adapter: Adapter;
  readonly directory: string;
  readonly run: (name: string, ...more: readonly string[]) => Program;
}

async function served(t: TestContext, definition: AfuDefinition): Promise<Served> {
  const adapter = new Adapter({ afus: [afuOptions({ modes: ['dedicated_process'], ...definition })] });
  const directory = await mountAdapters(t, [adapter]);
  const programs = await temporaryDirectory(t);
  const device = join(directory, 'dev/cxl/afu0.0d');
  return { adapter, directory, run: (name, ...more) => start(t, compile(name, programs), [device, ...more]) };
}

describe(
  'the C clients of the stock models',
  { skip: any(noFuse(), noPassthrough(), noCompiler()), concurrency: 2 },
  () => {
    for (const abi of Object.keys(abis) as (keyof typeof abis)[]) {
      it(`are compiled without a warning, with the ${abi} header`, async t => {
        const directory = await temporaryDirectory(t);
        for (const name of clients) compile(name, directory, abi);
      });
    }

    it('say how they are used', async t => {
      const directory = await temporaryDirectory(t);
      for (const name of clients) {
        const { code, stderr } = await start(t, compile(name, directory), []).ended;
        assert.equal(code, 2);
        assert.match(stderr, new RegExp(`^usage: .*/${name} /dev/cxl/afu0\\.0d \\[`));
      }
    });

    for (const length of ['1048576', '0', '1', '5000001']) {
      it(`memcpy copies ${length} bytes in its own memory`, async t => {
        const { run } = await served(t, memcpy({ chunkBytes: 65_536 }));
        const { code, stdout, stderr } = await run('memcpy', length).ended;
        assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
        assert.equal(stdout, `${length} bytes copied\n${length} bytes copied back\n`);
      });
    }

    it('null waits in vain, and shows what somebody else raises', async t => {
      const { adapter, run } = await served(t, nullModel());
      const program = run('null', '300');
      assert.equal(await program.line(), 'started');
      const context = await until('it is started', () => adapter.afus[0]!.contexts.get(0));
      context.raiseInterrupt(1);
      context.raiseFault(0x10n, 0x4000_0000_4000_0000n);
      context.raiseAfuError(7n);
      const raised = ['interrupt 1', 'the AFU cannot access 0x10, dsisr 0x4000000040000000', 'AFU error 7'];
      assert.deepEqual(await program.remaining(), [...raised, 'nothing more']);
    });

    it('ticker counts', async t => {
      const { run } = await served(t, ticker({ irqsMin: 3, periodUs: 10_000_000 }));
      const lines = await run('ticker', '4', '3000').remaining();
      assert.equal(lines.length, 4);
      // On a busy machine ticks coalesce, and numbers are left out.
      for (const line of lines) assert.match(line, /^interrupt [123]$/);
    });

    it('echo shows what was written to its control file', async t => {
      const { directory, run } = await served(t, echo());
      const program = run('echo', '2');
      assert.equal(await program.line(), 'waiting');
      for (const text of ['hello', 'again']) await writeFile(join(directory, 'debug/cxl/afu0.0/echo'), text);
      assert.deepEqual(await program.remaining(), ['hello', 'again']);
    });

    it('the template’s adds up', async t => {
      const { run } = await served(t, { model: adder });
      assert.deepEqual(await run('client', '20000').remaining(), ['the sum of 1 to 20000 is 200010000']);
    });

    it('the template’s config is served', async t => {
      const server = await serving(t, await place(t), ['--config', join(template, 'afukit.config.ts')]);
      assert.deepEqual(
        server.devices.map(({ path, model }) => `${path.slice(server.mount.length)} ${model}`),
        ['/dev/cxl/afu0.0d adder'],
      );
      assert.equal((await server.end()).stderr, '');
    });

    it('registers stores, is interrupted and loads', async t => {
      const { run } = await served(t, registerModel());
      const { stdout } = await run('registers', '4711').ended;
      assert.equal(stdout, `CONTROL 0, STATUS 4711, SCRATCH 0x${(2n ** 64n - 1n - 4711n).toString(16)}\n`);
    });
  },
);
