// Holds the arrows between the rooms (design.md section 3): who may import whom, and who may use Node at all.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Room -> the rooms below it, and which packages from outside it may name. '.' is src/index.ts itself. */
export const arrows = {
  abi: { rooms: [], outside: [] },
  config: { rooms: [], outside: [] },
  core: { rooms: ['abi'], outside: [] },
  file: { rooms: ['core', 'abi'], outside: [] },
  driver: { rooms: ['core', 'abi'], outside: [] },
  afu: { rooms: ['core', 'abi', 'driver'], outside: [], globals: true },
  fuse: { rooms: [], outside: ['node:', 'koffi'] },
  devfs: { rooms: ['fuse', 'file', 'core', 'abi', 'driver', 'afu'], outside: ['node:', 'koffi'] },
  launch: { rooms: [], outside: ['node:'] },
  testing: { rooms: ['launch', 'devfs', 'fuse', 'file', 'driver', 'afu', 'core', 'abi'], outside: ['node:'] },
  check: { rooms: ['devfs', 'fuse', 'file', 'core', 'abi', 'driver', 'afu'], outside: ['node:'] },
  cli: {
    rooms: ['check', 'launch', 'devfs', 'fuse', 'file', 'core', 'abi', 'driver', 'afu', '.'],
    outside: ['node:', 'jiti', 'koffi', 'valibot'],
  },
  '.': { rooms: ['devfs', 'file', 'core', 'abi', 'driver', 'afu', 'cli'], outside: ['node:diagnostics_channel'] },
};

const importPattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"`])([^'"`\n]+)\1/g;

function* sourceFiles(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(path);
    else if (entry.name.endsWith('.ts')) yield path;
  }
}

const roomOf = path => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '.');

/** Every import below `source` that the table does not allow, as one line each. */
export function violations(source, table = arrows) {
  const found = [];
  for (const file of sourceFiles(source)) {
    const name = relative(source, file);
    const room = roomOf(name);
    const allowed = table[room];
    if (!allowed) {
      found.push(`src/${name}: the room "${room}" is not in the table of scripts/check-arrows.mjs`);
      continue;
    }
    const text = readFileSync(file, 'utf8').replace(/^\s*(?:\*|\/\/|\/\*).*$/gm, '');
    for (const [, , target] of text.matchAll(importPattern)) {
      if (target.startsWith('.')) {
        const other = roomOf(relative(source, join(dirname(file), target)));
        if (other !== room && !allowed.rooms.includes(other))
          found.push(`src/${name}: ${room} must not import ${other}`);
      } else if (
        !allowed.outside.some(prefix => target === prefix || (prefix.endsWith(':') && target.startsWith(prefix)))
      ) {
        found.push(`src/${name}: ${room} must not import "${target}"`);
      }
    }
    if (
      !allowed.globals &&
      !allowed.outside.includes('node:') &&
      /\bprocess\.|\bBuffer\b|\bsetImmediate\b/.test(text)
    ) {
      found.push(`src/${name}: ${room} uses a Node global (process, Buffer or setImmediate)`);
    }
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = violations(join(dirname(dirname(fileURLToPath(import.meta.url))), 'src'));
  for (const line of found) process.stdout.write(`${line}\n`);
  process.exitCode = found.length ? 1 : 0;
}
