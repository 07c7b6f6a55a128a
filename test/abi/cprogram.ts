import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Why no C program can be compiled here, or undefined if one can. In CI that is an error, not a reason. */
export function noCompiler(): string | undefined {
  if (spawnSync('cc', ['--version'], { stdio: 'ignore' }).status === 0) return undefined;
  if (process.env['CI']) throw new Error('no C compiler (cc) in CI: the layouts would go unchecked');
  return 'no C compiler (cc) on this machine';
}

/** Why a header cannot be included here, or undefined if it can. */
export function noHeader(header: string): string | undefined {
  return existsSync(path.join('/usr/include', header)) ? undefined : `no /usr/include/${header} on this machine`;
}

/**
 * The values of integer constant expressions, as a C program prints them.
 *
 * @param prologue includes and declarations.
 * @param expressions C expressions that fit in 64 bits.
 * @returns expression to value, unsigned.
 */
export function evaluateC(prologue: string, expressions: readonly string[]): Map<string, bigint> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'afukit-abi-'));
  try {
    const source = path.join(directory, 'print.c');
    const program = path.join(directory, 'print');
    const lines = expressions.map(e => `  printf("%llu\\n", (unsigned long long)(${e}));`);
    writeFileSync(
      source,
      `#include <stddef.h>\n#include <stdio.h>\n${prologue}\nint main(void)\n{\n${lines.join('\n')}\n  return 0;\n}\n`,
    );
    execFileSync('cc', ['-std=gnu99', '-Wall', '-Werror', '-o', program, source], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const printed = execFileSync(program, { encoding: 'utf8' }).trim().split('\n');
    return new Map(expressions.map((expression, at) => [expression, BigInt(printed[at] ?? -1)]));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
