import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';

import {
  Adapter,
  afuOptions,
  diagnosticText,
  hostOrder,
  localMemory,
  openAfu,
  type AfuModel,
  type CxlError,
  type CxlEvent,
  type CxlFile,
  type Diagnostic,
  type StartWorkOptions,
} from 'afukit';
import { stockModels } from 'afukit/afu';

import { hasher } from './hasher.ts';
import { stopwatch } from './stopwatch.ts';
import { sum } from './sum.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const pages = ['docs/afu-models.md', ...Object.keys(stockModels).map(name => `docs/models/${name}.md`)];

const BASE = 0x1000n;
const diagnostics: Diagnostic[] = [];

function start(model: AfuModel, options: StartWorkOptions = {}): CxlFile {
  const card = new Adapter({ afus: [afuOptions({ model })], onDiagnostic: said => void diagnostics.push(said) });
  const file = openAfu(card.afus[0]!);
  file.startWork(options);
  return file;
}

async function next(file: CxlFile): Promise<CxlEvent> {
  for await (const event of file.events()) return event;
  throw new Error('the file was closed');
}

describe('the pages about models', () => {
  const guide = read('docs/afu-models.md');
  for (const name of ['sum', 'stopwatch', 'hasher']) {
    it(`show ${name} as it is in examples/models`, () => {
      assert.ok(guide.includes(`\`\`\`ts\n${read(`examples/models/${name}.ts`)}\`\`\``));
    });
  }

  it('name only files that are there', () => {
    for (const page of pages) {
      const text = read(page);
      for (const [, path] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        assert.ok(existsSync(new URL(path!, new URL(page, root))), `${page}: ${path}`);
      }
      for (const [path] of text.matchAll(/\bexamples\/[\w./-]*\w/g)) assert.ok(existsSync(new URL(path, root)), path);
    }
  });

  it('are one for each stock model, with its C client', () => {
    for (const name of Object.keys(stockModels)) {
      assert.match(read(`docs/models/${name}.md`), new RegExp(`examples/models/clients/${name}\\.c`));
    }
    const clients = readdirSync(new URL('examples/models/clients', root)).filter(name => name.endsWith('.c'));
    assert.deepEqual(
      clients.toSorted(),
      Object.keys(stockModels)
        .map(name => `${name}.c`)
        .toSorted(),
    );
  });
});

const bug = (): never => {
  throw new Error('bug');
};
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** What a model does wrong; the line that the page promises is found in it. */
const wrongs: Readonly<Record<string, Partial<AfuModel>>> = {
  'attach, afu0.0 pe 0: threw (Error: bug)': { attach: bug },
  'run, afu0.0 pe 0: threw (Error: bug)': { run: bug },
  'attach, afu0.0 pe 0: rejected (Error: bug)': { attach: () => Promise.reject(new Error('bug')) },
  'detach, afu0.0 pe 0: threw (Error: bug)': { detach: bug },
  'reset: threw (Error: bug)': { reset: bug },
  'element, afu0.0 pe 0: raised interrupt 9, and has 1 to 4': { run: element => element.interrupt(9) },
  'element, afu0.0 pe 0: touched memory after detach': { detach: ({ memory }) => void memory.read(0n, 1) },
  'error, afu0.0 pe 0: AFU error 0x2 is lost: an earlier one is unread': {
    run(element) {
      element.error(1n);
      element.error(2n);
    },
  },
};

describe('what docs/afu-models.md says of mistakes', () => {
  for (const [line, callbacks] of Object.entries(wrongs)) {
    it(line, async () => {
      const said: string[] = [];
      const model = { name: 'm', attach() {}, ...callbacks };
      const card = new Adapter({
        afus: [afuOptions({ model, irqsMin: 4 })],
        onDiagnostic: diagnostic => said.push(diagnosticText(diagnostic)),
      });
      const file = openAfu(card.afus[0]!);
      try {
        file.startWork();
        await turn();
      } catch (error) {
        assert.equal((error as CxlError).code, 'EIO');
      }
      file.close();
      if (model.reset) assert.throws(() => card.reset(), { code: 'EIO' });
      assert.deepEqual(said, [`AFU model m: ${line}`]);
      assert.ok(read('docs/afu-models.md').includes(`\`AFU model m: ${line}\``));
    });
  }
});

describe('examples/models', () => {
  it('sum', async () => {
    const bytes = new Uint8Array(32);
    new DataView(bytes.buffer).setUint32(0, 5, hostOrder === 'little');
    bytes.set([1, 2, 3, 4, 250], 4);
    await using file = start(sum, { wed: BASE + 4n, memory: localMemory(bytes, BASE) });
    assert.equal((await next(file)).type, 'afu-interrupt');
    assert.equal(new DataView(bytes.buffer).getUint32(0, hostOrder === 'little'), 260);
    assert.deepEqual([...bytes.subarray(4)], [...new Uint8Array(28)]);
  });

  it('sum, at a bad address: the fault, the error, the end', async () => {
    await using file = start(sum, { wed: 4n });
    const events: string[] = [];
    await assert.rejects(
      async () => {
        for await (const event of file.events()) events.push(event.type);
      },
      { code: 'EIO' },
    );
    assert.deepEqual(events, ['data-storage', 'afu-error']);
  });

  it('stopwatch', async () => {
    await using file = start(stopwatch);
    const { buffer, byteOffset } = file.mmap(24);
    const registers = new DataView(buffer, byteOffset, 24);
    assert.equal(registers.getBigUint64(16, hostOrder === 'little'), 0xffn);
    registers.setUint32(0, 2);
    assert.equal((await next(file)).type, 'afu-interrupt');
    assert.equal(registers.getBigUint64(8), 1n);
    assert.equal(registers.getUint32(0), 0);
  });

  it('hasher', async () => {
    const bytes = new Uint8Array(32).fill(7);
    const expected = createHash('sha256').update(bytes).digest();
    await using file = start(hasher, { wed: BASE, memory: localMemory(bytes, BASE) });
    assert.equal((await next(file)).type, 'afu-interrupt');
    assert.ok(expected.equals(bytes));
  });

  it('hasher, detached before its worker is there: quietly', async () => {
    start(hasher).close();
    await new Promise(resolve => setTimeout(resolve, 50));
  });

  it('none of them did anything wrong', () => assert.deepEqual(diagnostics, []));
});
