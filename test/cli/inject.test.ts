/* `afukit inject` and `afukit ls --json`: a failure and a recovery by script, and what is refused in which words. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { commands, usageOf, type AdapterState, type ContextState, type State } from '../../src/devfs/index.ts';
import { asleep } from '../support/asleep.ts';
import { runC } from '../support/clients.ts';
import { afukit, main, packageRoot, place, refused, serving, type Place } from '../support/cli.ts';
import { any, noCompiler, noFuse, noPython } from '../support/needs.ts';
import { start } from '../support/program.ts';
import { until } from '../support/until.ts';

class Script {
  readonly #t: TestContext;
  readonly where: Place;

  constructor(t: TestContext, where: Place) {
    this.#t = t;
    this.where = where;
  }

  /** The device file of the echo, whose events are all injected. */
  get device(): string {
    return join(this.where.mountPoint, 'dev/cxl/afu0.1s');
  }

  async inject(command: string): Promise<void> {
    const { code, stdout, stderr } = await this.#run('inject', ...command.split(' '));
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' }, command);
  }

  /** What the server refuses: the line that says why. */
  async refused(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.#run('inject', ...command.split(' '));
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' }, command);
    assert.match(stderr, /^afukit: [^\n]+\n$/, command);
    return stderr.slice('afukit: '.length, -1);
  }

  async card(): Promise<AdapterState> {
    const { code, stdout, stderr } = await this.#run('ls', '--json');
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    return (JSON.parse(stdout) as State).adapters[0]!;
  }

  /** The contexts of the echo. */
  async contexts(): Promise<readonly ContextState[]> {
    return (await this.card()).afus[1]!.contexts;
  }

  #run(verb: string, ...args: string[]): ReturnType<typeof afukit>['ended'] {
    return afukit(this.#t, this.where, [verb, '--mount', this.where.mountPoint, ...args]).ended;
  }
}

async function served(t: TestContext): Promise<Script> {
  const where = await place(t);
  await serving(t, where);
  return new Script(t, where);
}

describe('afukit inject', { skip: any(noFuse(), noCompiler()), concurrency: 2 }, () => {
  it('a scripted failure and recovery, with the state of every step in afukit ls --json', async t => {
    const script = await served(t);
    const client = runC(t, script.device, 'poll', 100, '--wed', 7, '--seconds-free');
    assert.equal(await client.line(), 'ioctl START_WORK 0');
    await asleep(client.pid, 'poll');
    const [context] = await script.contexts();
    assert.deepEqual(
      [context?.pid, context?.command, context?.status, context?.driver, context?.wed],
      [client.pid, 'client', 'STARTED', 'echo', '0x0000000000000007'],
    );

    const events: readonly [command: string, line: string][] = [
      ['interrupt afu0.1/0 1', 'event afu_interrupt pe=0 irq=1 size=16'],
      [
        'fault afu0.1/0 0xdead0000 0x4000000042000000',
        'event data_storage pe=0 addr=0xdead0000 dsisr=0x4000000042000000',
      ],
      ['error afu0.1/* 0x2a', 'event afu_error pe=0 error=0x2a'],
      ['event afu0.1/0 text:hello', 'event afu_driver pe=0 data=68656c6c6f'],
    ];
    for (const [index, [command, line]] of events.entries()) {
      await asleep(client.pid, 'poll');
      await script.inject(command);
      assert.deepEqual(await client.lines(2), ['poll POLLIN|POLLRDNORM', line]);
      const [{ counters, pending }] = (await script.contexts()) as [ContextState];
      assert.deepEqual([counters.raised, counters.delivered], [index + 1, index + 1]);
      assert.deepEqual(pending, { driver: 0, interrupts: [], fault: false, error: false });
    }

    await asleep(client.pid, 'poll');
    await script.inject('link card0 down');
    assert.deepEqual(await client.remaining(), ['poll POLLERR', 'read -1 EIO']);
    assert.equal((await script.card()).link, 'down');
    assert.deepEqual(await runC(t, script.device, 'read').remaining(), ['open -1 EIO']);
    assert.match(await script.refused('reset card0'), /^card0 has no link/);

    await script.inject('link card0 up');
    assert.equal((await script.card()).link, 'up');
    await until('nobody has it open', async () => (await script.contexts()).length === 0);
    const next = runC(t, script.device, 'drain', '--seconds-free');
    assert.equal(await next.line(), 'ioctl START_WORK 0');
    await script.inject('interrupt afu0.1/0 1');
    await script.inject('detach afu0.1/0');
    const [closed] = await script.contexts();
    assert.deepEqual([closed?.status, closed?.pending.interrupts], ['CLOSED', [1]]);
    next.send('go');
    const drained = ['event afu_interrupt pe=0 irq=1 size=16', 'read -1 EIO', 'poll POLLERR'];
    assert.deepEqual(await next.remaining(), drained);

    await script.inject('link card0 fail');
    assert.match(await script.refused('link card0 up'), /^card0 has failed for good; afukit inject probe card0/);
    await script.inject('probe card0');
    await script.inject('reset card0');
    await script.inject('reset afu0.1');
    assert.deepEqual(await script.contexts(), []);
    assert.equal((await runC(t, script.device, 'afu-id').remaining()).length, 2);
  });

  it('what the server refuses is said in terms of the command, with status 1', async t => {
    const script = await served(t);
    const holder = runC(t, script.device, 'hold', '--seconds-free');
    await holder.line();
    const refusals: readonly [command: string, said: RegExp][] = [
      ['interrupt afu0.1/7 1', /^there is no context afu0\.1\/7; afukit ls shows those that are open$/],
      ['fault afu0.0/* 1', /^no context of afu0\.0 is open$/],
      ['interrupt afu0.1/0 9', /^afu0\.1\/0 has not been given that interrupt; afukit ls shows how many it has$/],
      [`event afu0.1/0 ${'00'.repeat(5000)}`, /^that is more than a reader of afu0\.1\/0 can get in one event$/],
      ['link card5 down', /^there is no card5; afukit ls shows the cards$/],
      ['reset afu0.2', /^there is no afu0\.2; afukit ls shows the AFUs$/],
      ['reset afu0.1', /^a context of afu0\.1 is open, or it is being reset$/],
    ];
    for (const [command, said] of refusals) assert.match(await script.refused(command), said);
    await script.inject('detach afu0.1/0');
    assert.match(await script.refused('error afu0.1/0 1'), /^afu0\.1\/0 is CLOSED/);
    await holder.finish();
  });

  it('a text goes as it is, with its spaces', async t => {
    const script = await served(t);
    const client = runC(t, script.device, 'block');
    await client.lines(2);
    const args = ['inject', '-m', script.where.mountPoint, 'event', 'afu0.1/0', 'text:two  words '];
    assert.equal((await afukit(t, script.where, args).ended).code, 0);
    const data = Buffer.from('two  words ').toString('hex');
    assert.deepEqual(await client.remaining(), [`event afu_driver pe=0 data=${data}`]);
  });
});

