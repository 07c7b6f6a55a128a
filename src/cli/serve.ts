import { join } from 'node:path';

import { nodesOf, viewsOf } from '../devfs/index.ts';
import { loadConfig } from './config.ts';
import { EndSignals, startServing } from './serving.ts';
import type { Arguments } from './verb.ts';

/** `afukit serve`: until a signal or until somebody unmounts. */
export async function serve({ values }: Arguments): Promise<number> {
  const signals = new EndSignals();
  const { adapters, permissions, modules } = await loadConfig(values['config'] as string | undefined);
  const serving = await startServing(values['mount'] as string | undefined, adapters, {
    permissions,
    modules,
    log: line => process.stderr.write(`afukit: ${line}\n`),
    onWarning: message => process.stderr.write(`afukit: ${message}\n`),
    ...(values['trace'] === true ? { trace: (line: string) => process.stderr.write(`${line}\n`) } : {}),
  });
  const afus = adapters.flatMap(adapter => adapter.afus);
  const devices = afus.flatMap(afu => {
    const names = [...viewsOf(afu).map(view => `cxl/${afu.name}${view}`), ...Object.keys(nodesOf(afu))];
    return names.map(name => ({ path: join(serving.directory, 'dev', name), model: afu.backend.name }));
  });
  if (values['json'] === true) {
    process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, mount: serving.directory, devices })}\n`);
  } else {
    for (const { path, model } of devices) process.stdout.write(`${path}  ${model}\n`);
    process.stdout.write(`serving on ${serving.directory}; Ctrl-C ends it\n`);
  }
  await Promise.race([signals.first, serving.closed]);
  await serving.close();
  if (signals.caught === undefined) process.stderr.write(`afukit: ${serving.directory} was unmounted\n`);
  return 0;
}
