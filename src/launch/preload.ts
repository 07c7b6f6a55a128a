/**
 * What a program is started with so that it finds character devices, where libcxl insists on them and a FUSE server cannot
 * make them: preload/cxl-stat.c in its LD_PRELOAD.
 */
import { PreloadError, preloadLibrary } from './preload-library.ts';
import { obstacle, readElf } from './program-file.ts';

const CONSEQUENCE = 'programs that insist on a character device (libcxl) will not see one';

/**
 * The environment for a program that sees the files of a mount as character devices. Where that cannot be, `warn` is told
 * why, in one line; a program that the library does not reach may still start one that it does.
 * @param device st_dev of the mount's files
 */
export async function withPreload(
  program: string,
  device: { readonly major: number; readonly minor: number },
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void,
): Promise<NodeJS.ProcessEnv> {
  let library: string;
  try {
    library = await preloadLibrary(env);
  } catch (error) {
    if (!(error instanceof PreloadError)) throw error;
    warn(`${error.message}: ${CONSEQUENCE}: ${error.remedy}, or say --no-preload`);
    return env;
  }
  const machine = (await readElf(library))?.machine ?? '';
  const obstructed = await obstacle(program, env['PATH'], machine);
  if (obstructed) warn(`${obstructed.what}: ${CONSEQUENCE}`);
  if (obstructed?.kind === 'machine') return env;
  const others = env['LD_PRELOAD'] ?? '';
  return {
    ...env,
    LD_PRELOAD: others === '' ? library : `${library}:${others}`,
    AFUKIT_PRELOAD_DEV: `${device.major}:${device.minor}`,
  };
}