describe('docs/fault-injection.md', { skip: any(noFuse(), noPython()) }, () => {
  const text = readFileSync(join(packageRoot, 'docs/fault-injection.md'), 'utf8');

  it('its script does what it says', async t => {
    const where = await place(t);
    const [, script = ''] = /```sh\n(.*?)```/s.exec(text) ?? [];
    const afukit = join(where.project, 'afukit');
    await writeFile(afukit, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 });
    const env = { ...where.env, PATH: `${where.project}:${process.env['PATH']}` };
    const { code, stdout, stderr } = await start(t, 'sh', ['-c', script], { cwd: where.project, env, detached: true })
      .ended;
    assert.equal(code, 0, stderr);
    const seen = ['event type 1', 'event type 2', 'event type 3', 'event type 4', 'Input/output error', ''];
    assert.deepEqual(stdout.split('\n').slice(-seen.length), seen);
  });

  it('has every command', () => {
    for (const command of commands) assert.ok(text.includes(`| \`${usageOf(command).replaceAll('|', '\\|')}\` |`));
  });
});

describe('a command that is none', { concurrency: 2 }, () => {
  const mistakes: readonly [args: readonly string[], said: RegExp][] = [
    [[], /^no command; there are interrupt, .*, reset \(afukit inject --help\)$/],
    [['explode', 'card0'], /^unknown command "explode"; there are /],
    [['interrupt'], /^interrupt afuC\.S\/PE N: .* is missing/],
    [['interrupt', 'afu0.0', '1'], /"afu0\.0" is not a context such as afu0\.0\/3/],
    [['interrupt', 'afu0.0/0'], /N is missing, a number from 1 to 65535/],
    [['interrupt', 'afu0.0/0', 'one'], /N must be a number from 1 to 65535, not "one"/],
    [['interrupt', 'afu0.0/0', '1', '2'], /"2" is too much/],
    [['fault', 'afu0.0/0', '0x1ffffffffffffffff'], /ADDRESS must be a number of up to 64 bits/],
    [['event', 'afu0.0/0', '123'], /must be bytes in hexadecimal, two digits each, or "text:" and a text, not "123"/],
    [['event', 'afu0.0/0', 'text:a\nreset card0 force'], /a command is one line/],
    [['event', 'afu0.0/0', `text:${'x'.repeat(32_768)}`], /shorter than 32768 bytes/],
    [['link', 'card0', 'off'], /must be "down" or "up" or "fail", not "off"/],
    [['reset', 'everything'], /^reset cardC \[force\] or reset afuC\.S: "everything" is not a card .* or an AFU/],
    [['--mount'], /--mount/],
  ];
  for (const [args, said] of mistakes) {
    const name = args.join(' ').slice(0, 40).replaceAll('\n', '\\n');
    it(`afukit inject ${name}: one line, status 2, and no mount is looked for`, async t => {
      assert.match(await refused(afukit(t, await place(t), ['inject', ...args])), said);
    });
  }
});
