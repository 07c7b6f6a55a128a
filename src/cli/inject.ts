import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { errnoText, type ErrnoCode } from '../abi/index.ts';
import { commands, LONGEST_WRITE, parseCommand, usageOf, type Command } from '../devfs/index.ts';
import { codeOf, explained, isGone, servedMount } from './served-mount.ts';
import { UserError, type Arguments } from './verb.ts';

const FILE = 'debug/cxl/inject';

/** `afukit inject COMMAND...`: status 1 when the server refuses. */
export async function inject({ values, rest }: Arguments): Promise<number> {
  const line = rest.join(' ');
  const parsed = parseCommand(line, commands);
  if ('problem' in parsed) throw new UserError(`${parsed.problem} (afukit inject --help)`);
  if (line.includes('\n')) throw new UserError('a command is one line; give a text with newlines in hexadecimal');
  if (Buffer.byteLength(line) >= LONGEST_WRITE) throw new UserError(`a command is shorter than ${LONGEST_WRITE} bytes`);
  const mount = await servedMount(values['mount']);
  const file = await open(join(mount, FILE), 'w').catch((error: unknown) => {
    throw explained(error, mount, FILE);
  });
  try {
    await file.write(line);
  } catch (error) {
    process.stderr.write(`afukit: ${refusal(parsed, error, mount)}\n`);
    return 1;
  } finally {
    await file.close();
  }
  return 0;
}

function refusal({ form, subject }: { form: Command; subject: string }, error: unknown, mount: string): string {
  const code = codeOf(error) as ErrnoCode;
  const meant = form.refusals[code];
  if (meant) return meant(subject);
  if (isGone(error)) return explained(error, mount, FILE).message;
  return `${form.name} ${subject}: ${code} (${errnoText(code)})`;
}

/** The commands, for `--help`. */
export function commandHelp(): string {
  const width = Math.max(...commands.map(command => usageOf(command).length));
  return commands.map(command => `  ${usageOf(command).padEnd(width)}  ${command.help}`).join('\n');
}
