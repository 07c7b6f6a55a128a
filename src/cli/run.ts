import { constants } from 'node:os';

import { NamespaceError, runInNamespace, withPreload } from '../launch/index.ts';
import { loadConfig } from './config.ts';
import { MOUNT_VARIABLE } from './served-mount.ts';
import { EndSignals, startServing } from './serving.ts';
import { UserError, type Arguments } from './verb.ts';

const onWarning = (message: string): void => void process.stderr.write(`afukit: ${message}\n`);

/** `afukit run -- PROGRAM`: the program's exit status, with everything taken down before it is passed on. */
export async function run({ values, rest }: Arguments): Promise<number> {
  const [program, ...args] = rest;
  if (program === undefined) throw new UserError('which program? afukit run [--config FILE] -- PROGRAM [ARGUMENT...]');
  const signals = new EndSignals();
  const { adapters, permissions, modules } = await loadConfig(values['config'] as string | undefined);
  const serving = await startServing(undefined, adapters, { permissions, modules, onWarning });
  try {
    const plain = values['no-preload'] === true;
    // What the program starts may want to inject: the mount itself is in its namespace too.
    const own = { ...process.env, [MOUNT_VARIABLE]: serving.directory };
    const env = plain ? own : await withPreload(program, serving.device, own, onWarning);
    if (signals.caught !== undefined) return 128 + constants.signals[signals.caught];
    signals.ignore();
    return await runInNamespace({ tree: serving.directory, program, args, env });
  } catch (error) {
    throw error instanceof NamespaceError ? new UserError(error.message, { cause: error }) : error;
  } finally {
    await serving.close();
  }
}
