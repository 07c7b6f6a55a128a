/* `afukit watch`: its lines, its view on a terminal, and how it ends. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { lineOf } from '../../src/cli/watch-lines.ts';
import { runC } from '../support/clients.ts';
import { afukit, main, place, serving, type Place, type Server } from '../support/cli.ts';
import { any, noCompiler, noFuse, noScript } from '../support/needs.ts';
import { start, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

interface Watched {
  readonly where: Place;
  readonly server: Server;
  readonly watch: Program;
  readonly inject: (...lines: string[]) => Promise<void>;
}

async function watched(t: TestContext, ...args: string[]): Promise<Watched> {
  const where = await place(t);
  const server = await serving(t, where);
  const watch = afukit(t, where, ['watch', '--mount', where.mountPoint, ...args]);
  await watching(watch);
  const inject = (...lines: string[]): Promise<void> =>
    writeFile(join(where.mountPoint, 'debug/cxl/inject'), lines.join('\n'));
  return { where, server, watch, inject };
}

/** It says so when it has opened the events. */
async function watching(watch: Program): Promise<void> {
  await until('it watches', () => watch.stderr.includes('afukit: watching '));
}

describe('afukit watch', { skip: any(noFuse(), noCompiler()), concurrency: 2 }, () => {
  it('one line for each thing that happens', async t => {
    const { where, watch, inject } = await watched(t);
    const client = runC(t, join(where.mountPoint, 'dev/cxl/afu0.1s'), 'block');
    await client.lines(2);
    await inject('interrupt afu0.1/0 1');
    await client.ended;
    const lines = await watch.lines(10);
    await inject('link card0 fail');
    lines.push(await watch.line());
    const who = ` client[${client.pid}]`;
    const happened = lines.map(line => /^\[\d+\.\d{6}\] (.*)$/.exec(line)?.[1]);
    assert.deepEqual(happened, [
      `open        afu0.1 pe 0               ${who}`,
      `module-get  afu0.1 pe 0  echo         ${who}`,
      `module-get  afu0.1 pe 0  echo         ${who}`,
      `start       afu0.1 pe 0               ${who}`,
      `raised      afu0.1 pe 0  interrupt 1  ${who}`,
      `delivered   afu0.1 pe 0  interrupt 1  ${who}`,
      `detach      afu0.1 pe 0               ${who}`,
      `module-put  afu0.1 pe 0  echo         ${who}`,
      `close       afu0.1 pe 0               ${who}`,
      `module-put  afu0.1 pe 0  echo         ${who}`,
      'link        card0        failed',
    ]);
  });

  it('--json: the lines of debug/cxl/events', async t => {
    const { watch, inject } = await watched(t, '--json');
    await inject('link card0 down', 'link card0 up');
    const lines = (await watch.lines(2)).map(line => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      lines.map(({ time, ...rest }) => [typeof time, rest]),
      ['down', 'up'].map(link => ['number', { event: 'link', card: 'card0', link }]),
    );
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} ends it with 0`, async t => {
      const { watch, where } = await watched(t);
      const { code, stdout, stderr } = await watch.kill(signal);
      const said = `afukit: watching ${where.mountPoint}; Ctrl-C ends it\n`;
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: said });
    });
  }

  it('the server’s end ends it with 0, and it says so', async t => {
    const { watch, where, server } = await watched(t);
    assert.equal((await server.end()).code, 0);
    const { code, stderr } = await watch.ended;
    assert.equal(code, 0);
    assert.match(stderr, new RegExp(`\nafukit: ${where.mountPoint} is not served any more\n$`));
  });

  it('a reader who has seen enough ends it with 0 and without a complaint', async t => {
    const where = await place(t);
    await serving(t, where);
    const script = '{ "$0" "$1" watch --mount "$2"; echo "status $?" >&2; } | head -1';
    const pipe = start(t, 'sh', ['-c', script, process.execPath, main, where.mountPoint], { env: where.env });
    await watching(pipe);
    const inject = (commands: string): Promise<void> => writeFile(join(where.mountPoint, 'debug/cxl/inject'), commands);
    await inject('link card0 down');
    assert.match(await pipe.line(), /link +card0 +down$/);
    // The lines that follow find nobody.
    await inject(Array.from({ length: 500 }, (_, i) => `link card0 ${i % 2 ? 'down' : 'up'}`).join('\n'));
    const { code, stderr } = await pipe.ended;
    assert.equal(code, 0);
    assert.match(stderr, /^afukit: watching \S+; Ctrl-C ends it\nstatus 0\n$/);
  });

  it('with nobody watching any more the server goes on', async t => {
    const { watch, inject, server } = await watched(t);
    await watch.kill('SIGKILL');
    await inject('link card0 down', 'link card0 up');
    assert.equal((await server.end()).code, 0);
  });
});

/** What is on the screen's last lines after all that was written to it: enough of a terminal for what is used. */
const screen = (written: string): string[] =>
  written
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map(line => line.split('\r\u001B[K').at(-1) ?? '');

interface Terminal {
  readonly terminal: Program;
  readonly inject: (...lines: string[]) => Promise<void>;
  /** All that it wrote so far. */
  readonly written: () => string;
}

async function onTerminal(t: TestContext, columns: number): Promise<Terminal> {
  const where = await place(t);
  await serving(t, where);
  const command = `stty cols ${columns} rows 20; exec "${process.execPath}" "${main}" watch -m "${where.mountPoint}"`;
  const terminal = start(t, 'script', ['-qec', command, '/dev/null'], { env: where.env });
  let written = '';
  terminal.child.stdout.on('data', (text: string) => (written += text));
  await until('the last line is there', () => written.endsWith('events 0, 0/s'));
  const inject = (...lines: string[]): Promise<void> =>
    writeFile(join(where.mountPoint, 'debug/cxl/inject'), lines.join('\n'));
  return { terminal, inject, written: () => written };
}

describe('afukit watch on a terminal', { skip: any(noFuse(), noScript()) }, () => {
  it('the last line has totals and rates, which fall to 0; Ctrl-C takes it away', async t => {
    const { terminal, inject, written } = await onTerminal(t, 80);
    await inject('link card0 down', 'link card0 up');
    await until('the rate is shown', () => written().includes('events 2, 2/s  link 2, 2/s'));
    await until('and falls', () => screen(written()).at(-1) === 'events 2, 0/s  link 2, 0/s');
    terminal.child.stdin.write('\u0003');
    assert.equal((await terminal.ended).code, 0);
    const [said, ...lines] = screen(written());
    assert.match(said!, /^afukit: watching /);
    assert.deepEqual(
      lines.map(line => line.replace(/^\[\d+\.\d+\] +/, '').replaceAll(/ +/g, ' ')),
      ['link card0 down', 'link card0 up', ''],
    );
  });

  it('the last line keeps to the width', async t => {
    const { inject, written } = await onTerminal(t, 20);
    await inject('link card0 down');
    await until('it is cut', () => /^events 1, \d\/s {2}link$/.test(screen(written()).at(-1)!));
  });

  it('of more than a screen at once the last lines are shown, with how many there were', async t => {
    const { inject, written } = await onTerminal(t, 80);
    const count = 100;
    await inject(...Array.from({ length: count }, (_, i) => `link card0 ${i % 2 ? 'up' : 'down'}`));
    await until('all are counted', () => screen(written()).at(-1)?.startsWith(`events ${count}, `));
    const lines = screen(written());
    const more = lines
      .map(line => Number(/^\.\.\. (\d+) more$/.exec(line)?.[1] ?? 0))
      .reduce((sum, each) => sum + each);
    assert.equal(more + lines.filter(line => / link +card0 /.test(line)).length, count);
    assert.ok(more > 0);
  });
});

describe('a line of afukit watch', () => {
  const context = { afu: 'afu0.0', pe: 3, pid: 9, command: 'cat' };
  const text = (line: object): string => lineOf({ time: 1.5, ...context, ...line } as Parameters<typeof lineOf>[0]);
  const lines: readonly [line: object, text: string][] = [
    [{ event: 'raised', kind: 'fault', coalesced: true }, 'raised      afu0.0 pe 3  fault, coalesced cat[9]'],
    [{ event: 'announced', count: 2 }, 'announced   afu0.0 pe 3  2 driver      cat[9]'],
    [{ event: 'fetched', dataSize: 32 }, 'fetched     afu0.0 pe 3  32 bytes      cat[9]'],
    [{ event: 'copy-failed', kind: 'error', kept: true }, 'copy-failed afu0.0 pe 3  error, kept   cat[9]'],
    [{ event: 'copy-failed', kind: 'error', kept: false }, 'copy-failed afu0.0 pe 3  error, lost   cat[9]'],
    [{ event: 'open', pid: null, command: null }, 'open        afu0.0 pe 3'],
    [{ event: 'open', command: null }, 'open        afu0.0 pe 3                ?[9]'],
    [{ event: 'open', command: 'a\u001B[2J' }, 'open        afu0.0 pe 3                a?[2J[9]'],
  ];
  for (const [line, wanted] of lines) it(wanted, () => assert.equal(text(line), `[1.500000] ${wanted}`));

  it('events that were lost', () => assert.match(lineOf({ lost: 12 }), /^\.\.\. 12 events are not shown/));

  it('a diagnostic that belongs to no context', () => {
    const line = lineOf({ time: 2, event: 'diagnostic', problem: 'driver x: exit: threw' });
    assert.equal(line, '[2.000000] diagnostic               driver x: exit: threw');
  });
});
