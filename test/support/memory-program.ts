import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { ProcessMemory } from '../../src/devfs/process-memory.ts';
import { atEnd } from './cleanup.ts';
import { cProgram } from './clients.ts';
import { start, type Program } from './program.ts';

export interface Mapping {
  readonly kind: 'private' | 'shared' | 'memfd';
  readonly pages?: number;
  readonly protection?: string;
  /** Where; anywhere if 0n. */
  readonly at?: bigint;
}

/** test/programs/memory.c: a process whose memory a test looks at, and that does what it is told. */
export class MemoryProgram {
  readonly program: Program;

  private constructor(program: Program) {
    this.program = program;
  }

  /** @param before a command line to run it by, as another user for example */
  static async start(t: TestContext, before: readonly string[] = []): Promise<MemoryProgram> {
    const [command, ...args] = [...before, cProgram('memory', '-pthread')];
    const started = new MemoryProgram(start(t, command, args));
    assert.equal(await started.program.line(), `ready ${started.pid}`);
    return started;
  }

  get pid(): number {
    return this.program.pid;
  }

  /** Its memory as the server has it; let go of at the test's end. */
  memory(t: TestContext, threadId: number = this.pid): ProcessMemory {
    const memory = ProcessMemory.of(threadId);
    assert.ok(memory, `thread ${threadId} is not there`);
    atEnd(t, () => memory.close());
    return memory;
  }

  /** What it answers to a command. */
  async ask(...words: readonly (string | number | bigint)[]): Promise<string> {
    const texts = words.map(word => (typeof word === 'bigint' ? `0x${word.toString(16)}` : String(word)));
    this.program.send(texts.join(' '));
    const answer = await this.program.line();
    assert.doesNotMatch(answer, /^-1/, texts.join(' '));
    return answer;
  }

  /** Maps pages, each of which is filled with its own number, from 1; returns their address. */
  async map({ kind, pages = 1, protection = 'rw-', at = 0n }: Mapping): Promise<bigint> {
    return BigInt(await this.ask(kind, at, pages, protection));
  }
}
