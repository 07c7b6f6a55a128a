import { CxlError, isAsync, type AfuDriver } from '../core/index.ts';

const hooks = ['open', 'release', 'exit', 'nodes', 'controls'] as const;

/**
 * Checks a driver's shape and returns it, typed; one driver object can serve several AFUs.
 * @throws CxlError EINVAL when it has no name, or a hook is not a function or is async
 */
export function defineDriver(driver: AfuDriver): AfuDriver {
  const { name } = driver;
  if (typeof name !== 'string' || name === '') throw new CxlError('EINVAL', 'defineDriver', 'a driver needs a name');
  for (const hook of hooks) {
    if (driver[hook] !== undefined && typeof driver[hook] !== 'function') {
      throw new CxlError('EINVAL', 'defineDriver', `${hook} of driver ${name} is not a function`);
    }
    if (isAsync(driver[hook])) {
      throw new CxlError('EINVAL', 'defineDriver', `${hook} of driver ${name} must not be async: nobody waits for it`);
    }
  }
  return driver;
}
