import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Adapter, type Afu, type AfuDriver, type Context, DriverModule } from '../../src/core/index.ts';
import { EventQueue, ModuleTable } from '../../src/driver/index.ts';
import { Backend, codeOf, drain, owner } from '../core/rig.ts';

function tableOf(...drivers: (AfuDriver | DriverModule | undefined)[]): { afus: readonly Afu[]; table: ModuleTable } {
  const { afus } = new Adapter({ afus: drivers.map(driver => ({ backend: new Backend(), driver })) });
  return { afus, table: new ModuleTable(afus) };
}

/** A driver that posts its version to each context it opens. */
const versioned = (version: number): AfuDriver => ({
  name: 'd',
  open: context => void new EventQueue(context).post(Uint8Array.of(version)),
});

describe('M4, point 1: the table of modules', () => {
  it('takes in the modules that AFUs are bound to, each once, and says which AFUs those are', () => {
    const [a, b] = [owner('a'), owner('b')];
    const { afus, table } = tableOf(a, b, a, undefined);
    assert.deepEqual(table.modules, [a, b]);
    assert.deepEqual(table.boundTo(a), [afus[0], afus[2]]);
    assert.deepEqual(table.boundTo(owner('a')), []);
  });

  it('load: EEXIST while another module of that name is loaded, and nothing is bound; more AFUs for the same one', () => {
    const module = owner('a');
    const { afus, table } = tableOf(module, undefined);
    assert.equal(
      codeOf(() => table.load({ name: 'a' }, afus)),
      'EEXIST',
    );
    assert.deepEqual([table.modules, afus[0]!.driver, afus[1]!.driver], [[module], module, undefined]);
    assert.equal(table.load(module, [afus[1]!]), module);
    assert.deepEqual(table.boundTo(module), [...afus]);
    table.unload('a');
    assert.equal(table.load({ name: 'a' }, afus).state, 'live');
  });

  it('unload: ENOENT for an unknown name; EBUSY naming the holders while held, and still bound; then no driver', () => {
    const module = owner('a');
    const { afus, table } = tableOf(module, module);
    assert.equal(
      codeOf(() => table.unload('b')),
      'ENOENT',
    );
    const context = afus[1]!.openContext();
    assert.throws(() => table.unload('a'), { code: 'EBUSY', message: /held by afu0\.1 pe 0/ });
    assert.deepEqual([table.boundTo(module).length, module.state], [2, 'live']);
    context.release();
    table.unload('a');
    assert.deepEqual([afus[0]!.driver, afus[1]!.driver, module.state], [undefined, undefined, 'gone']);
    assert.deepEqual(table.modules, []);
    assert.equal(afus[0]!.openContext().module, undefined);
    assert.equal(
      codeOf(() => table.unload('a')),
      'ENOENT',
    );
  });

  it('replace: new contexts use the new code, old ones keep the old until they are closed, however many generations', () => {
    const exits: number[] = [];
    const driver = (version: number): AfuDriver => ({ ...versioned(version), exit: () => void exits.push(version) });
    const { afus, table } = tableOf(driver(1));
    const first = afus[0]!.openContext();
    const second = table.replace('d', driver(2));
    const next = afus[0]!.openContext();
    const third = table.replace('d', driver(3));
    const last = afus[0]!.openContext();
    assert.deepEqual(
      [first, next, last].flatMap(context => drain(context)),
      ['driver 1', 'driver 2', 'driver 3'],
    );
    assert.deepEqual(
      table.modules.map(({ generation, state }) => [generation, state]),
      [
        [1, 'going'],
        [2, 'going'],
        [3, 'live'],
      ],
    );
    assert.deepEqual([table.boundTo(second), table.boundTo(third)], [[], [afus[0]]]);
    assert.deepEqual(exits, []);
    next.release();
    first.release();
    assert.deepEqual(exits, [2, 1]);
    assert.deepEqual(table.modules, [third]);
    assert.equal(table.live('d', 'test'), third);
  });

  it('replace of a module that nobody holds ends it at once; of an unknown one is ENOENT', () => {
    const { table } = tableOf(versioned(1));
    const former = table.live('d', 'test');
    table.replace('d', versioned(2));
    assert.equal(former.state, 'gone');
    assert.equal(
      codeOf(() => table.replace('e', versioned(2))),
      'ENOENT',
    );
  });

  it('one plain driver object behind two AFUs: after its exit nothing of it is called any more', () => {
    const log: string[] = [];
    const driver: AfuDriver = {
      name: 'd',
      open: () => void log.push('open'),
      release: () => void log.push('release'),
      exit: () => void log.push('exit'),
    };
    const { afus, table } = tableOf(driver, driver);
    const context = afus[1]!.openContext();
    // Whether this is EBUSY or unloads one of two, exit is the last that the driver hears.
    codeOf(() => table.unload('d'));
    context.release();
    codeOf(() => table.unload('d'));
    codeOf(() => table.unload('d'));
    assert.deepEqual(log, ['open', 'release', 'exit']);
  });
});

