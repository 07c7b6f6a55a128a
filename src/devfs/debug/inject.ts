import { CxlError, messageOf, type Adapter, type ControlFile } from '../../core/index.ts';
import { logLine } from '../log-line.ts';
import { commands } from './commands.ts';
import { parseCommand } from './grammar.ts';

/** The kernel cuts a longer write(2) into pieces of this size, and so perhaps a command in two. */
export const LONGEST_WRITE = 32_768;

/**
 * `debug/cxl/inject`: each line that is written is a command. Several are carried out in order, up to the first that fails,
 * whose errno the writer gets.
 * @param log told what was done, and why something was refused: the writer sees an errno only
 */
export function injectFile(adapters: readonly Adapter[], log: (line: string) => void): ControlFile {
  return {
    write(bytes) {
      if (bytes.length >= LONGEST_WRITE) {
        log(`inject: a write of ${bytes.length} bytes or more, not below ${LONGEST_WRITE}`);
        throw new CxlError('EMSGSIZE', 'inject');
      }
      const lines = new TextDecoder().decode(bytes).split('\n');
      for (const line of lines) if (line.trim() !== '') carryOut(adapters, line, log);
    },
  };
}

function carryOut(adapters: readonly Adapter[], line: string, log: (line: string) => void): void {
  try {
    const parsed = parseCommand(line, commands);
    if ('problem' in parsed) throw new CxlError('EINVAL', 'inject', parsed.problem);
    parsed.form.act(adapters, parsed.values);
  } catch (error) {
    log(logLine(`inject: ${line}: ${messageOf(error)}`));
    throw error;
  }
  log(logLine(`inject: ${line}: done`));
}