interface Step {
  readonly do: 'open' | 'close' | 'kernel' | 'setOps' | 'badOps' | 'unload' | 'retire' | 'replace';
  readonly pick: number;
  readonly module: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(
    'open',
    'open',
    'open',
    'close',
    'close',
    'kernel',
    'setOps',
    'setOps',
    'badOps',
    'unload',
    'retire',
    'replace',
  ),
  pick: fc.nat(7),
  module: fc.nat(2),
});

/** Who holds what, kept beside the real thing. */
class Books {
  readonly #exits = new Map<DriverModule, number>();
  readonly #modules: DriverModule[] = ['a', 'b', 'c'].map(name => this.#load(name, 1));
  readonly #afu: Afu = new Adapter({ afus: [{ backend: new Backend(), driver: this.#modules[0] }] }).afus[0]!;
  readonly #held = new Map<Context, (DriverModule | undefined)[]>();

  #load(name: string, generation: number): DriverModule {
    const module: DriverModule = new DriverModule(
      { name, exit: () => void this.#exits.set(module, this.#exits.get(module)! + 1) },
      generation,
    );
    this.#exits.set(module, 0);
    return module;
  }

  step({ do: what, pick, module: which }: Step): void {
    const module = this.#modules[which]!;
    const context = [...this.#held.keys()][pick];
    if (what === 'open') {
      const { driver } = this.#afu;
      this.#held.set(this.#afu.openContext(), [driver?.state === 'live' ? driver : undefined, undefined]);
    } else if (what === 'kernel') {
      const code = codeOf(() => this.#held.set(this.#afu.openKernelContext(module), [module, undefined]));
      assert.equal(code, module.state === 'live' ? undefined : 'ENODEV');
    } else if (what === 'unload') {
      const code = codeOf(() => module.unload());
      assert.equal(code, this.#count(module) > 0 ? 'EBUSY' : undefined);
    } else if (what === 'retire') module.retire();
    else if (what === 'replace') {
      this.#modules[which] = this.#load(module.name, module.generation + 1);
      this.#afu.bindDriver(this.#modules[which]);
      module.retire();
    } else if (context !== undefined) this.#use(what, context, module);
    this.check();
  }

  #use(what: Step['do'], context: Context, module: DriverModule): void {
    if (what === 'close') {
      context.release();
      this.#held.delete(context);
      return;
    }
    const ops = { owner: module, eventPending: () => false, deliverEvent: () => 0 };
    if (what === 'badOps') {
      const bad = { owner: module, eventPending: () => false };
      assert.equal(
        codeOf(() => context.setDriverOps(bad as never)),
        'EINVAL',
      );
      return;
    }
    const code = codeOf(() => context.setDriverOps(ops));
    assert.equal(code, module.state === 'live' ? undefined : 'ENODEV');
    if (code === undefined) this.#held.get(context)![1] = module;
  }

  #count(module: DriverModule): number {
    return [...this.#held.values()].flat().filter(each => each === module).length;
  }

  check(): void {
    for (const [module, exits] of this.#exits) {
      const count = this.#count(module);
      assert.equal(module.references, count);
      const holders = [...this.#held].filter(([, modules]) => modules.includes(module)).map(([context]) => context);
      assert.deepEqual(new Set(module.holders), new Set(holders));
      assert.equal(exits, module.state === 'gone' ? 1 : 0, 'exit');
      if (count > 0) assert.notEqual(module.state, 'gone');
      else assert.notEqual(module.state, 'going');
    }
  }

  end(): void {
    for (const context of this.#held.keys()) context.release();
    this.#held.clear();
    this.check();
  }
}

describe('C6, point 1: under any sequence of open, close, setDriverOps, unload, retire and replace', () => {
  it('the references are what contexts hold, exit is called once and only when nobody holds any', t => {
    t.mock.method(console, 'warn', () => {});
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50, size: 'max' }), steps => {
        const books = new Books();
        for (const each of steps) books.step(each);
        books.end();
      }),
      { numRuns: 500 },
    );
  });
});
